"""How long a fault is felt: faults and the reader's progress in, seconds out.

A fault is over when every key has a record in the reader's hands that was sent after the fault began: only then do all
partitions flow again, end to end. (Faults overlap; each is measured by itself.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from soak.faults import Fault


@dataclass(frozen=True, slots=True)
class Recovery:
    """A fault, and how long it was felt."""

    fault: Fault
    took_s: float

    def __str__(self) -> str:
        return f"{self.took_s:.1f} s ({self.fault.kind}, {self.fault.target})"


class Recoveries:
    """Follows faults from their beginning to the end of their effect."""

    def __init__(self) -> None:
        self.closed: list[Recovery] = []
        self._open: list[tuple[Fault, Mapping[str, int]]] = []

    @property
    def open(self) -> int:
        """How many are still felt."""
        return len(self._open)

    def began(self, fault: Fault, sent: Mapping[str, int]) -> None:
        """A fault began when so many of each key had been sent."""
        self._open.append((fault, sent))

    def look(self, now: float, progress: Mapping[str, int]) -> None:
        """Takes the number that the reader expects next for each key."""
        still: list[tuple[Fault, Mapping[str, int]]] = []
        for fault, sent in self._open:
            if all(progress[key] > count for key, count in sent.items()):
                self.closed.append(Recovery(fault, now - fault.at))
            else:
                still.append((fault, sent))
        self._open = still

    def slowest(self) -> Recovery | None:
        """The longest that a fault was felt."""
        return max(self.closed, key=lambda recovery: recovery.took_s, default=None)
