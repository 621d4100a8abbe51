"""A broker's address comes in; the broker is killed, stays away for a while, and is started again with its data."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from .course import Course

if TYPE_CHECKING:
    from oncewhere.drill.lives import Lives
    from oncewhere.drill.trap import Sprung
    from oncewhere.stack import KafkaServer

AWAY_S: Final = 5.0
"""Seconds for which it is away: longer than its session (3 s), so that leaders and coordinators move."""

FAILOVER_LIMIT_S: Final = 40.0
"""Seconds that the present life gets on top of its deadline."""


class Outage(Course):
    """One of three brokers dies at the point; the processor lives."""

    def __init__(self, lives: Lives) -> None:
        super().__init__(lives)
        self._broker: KafkaServer | None = None
        self._until_s = 0.0
        self._returning: asyncio.Task[None] | None = None

    async def follow(self, sprung: Sprung) -> None:
        """Kills the broker that the message went to, or came from."""
        cluster = self.lives.lane.cluster
        assert cluster is not None  # noqa: S101  # else the scenario is left out
        self._broker = next(b for b in cluster.brokers if b.bootstrap_servers == sprung.link.server)
        await asyncio.to_thread(self._broker.kill)
        self.lives.history.happened("broker killed", server=sprung.link.server, at=sprung.message.kind)
        self._until_s = time.monotonic() + AWAY_S
        self.lives.grant(FAILOVER_LIMIT_S)

    async def goes_on(self, *, finished: bool) -> bool:
        """Brings it back; the trial may end only once every replica is in sync, so that the next one may kill again."""
        del finished
        if self._broker is None:
            return False
        if self._returning is None and time.monotonic() > self._until_s:
            self._returning = asyncio.create_task(asyncio.to_thread(self._bring_back, self._broker))
        if self._returning is None or not self._returning.done():
            return True
        self._returning.result()
        self.lives.history.happened("broker back", server=self._broker.bootstrap_servers)
        self.lives.watch.again()
        self._broker = None
        return True

    def _bring_back(self, broker: KafkaServer) -> None:
        cluster = self.lives.lane.cluster
        assert cluster is not None  # noqa: S101  # see `follow`
        broker.start()
        cluster.wait_in_sync()
