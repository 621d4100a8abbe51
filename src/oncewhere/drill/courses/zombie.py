"""A stopped process comes in; a successor takes over and finishes, and then the zombie is woken."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from .course import Course

if TYPE_CHECKING:
    from oncewhere.drill.lives import Lives
    from oncewhere.drill.trap import Sprung
    from oncewhere.proxy import LinkName

ASLEEP_LIMIT_SHARE: Final = 0.5
"""Of the deadline: a successor that has not finished by then may be waiting for a lock that the zombie holds."""

AWAKE_QUIET_S: Final = 2.0
"""Seconds without a boundary message after which a woken zombie has done what it was going to do."""

AWAKE_LIMIT_S: Final = 15.0
"""Seconds for which a zombie that goes on working is watched."""


class Zombie(Course):
    """SIGSTOP, eviction, a successor, SIGCONT."""

    def __init__(self, lives: Lives) -> None:
        super().__init__(lives)
        self._link: LinkName | None = None
        self._stopped_at_s = 0.0
        self._woken_at_s = 0.0

    async def follow(self, sprung: Sprung) -> None:
        """The group is told that the stopped member is gone, as its session's timeout would; a successor starts."""
        self._link, self._stopped_at_s = sprung.link, time.monotonic()
        self.lives.history.happened("stopped", life=self.lives.victim.life, at=sprung.message.kind)
        await self.lives.aftermath.evict()
        self.lives.start_beside(instance=0)

    async def goes_on(self, *, finished: bool) -> bool:
        """Wakes it once the successor has finished, and waits until it is quiet or dead."""
        if self._link is None:
            return False
        now = time.monotonic()
        if not self._woken_at_s:
            limit_s = self.lives.settings.deadline_s * ASLEEP_LIMIT_SHARE
            if finished or now - self._stopped_at_s > limit_s:
                self._wake(finished=finished)
            return True
        quiet_s = now - max(self._woken_at_s, self.lives.trap.last_boundary_s)
        return quiet_s < AWAKE_QUIET_S and now - self._woken_at_s < AWAKE_LIMIT_S

    def _wake(self, *, finished: bool) -> None:
        assert self._link is not None  # noqa: S101  # it was stopped at it
        self.lives.victim.resume()
        self.lives.no_telling()
        reached = self.lives.crossing.release(self._link)
        self.lives.history.happened("woken", link=str(self._link), reached=reached, successor_had_finished=finished)
        self.lives.watch.again()
        self._woken_at_s = time.monotonic()
