"""A processor that was told to stop comes in; it ends, or is made to; the next life begins."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from .course import Course

if TYPE_CHECKING:
    from oncewhere.drill.lives import Lives
    from oncewhere.drill.trap import Sprung

STOP_LIMIT_S: Final = 10.0
"""Seconds between SIGTERM and SIGKILL; what orchestrators give is 10 (Docker) to 30 (Kubernetes)."""


class Stopping(Course):
    """SIGTERM, the end, a new life."""

    def __init__(self, lives: Lives) -> None:
        super().__init__(lives)
        self._sprung: Sprung | None = None
        self._until_s = 0.0

    async def follow(self, sprung: Sprung) -> None:
        """Begins to wait for the end."""
        self._sprung = sprung
        self._until_s = time.monotonic() + STOP_LIMIT_S
        self.lives.grant(STOP_LIMIT_S)
        self.lives.expect_end()

    async def goes_on(self, *, finished: bool) -> bool:
        """Begins the next life when this one has ended."""
        del finished
        if self._sprung is None:
            return False
        ended = self.lives.victim.exited() is not None
        if not ended and time.monotonic() < self._until_s:
            return True
        sprung, self._sprung = self._sprung, None
        await self.lives.next_life(sprung, how="ended" if ended else "ignored SIGTERM")
        return True
