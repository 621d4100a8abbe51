"""A message that is held comes in; it is released when it is late enough for the scenario."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from .course import Course

if TYPE_CHECKING:
    from oncewhere.drill.lives import Lives
    from oncewhere.drill.trap import Sprung
    from oncewhere.proxy import LinkName

HOLD_LIMIT_S: Final = 15.0
"""Seconds after which a commit is released although the processor still waits: then its answer was merely slow."""

PATIENCE_MARGIN_S: Final = 2.0
"""Seconds beyond the transaction's timeout; the coordinator looks for expired ones once a second."""

AFTERWARDS_S: Final = 1.0
"""Seconds in which what was released may still do its harm."""


class Held(Course):
    """Holds until the processor has given up: it begins anew with another producer epoch, or ends by itself."""

    def __init__(self, lives: Lives) -> None:
        super().__init__(lives)
        self._link: LinkName | None = None
        self._until_s = 0.0
        self._done_at_s = 0.0
        self._begun = 0

    async def follow(self, sprung: Sprung) -> None:
        """Begins to wait."""
        self._link = sprung.link
        self._begun = self.lives.trap.producers_begun
        limit_s = self.limit_s()
        self._until_s = time.monotonic() + limit_s
        self.lives.grant(limit_s)

    def limit_s(self) -> float:
        """How long it is held at most, in seconds."""
        return HOLD_LIMIT_S

    @property
    def given_up(self) -> bool:
        """True when the processor no longer counts on the message."""
        return self.lives.trap.producers_begun > self._begun or self.lives.victim.exited() is not None

    async def goes_on(self, *, finished: bool) -> bool:
        """Releases it in time."""
        del finished
        if self._link is not None:
            if not self.given_up and time.monotonic() < self._until_s:
                return True
            reached = self.lives.crossing.release(self._link)
            self.lives.history.happened("released", link=str(self._link), reached=reached, given_up=self.given_up)
            self.lives.watch.again()
            self._link, self._done_at_s = None, time.monotonic()
        return bool(self._done_at_s) and time.monotonic() - self._done_at_s < AFTERWARDS_S


class Patience(Held):
    """Holds for longer than the transaction may stay open, whatever the processor does meanwhile."""

    def limit_s(self) -> float:
        """The transaction's timeout, and a margin."""
        return (self.lives.trap.transaction_timeout_s or 0.0) + PATIENCE_MARGIN_S

    @property
    def given_up(self) -> bool:
        """Only a processor that has ended no longer waits for its effect."""
        return self.lives.victim.exited() is not None
