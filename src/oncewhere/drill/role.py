"""A recorded run comes in; the part that each boundary request plays in it goes out, and the request of a part.

Two runs of one processor differ: batches depend on time, and so does the number of commit intervals. What is the last
interval's first write in one run has another address in the next, and plays the same part. So a point that a run did
not come by is looked for where that very run would have come by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .intervals import Address

Shape = frozenset[tuple[str, str]]
"""The places and kinds of an interval's messages."""


class Span(StrEnum):
    """Which of the commit intervals that look alike."""

    MIDDLE = "middle"
    FIRST = "first"
    LAST = "last"
    ALONE = "alone"
    """The first of a shape that none of the others has."""


class Turn(StrEnum):
    """Which of the requests that repeat within an interval."""

    FIRST = "first"
    MIDDLE = "middle"
    LAST = "last"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """The part of a boundary request in its run.

    Attributes:
        place: of the request.
        kind: of the request.
        span: of its commit interval.
        shape: of its commit interval.
        turn: of the request, in the interval.
    """

    place: str
    kind: str
    span: Span
    shape: Shape
    turn: Turn


class Cast:
    """The parts of one recorded run.

    Args:
        addresses: of its boundary requests, in the order of the wire.
        ending: the commit intervals that were ended, in order; the rest of a run is none.
    """

    def __init__(self, addresses: Sequence[Address], ending: Sequence[int]) -> None:
        self._totals: dict[tuple[int, str, str], int] = {}
        self._shapes: dict[int, Shape] = {}
        for address in addresses:
            self._totals[address.interval, address.place, address.kind] = address.nth
            known = self._shapes.get(address.interval, frozenset())
            self._shapes[address.interval] = known | {(address.place, address.kind)}
        whole = list(ending) or list(self._shapes)
        self._whole = {Span.MIDDLE: whole[len(whole) // 2], Span.FIRST: whole[0], Span.LAST: whole[-1]}
        self._spans = self._chosen()

    def role(self, address: Address) -> Role | None:
        """The part of a request; None for one of many that look alike, in an interval or among the intervals."""
        span = self._spans.get(address.interval)
        total = self._totals[address.interval, address.place, address.kind]
        turn = _turns(total).get(address.nth)
        if span is None or turn is None or (span is not Span.MIDDLE and turn is not Turn.FIRST):
            return None
        shape = self._shapes[address.interval]
        return Role(place=address.place, kind=address.kind, span=span, shape=shape, turn=turn)

    def alike(self, address: Address) -> bool:
        """True for a request whose whole interval plays no part of its own."""
        return address.interval not in self._spans

    def find(self, role: Role) -> Address | None:
        """The request that plays a part in this run; None where none does.

        Where two connections overlap, an effect's writes may come just before the commit of one interval in one run
        and just behind it in the next: so the interval nearest to the one that is meant counts, of those that have it.
        """
        interval = self._whole.get(role.span)
        if interval is None:
            interval = next((number for number, shape in self._shapes.items() if shape == role.shape), None)
        having = [number for number in self._shapes if (role.place, role.kind) in self._shapes[number]]
        if interval is None or not having:
            return None
        meant = interval
        nearest = min(having, key=lambda number: abs(number - meant))
        turns = _turns(self._totals[nearest, role.place, role.kind])
        nth = next((nth for nth, turn in turns.items() if turn is role.turn), 1)
        return Address(role.place, role.kind, nearest, nth)

    def _chosen(self) -> Mapping[int, Span]:
        spans: dict[int, Span] = {}
        for span in (Span.MIDDLE, Span.FIRST, Span.LAST):
            spans.setdefault(self._whole[span], span)
        known = {self._shapes[number] for number in spans}
        for number, shape in self._shapes.items():
            if shape not in known:
                known.add(shape)
                spans[number] = Span.ALONE
        return spans


def _turns(total: int) -> Mapping[int, Turn]:
    """By its number, which of so many requests is visited."""
    turns = {1: Turn.FIRST}
    turns.setdefault(total, Turn.LAST)
    turns.setdefault((total + 1) // 2, Turn.MIDDLE)
    return turns
