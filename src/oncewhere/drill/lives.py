"""A victim, a trap and a crossing come in; lives and deaths follow each other until the input is finished."""

from __future__ import annotations

import asyncio
import dataclasses
import shlex
import time
from collections.abc import Callable, Sequence

from oncewhere.cluster import ClusterClient, Member
from oncewhere.errors import ConfigurationError, InconclusiveError
from oncewhere.masking import masked_arguments
from oncewhere.proxy import Crossing

from .aftermath import POLL_S, Aftermath
from .checks import ProgressSeen
from .courses import Course
from .deadline import Deadline
from .declaration import Settings, Version
from .history import History
from .inputs import Input
from .lane import Lane
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
        lane: the worlds of the trial.
        history: where everything is written down.
        course: what follows the steps.
        why_ended: sentences about what would keep a processor from finishing, asked for where it ended by itself.
        later: inputs that are published when the first are finished.

    Attributes:
        crashes: the proof of each end that the plan brought, in order.
        aftermath: what is asked and done between two lives.
        watch: whether the input is finished.
    """

    def __init__(  # noqa: PLR0913  # the trial's parts, each once
        self,
        version: Version,
        *,
        victim: Victim,
        trap: Trap,
        crossing: Crossing,
        cluster: ClusterClient,
        lane: Lane,
        history: History,
        course: type[Course] = Course,
        why_ended: Callable[[], tuple[str, ...]] = tuple,
        later: Sequence[Input] = (),
    ) -> None:
        self.crashes: list[Crash] = []
        self.victim = victim
        self.trap = trap
        self.crossing = crossing
        self.history = history
        self.lane = lane
        self.later = tuple(later)
        self.aftermath = Aftermath(lane.kafka, cluster, history)
        self.watch = Progress(cluster, lane.kafka, trap, crossing)
        self._version = version
        self._why_ended = why_ended
        self._cluster = cluster
        self._dealt_with = 0
        self._deadline = Deadline(version.settings.deadline_s)
        self._ends_expected = False
        self._course = course(self)

    async def run(self) -> ProgressSeen:
        """Lives and deaths, up to the last input's commit or the end of the last life's time.

        Raises:
            ConfigurationError: the processor cannot be started, or ended by itself in the clean run.
            InconclusiveError: it ended by itself before the point was reached.
            Exception: what the observer or a link has raised.
        """
        self.start()
        while not self._deadline.over(time.monotonic()):
            if self.crossing.failure is not None:
                raise self.crossing.failure
            if self._dealt_with < len(self.trap.sprung):
                await self._deal_with(self.trap.sprung[self._dealt_with])
                self._dealt_with += 1
                continue
            finished = await self.watch.finished()
            if self.watch.committed is not None:
                self._deadline.committed(self.watch.committed, time.monotonic())
            going_on = await self._course.goes_on(finished=finished)
            if finished and not going_on:
                self.history.happened("complete")
                break
            await self._look_after(finished=finished)
            await asyncio.sleep(POLL_S)
        seen = await self.watch.seen()
        if seen.complete:
            return seen
        return dataclasses.replace(seen, going_on=self._deadline.going_on(time.monotonic(), self.trap.first_message_s))

    # ---- what a course may do

    @property
    def spent_s(self) -> float:
        """How long the present life has lasted, with those that it shares its time with."""
        return self._deadline.spent_s(time.monotonic())

    @property
    def settings(self) -> Settings:
        """What the declaration says of drills."""
        return self._version.settings

    def start(self) -> None:
        """The next life begins; it has the whole time for itself."""
        self.victim.start()
        self._began(0)
        self._has_its_time()

    def start_beside(self, *, instance: int) -> None:
        """A life begins while the one before goes on, or is stopped.

        Args:
            instance: what `{instance}` becomes.
        """
        self.victim.start_beside(instance)
        self._began(instance)
        self._has_its_time()
        if instance:
            self.no_telling()

    async def next_life(self, sprung: Sprung, how: str) -> None:
        """Ends a life for good and begins the next one, with the next step armed.

        Args:
            sprung: the step that ended it.
            how: in a word, for the history.
        """
        code = self.victim.bury()
        self._ends_expected = False
        self.history.happened(how, life=self.victim.life, exit=code, at=sprung.message.kind)
        self.crashes.append(await self.aftermath.of(sprung, self.crossing, self.trap.transactional_ids))
        self.trap.next_life()
        self.start()

    async def pause(self) -> None:
        """Ends a life that had finished; nobody is there until the next `start`."""
        self.victim.bury()
        await self.aftermath.hear_out(self.crossing)
        await self.aftermath.evict()

    def expect_end(self) -> None:
        """The life was told to end: that it does is no failure."""
        self._ends_expected = True

    def no_telling(self) -> None:
        """Several lives are awake: whose a connection is that is opened from now on cannot be said."""
        self.history.life = 0

    def grant(self, more_s: float) -> None:
        """Gives the present life more time, for what the scenario takes from it."""
        self._deadline.grant(more_s)

    async def members(self) -> tuple[Member, ...]:
        """The members of the processor's group."""
        return tuple(await self._cluster.describe_group(self.lane.kafka.group))

    # ----

    def _has_its_time(self) -> None:
        self._deadline.begin(time.monotonic())
        self.trap.first_message_s = None

    def _began(self, instance: int) -> None:
        self.history.life = self.victim.life
        self.history.happened("started", life=self.victim.life, instance=instance)

    async def _deal_with(self, sprung: Sprung) -> None:
        if ACTIONS[sprung.step.action].ends_life:
            await self.next_life(sprung, how="killed")
        else:
            await self._course.follow(sprung)

    async def _look_after(self, *, finished: bool) -> None:
        """A processor that ended by itself before its input was finished is started again, within limits."""
        busy = finished or self.watch.complete or self._ends_expected or self._dealt_with < len(self.trap.sprung)
        if busy or (code := self.victim.exited()) is None or (await self.watch.seen()).complete:
            return  # nothing to do, or the trap killed it while we asked for the progress
        await self._ended_by_itself(code)

    async def _ended_by_itself(self, code: int) -> None:
        self.history.happened("exited", life=self.victim.life, exit=code)
        if not self.trap.sprung:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            kind = ConfigurationError if self.trap.complete else InconclusiveError
            command = shlex.join(masked_arguments(self._version.processor.command))
            told = self._why_ended() if self.trap.complete else ()
            raise kind(
                f"{self._version.name}: the processor ended by itself ({how}) before it had finished its input.",
                hint=" ".join(
                    (
                        f"It was started by processor.command: {command}.",
                        *told,
                        "Its own last words:" if self.victim.last_words() else "It said nothing.",
                    )
                ),
                detail=self.victim.last_words(),
            )
        restarts = self.victim.life - 1 - len(self.crashes)
        if restarts < self.settings.restart_limit:
            await self.aftermath.hear_out(self.crossing)
            await self.aftermath.evict()
            self.victim.start()
            self._began(0)  # and no new time: all lives after one crash share it
        else:
            await asyncio.sleep(POLL_S)
