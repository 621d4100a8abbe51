"""Segments that must wait come in, in the order of the wire; the same, in the same order, go out at their release.

A held request models a network that delivers late: the processor may give up and go away meanwhile, and the request
still reaches its server. A held reply models an answer that does not come, on a connection that stays open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from oncewhere.wire import Segment

HELD_LIMIT_BYTES: Final = 4_000_000
"""Bytes that one direction may hold before its source is no longer read."""


@dataclass(slots=True)
class Held:
    """What one direction of a connection keeps back.

    Attributes:
        segments: in order; the first of them was decided to be held, the others came behind it.
        ended: True when the side that sent them has said since that it sends no more, or is gone.
    """

    segments: list[Segment] = field(default_factory=list)
    ended: bool = False
    _bytes: int = 0

    def __bool__(self) -> bool:
        return bool(self.segments)

    @property
    def is_full(self) -> bool:
        """True when no more should be read from the source."""
        return self._bytes >= HELD_LIMIT_BYTES

    def keep(self, segment: Segment) -> None:
        """Keeps one more back."""
        self.segments.append(segment)
        self._bytes += len(segment.data)

    def take(self) -> list[Segment]:
        """Gives all of them up."""
        segments, self.segments, self._bytes = self.segments, [], 0
        return segments
