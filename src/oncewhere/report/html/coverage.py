"""The events of a trial come in; which commit intervals an input was processed in goes out.

A commit of offsets says it: an interval that moves a partition from M to N processed its records M to N-1. An interval
that ended without such a commit (the processor died in it) began where the one before it ended, and its end is not
known; so has a life begun where OffsetFetch told it to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from oncewhere.drill.checks import InputSeen
from oncewhere.drill.history import Event, Wire
from oncewhere.wire.message import Direction

COMMITS: Final = frozenset({"TxnOffsetCommit", "OffsetCommit"})

Interval = tuple[int, int]
"""Life, and number of the commit interval within it."""


@dataclass(slots=True)
class Covered:
    """What one interval processed: by partition, the first offset and the one behind the last; None: not known."""

    ranges: dict[int, tuple[int, int | None]] = field(default_factory=dict)


def intervals_of(entry: InputSeen, covered: dict[Interval, Covered]) -> list[Interval]:
    """The intervals that an input was processed in, in order; several where it was redelivered."""
    return [
        interval
        for interval, found in covered.items()
        if (span := found.ranges.get(entry.partition)) is not None
        and span[0] <= entry.offset
        and (span[1] is None or entry.offset < span[1])
    ]


def read_coverage(events: Iterable[Event], topic: str) -> dict[Interval, Covered]:
    """By interval, in the order in which they began, what it processed of the input topic.

    Args:
        events: the history.
        topic: the input topic.
    """
    covered: dict[Interval, Covered] = {}
    positions: dict[int, dict[int, int]] = {}
    for event in events:
        if not isinstance(event, Wire) or not event.life:
            continue
        at = positions.setdefault(event.life, {})
        if event.kind == "OffsetFetch" and event.direction == Direction.REPLY:
            at.update({partition: max(0, offset) for partition, offset in _offsets(event, topic)})
        elif event.boundary and event.direction == Direction.REQUEST:
            found = covered.setdefault((event.life, event.interval), Covered())
            for partition, offset in at.items():
                found.ranges.setdefault(partition, (offset, None))
            if event.kind in COMMITS:
                moved = dict(_offsets(event, topic))
                for partition, offset in at.items():
                    begin = found.ranges[partition][0]
                    found.ranges[partition] = (begin, moved.get(partition, begin))
                    at[partition] = moved.get(partition, offset)
    return covered


def _offsets(event: Wire, topic: str) -> Iterator[tuple[int, int]]:
    for entry in event.fields.get("offsets") or ():
        if entry.get("topic") == topic and isinstance(entry.get("offset"), int):
            yield entry["partition"], entry["offset"]
