"""What a read_committed reader saw goes in, record by record; violations come out. No I/O."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

VIOLATIONS_KEPT = 20
"""Enough to see a pattern; all are counted."""
RECENT = 512
"""Of each key, how many records are remembered: a copy that the same call made was doubled behind the handler."""


class Kind(StrEnum):
    """How the guarantee was broken."""

    DUPLICATE = "duplicate"
    LOST = "lost"
    REORDERED = "reordered"
    ABORTED_READ = "aborted-read"
    INVENTED = "invented"
    """An output whose input was never sent."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One record as the reader saw it.

    Attributes:
        key: whose number it is.
        number: from 0 for each key.
        position: topic, partition and offset, for people.
        origin: who made it, for people.
    """

    key: str
    number: int
    position: str
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise, as a sentence."""

    kind: Kind
    said: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.said}"


class Checker:
    """Follows each key's numbers, which must come as 0, 1, 2 … without repetition.

    A number that was skipped is a violation at once, since nothing may come out of order: *lost* if it never comes,
    *reordered* if it does.

    Args:
        keys: those that may come.
        poison: the key that nobody may ever see.
    """

    def __init__(self, keys: frozenset[str], poison: str) -> None:
        self.counts = dict.fromkeys(Kind, 0)
        self.kept: list[Violation] = []
        self.records = 0
        self._poison = poison
        self._next = dict.fromkeys(keys, 0)
        self._skipped: dict[tuple[str, int], Seen] = {}
        self._recent: dict[str, deque[Seen]] = {key: deque(maxlen=RECENT) for key in keys}

    @property
    def is_clean(self) -> bool:
        """True when nothing has been violated so far; a skipped number counts."""
        return not self._skipped and not any(self.counts.values())

    @property
    def keys(self) -> Iterable[str]:
        """Those that may come."""
        return self._next.keys()

    def next_of(self, key: str) -> int:
        """The number that must come next."""
        return self._next[key]

    def see(self, seen: Seen) -> None:
        """Take one record."""
        self.records += 1
        if seen.key == self._poison:
            self._note(Kind.ABORTED_READ, f"the record at {seen.position} belongs to a transaction that was aborted")
            return
        expected = self._next.get(seen.key)
        if expected is None:
            self._note(Kind.INVENTED, f"{_name(seen)} at {seen.position} has a key that was never sent")
        elif seen.number < expected:
            if self._skipped.pop((seen.key, seen.number), None) is not None:
                self._note(Kind.REORDERED, f"{_name(seen)} came at {seen.position}, behind {expected - 1}")
            else:
                first = next((old for old in self._recent[seen.key] if old.number == seen.number), None)
                before = f"; first {_made(first)} at {first.position}" if first else ""
                self._note(
                    Kind.DUPLICATE, f"{_name(seen)} came again at {seen.position}, behind {expected - 1}{before}"
                )
        else:
            for number in range(expected, seen.number):
                self._skipped[seen.key, number] = seen
            self._next[seen.key] = seen.number + 1
            self._recent[seen.key].append(seen)

    def end(self, sent: Mapping[str, int], *, complete: bool) -> None:
        """Take the end of it all.

        Args:
            sent: for each key, how many were sent.
            complete: whether everything that is in the topic was seen; else nothing is known to be lost at its end.
        """
        for (key, number), seen in self._skipped.items():
            self._note(Kind.LOST, f"{key}#{number} never came; {_name(seen)} came next, at {seen.position}")
        self._skipped.clear()
        for key, expected in self._next.items():
            count = sent.get(key, 0)
            if expected > count:
                self._note(Kind.INVENTED, f"{key}#{expected - 1} came, and only {count} were sent")
            for number in range(expected, count) if complete else ():
                self._note(Kind.LOST, f"{key}#{number} never came, nor did anything behind it")

    def missing(self, sent: Mapping[str, int]) -> int:
        """How many of those that were sent have not been seen."""
        return len(self._skipped) + sum(max(0, count - self._next[key]) for key, count in sent.items())

    def violations(self) -> Iterator[Violation]:
        """The first ones, also for what was skipped and may still come."""
        yield from self.kept
        for (key, number), seen in list(self._skipped.items())[: VIOLATIONS_KEPT - len(self.kept)]:
            yield Violation(Kind.LOST, f"{key}#{number} has not come, and {_name(seen)} has, at {seen.position}")

    def _note(self, kind: Kind, said: str) -> None:
        self.counts[kind] += 1
        if len(self.kept) < VIOLATIONS_KEPT:
            self.kept.append(Violation(kind, said))


def _name(seen: Seen) -> str:
    return f"{seen.key}#{seen.number}" + (f" ({seen.origin})" if seen.origin else "")


def _made(seen: Seen) -> str:
    return f"by {seen.origin}" if seen.origin else "it came"
