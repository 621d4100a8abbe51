"""A transaction in its middle comes in; a second instance joins the group, and then the transaction may go on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from .course import Course

if TYPE_CHECKING:
    from oncewhere.drill.lives import Lives
    from oncewhere.drill.trap import Sprung
    from oncewhere.proxy import LinkName

JOIN_LIMIT_SHARE: Final = 0.5
"""Of the deadline: what the second instance has to start and to join; one that is kept waiting may not let it."""

ASK_EVERY_S: Final = 0.2
"""Seconds between two looks at the group."""


class Company(Course):
    """The first instance is kept waiting at its point while the second one joins."""

    def __init__(self, lives: Lives) -> None:
        super().__init__(lives)
        self._link: LinkName | None = None
        self._until_s = 0.0
        self._asked_at_s = 0.0
        self._before: frozenset[str] = frozenset()

    async def follow(self, sprung: Sprung) -> None:
        """Starts the second instance."""
        self._link = sprung.link
        self._before = await self._members()
        self.lives.start_beside(instance=1)
        limit_s = self.lives.settings.deadline_s * JOIN_LIMIT_SHARE
        self._until_s = time.monotonic() + limit_s
        self.lives.grant(limit_s)

    async def goes_on(self, *, finished: bool) -> bool:
        """Releases the first once the second is a member."""
        del finished
        if self._link is None:
            return False
        now = time.monotonic()
        code = self.lives.victim.newest_exited()
        joined = False
        if code is None and now < self._until_s:
            if now - self._asked_at_s < ASK_EVERY_S:
                return True
            self._asked_at_s = now
            joined = not await self._members() <= self._before  # the first may have several of its own
            if not joined:
                return True
        reached = self.lives.crossing.release(self._link)
        self.lives.history.happened("released", link=str(self._link), reached=reached, joined=joined, exit=code)
        self.lives.watch.again()
        self._link = None
        return True

    async def _members(self) -> frozenset[str]:
        return frozenset(member.member_id for member in await self.lives.members())
