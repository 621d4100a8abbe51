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

LEFT_S: Final = 2.0
"""Seconds after which a connection that the processor has closed counts as given up: first its next step is awaited.

Who mends it asks for a new producer epoch, or commits again; what is late is to come behind that.
"""

AFTERWARDS_S: Final = 1.0
"""Seconds in which what was released may still do its harm."""


class Held(Course):
    """Holds until the processor has given up.

    It begins anew with another producer epoch, commits again on another connection, has closed this one, or has ended.
    """

    def __init__(self, lives: Lives) -> None:
        super().__init__(lives)
        self._link: LinkName | None = None
        self._until_s = 0.0
        self._done_at_s = 0.0
        self._begun = 0
        self._left_at_s: float | None = None

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
        trap = self.lives.trap
        if trap.producers_begun > self._begun or trap.asked_again or self.lives.victim.exited() is not None:
            return True
        return self._left_at_s is not None and time.monotonic() - self._left_at_s >= LEFT_S

    async def goes_on(self, *, finished: bool) -> bool:
        """Releases it in time."""
        del finished
        if self._link is not None:
            if self._left_at_s is None and self.lives.crossing.is_left(self._link):
                self._left_at_s = time.monotonic()
            if not self.given_up and time.monotonic() < self._until_s:
                return True
            told = {
                "given_up": self.given_up or self._left_at_s is not None,
                "outlasted": time.monotonic() >= self._until_s,
            }
            reached = self.lives.crossing.release(self._link)
            self.lives.history.happened("released", link=str(self._link), reached=reached, **told)
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
