"""A victim, a trap and a crossing come in; lives and deaths follow each other until the input is finished."""

from __future__ import annotations

import asyncio
import time

from oncewhere.cluster import ClusterClient
from oncewhere.errors import ConfigurationError, InconclusiveError
from oncewhere.proxy import Crossing

from .aftermath import POLL_S, Aftermath
from .checks import ProgressSeen
from .declaration import Version
from .history import History
from .kafka_world import KafkaWorld
from .progress import Progress
from .result import Crash
from .scenario import ACTIONS
from .trap import Sprung, Trap
from .victim import Victim


class Lives:
    """All lives of the processor in one trial.

    Args:
        version: what is drilled.
        victim: starts and ends its lives.
        trap: does the plan's steps.
        crossing: its only way to the servers.
        cluster: the real cluster.
        kafka: the world of the trial.
        history: where everything is written down.

    Attributes:
        crashes: the proof of each kill, in order.
    """

    def __init__(
        self,
        version: Version,
        *,
        victim: Victim,
        trap: Trap,
        crossing: Crossing,
        cluster: ClusterClient,
        kafka: KafkaWorld,
        history: History,
    ) -> None:
        self.crashes: list[Crash] = []
        self._version = version
        self._victim = victim
        self._trap = trap
        self._crossing = crossing
        self._history = history
        self._aftermath = Aftermath(kafka, cluster, history)
        self._watch = Progress(cluster, kafka, trap)
        self._dealt_with = 0
        self._deadline_s = 0.0

    async def run(self) -> ProgressSeen:
        """Lives and deaths, up to the last input's commit or the deadline of the last life.

        Raises:
            ConfigurationError: the processor cannot be started, or ended by itself in the clean run.
            InconclusiveError: it ended by itself before the point was reached.
            Exception: what the observer or a link has raised.
        """
        self._start()
        while time.monotonic() < self._deadline_s:
            if self._crossing.failure is not None:
                raise self._crossing.failure
            if self._dealt_with < len(self._trap.sprung):
                await self._deal_with(self._trap.sprung[self._dealt_with])
                self._dealt_with += 1
            elif await self._watch.finished():
                self._history.happened("complete")
                break
            elif self._watch.complete or self._dealt_with < len(self._trap.sprung):
                pass  # nothing is left to do but to wait, or the trap killed it while we asked for the progress
            elif (code := self._victim.exited()) is not None and not (await self._watch.seen()).complete:
                await self._ended_by_itself(code)
            await asyncio.sleep(POLL_S)
        return await self._watch.seen()

    async def after(self, sprung: Sprung) -> None:
        """What follows an action that does not end the life; nothing of what there is needs anything."""

    async def _deal_with(self, sprung: Sprung) -> None:
        if not ACTIONS[sprung.step.action].ends_life:
            await self.after(sprung)
            return
        code = self._victim.bury()
        self._history.happened("killed", life=self._victim.life, exit=code, at=sprung.message.kind)
        self.crashes.append(await self._aftermath.of(sprung, self._crossing, self._trap.transactional_ids))
        self._trap.next_life()
        self._start()

    def _start(self) -> None:
        self._victim.start()
        self._history.life = self._victim.life
        self._history.happened("started", life=self._victim.life)
        self._deadline_s = time.monotonic() + self._version.settings.deadline_s

    async def _ended_by_itself(self, code: int) -> None:
        self._history.happened("exited", life=self._victim.life, exit=code)
        if not self._trap.sprung:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            kind = ConfigurationError if self._trap.complete else InconclusiveError
            raise kind(
                f"{self._version.name}: the processor ended by itself ({how}) before it had finished its input.",
                hint="Its own last words:" if self._victim.last_words() else "It said nothing.",
                detail=self._victim.last_words(),
            )
        restarts = self._victim.life - 1 - len(self.crashes)
        if restarts < self._version.settings.restart_limit:
            self._crossing.freeze()
            await self._crossing.reset()
            await self._aftermath.evict()
            deadline_s = self._deadline_s
            self._start()
            self._deadline_s = deadline_s  # all lives after one crash share its time
        else:
            await asyncio.sleep(POLL_S)
