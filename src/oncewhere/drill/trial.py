"""A version, a plan and a lane come in; the processor is killed where the plan says, restarted, and judged.

The order of one trial:
  1. a fresh world: topics, group and databases in which nothing has happened (`lane`);
  2. a fresh crossing: the only addresses that the processor is given;
  3. its lives (`lives`): up to the trap; the kill; what the cluster says, and the dead member's eviction (`aftermath`);
     further lives, until every input is committed and nothing is open, or the deadline;
  4. the last life is ended, the places are read (`looking`), and each is judged by what the history
     then says (`testimony`, `judging`).
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from oncewhere.cluster import ClusterClient
from oncewhere.errors import InconclusiveError
from oncewhere.proxy import Crossing

from .aftermath import Aftermath
from .checks import Finding, ProgressSeen
from .declaration import Version
from .elsewhere import Elsewhere
from .history import History, read
from .inputs import Input
from .itinerary import Sighting
from .judging import findings
from .lane import Lane
from .lives import Lives
from .looking import compared_places, identities, look, write_blind_counts, write_unique_keys, written
from .observations import Declared, observe
from .phases import Phases
from .result import TrialResult
from .scenario import ACTIONS, Plan
from .scenarios import SCENARIOS, Publication
from .testimony import TrialSubject, take_testimony, write_ended, write_found, write_inputs, write_subject
from .trap import Sprung, Trap
from .unfinished import lacking, reasons, slow
from .victim import Victim
from .worlds import Server


class Trial:
    """One trial of one version.

    Args:
        version: what is drilled.
        folder: the declaration's folder.
        inputs: the input records, with an identity each.
        lane: the worlds; nothing else uses them meanwhile.
        plan: what is done to the processor; `CLEAN` for the clean run.
        logs: an existing, empty folder for the wire log and the processor's output.
        name: the trial's folder as it is named in results.
    """

    def __init__(
        self,
        *,
        version: Version,
        folder: Path,
        inputs: Sequence[Input],
        lane: Lane,
        plan: Plan,
        logs: Path,
        name: str,
    ) -> None:
        self._version = version
        self._folder = folder
        self._inputs = inputs
        self._lane = lane
        self._plan = plan
        self._logs = logs
        self._name = name
        self._scenario = SCENARIOS[plan.scenario]
        self._phases = Phases()
        self._history = History(logs / "wire.jsonl", self._phases.take)
        self._victim: Victim | None = None
        self._addresses: Mapping[str, str] = {}
        self.sightings: list[Sighting] = []
        """Every message of a clean run, in the order of the wire."""
        self.recovery: list[Sighting] = []
        """Every message of the life after a first crash."""
        self.transaction_timeout_s: float | None = None
        """The longest that a producer asked for."""

    async def run(self) -> TrialResult:
        """Runs the trial to its judgement.

        Raises:
            ConfigurationError: the processor cannot be started, or ended by itself before it had done anything.
            InconclusiveError: a clean run did not finish its input, or the cluster did not answer.
        """
        began = time.monotonic()
        trap = Trap(self._history, self._plan, self._act)
        publication = self._scenario.publish(self._inputs)
        write_subject(self._history, self._subject(publication))
        try:
            kafka = self._lane.kafka
            async with await ClusterClient.connect(kafka.bootstrap_servers, access=self._lane.access) as cluster:
                aftermath = Aftermath(self._lane.kafka, cluster, self._history)
                await aftermath.evict()
                servers = await self._lane.reset(publication.first, publication.aborted)
                self._write_inputs(publication.first, 0)
                if publication.aborted:
                    self._history.happened("aborted upstream", records=len(publication.aborted))
                try:
                    lives, progress = await self._live(trap, cluster, servers, publication.later)
                except BaseException:
                    with contextlib.suppress(Exception):  # else its dead members keep the group from being deleted
                        await aftermath.evict()
                    raise
                finally:  # before `judged` is written, so that whoever reads that knows it
                    if self._victim is not None:
                        await asyncio.to_thread(self._victim.hide_secrets)
                await aftermath.evict()
            if len(self._lane.kafka.written) > 1:
                self._write_inputs(publication.later, 1)
            write_ended(self._history, progress, lives.crashes, reached=trap.complete)
            found = await look(self._version, self._lane, self._history.path, trap.transaction_timeout_s)
            write_found(self._history, found)
            await write_blind_counts(self._version, self._lane, self._history)
            if self._plan.is_clean:
                await write_unique_keys(self._lane, self._history)
            judged = await asyncio.to_thread(self._judged)
            self._history.happened("judged", verdicts={f.place: f.verdict for f in judged})
        finally:
            self._history.close()
            if self._victim is not None:
                await asyncio.to_thread(self._victim.secrets.take_out_of, self._history.path)
        self.sightings, self.recovery = trap.sightings, trap.recovery
        self.transaction_timeout_s = trap.transaction_timeout_s
        return TrialResult(
            plan=self._plan,
            crashes=tuple(lives.crashes),
            reached=trap.complete,
            findings=judged,
            lives=self._victim.life if self._victim else 0,
            duration_s=round(time.monotonic() - began, 3),
            phases_s=self._phases.durations_s(),
            observations=observe(read(self._history.path), self._declared()),
            folder=self._name,
        )

    async def _live(
        self, trap: Trap, cluster: ClusterClient, servers: Mapping[str, Server | None], later: Sequence[Input]
    ) -> tuple[Lives, ProgressSeen]:
        async with Crossing(trap) as crossing:
            self._addresses = await self._lane.addresses(crossing, servers)
            victim = self._victim = Victim(self._version, self._folder, self._addresses, self._logs)
            lives = Lives(
                self._version,
                victim=victim,
                trap=trap,
                crossing=crossing,
                cluster=cluster,
                lane=self._lane,
                history=self._history,
                course=self._scenario.course,
                why_ended=lambda: self._reasons() or lacking(self._version, self._inputs),
                later=later,
            )
            elsewhere = Elsewhere(victim.mark, crossing, self._history)
            looking = asyncio.create_task(elsewhere.look()) if self._plan.is_clean else None
            try:
                progress = await lives.run()
            finally:
                if looking is not None:
                    looking.cancel()
                victim.bury()
            await lives.aftermath.hear_out(crossing)  # else what is being committed might come after the look
            if self._plan.is_clean and not progress.complete:
                still = f", and was still going on ({progress.going_on})" if progress.going_on else ""
                raise InconclusiveError(
                    f"{self._version.name}: the clean run finished {progress.committed} of {progress.total} inputs "
                    f"within {lives.spent_s:.0f} s{still}.",
                    hint=self._why_unfinished(crossing, progress),
                    detail=victim.last_words() or "(it wrote nothing)",
                )
        for place, counters in crossing.counters.items():
            self._history.happened("crossed", place=place, **dataclasses.asdict(counters))
        return lives, progress

    def _why_unfinished(self, crossing: Crossing, progress: ProgressSeen) -> str:
        """The likeliest reason that the wire shows."""
        if not crossing.counters["kafka"].connections:
            return (
                "It never connected to the drill's Kafka: does it take its address from processor.environment? "
                "Where it only starts slowly here, give it more time (--deadline, or drill.deadline_s)."
            )
        if told := self._reasons():
            return " ".join(told)
        if progress.going_on:
            return slow(self._version.settings.deadline_s)
        more_time = "Give it more time (--deadline SECONDS, or drill.deadline_s), or look at what it says:"
        return " ".join((*lacking(self._version, self._inputs), more_time))

    def _reasons(self) -> tuple[str, ...]:
        """What the wire shows so far that would keep a processor from finishing."""
        return reasons(read(self._history.path), self._declared())

    def _declared(self) -> Declared:
        processor = self._version.processor
        places = {name: self._addresses.get(f"{name}.database", "") for name in self._version.effects}
        return Declared(
            input_topic=processor.input,
            output_topics=processor.output,
            group=processor.group,
            effects=self._version.effects,
            identity=processor.identity,
            databases={name: database for name, database in places.items() if database},
            dedupe_tables={n: e.dedupe_table for n, e in self._version.claims.effects.items() if e.dedupe_table},
        )

    def _write_inputs(self, inputs: Sequence[Input], generation: int) -> None:
        write_inputs(self._history, written(self._version, self._lane.kafka.written[generation], inputs))

    def _judged(self) -> tuple[Finding, ...]:
        return findings(take_testimony(read(self._history.path)))

    def _subject(self, publication: Publication) -> TrialSubject:
        point, processor = self._plan.point, self._version.processor
        return TrialSubject(
            version=self._version.name,
            plan=self._plan.id,
            point=None if point is None else str(point),
            name=None if point is None else point.name,
            noun=self._version.settings.noun,
            input_topic=processor.input,
            group=processor.group,
            judged=tuple(self._scenario.judges(self._version) if self._scenario.judges else self._version.places),
            compared=compared_places(self._version),
            aborted=tuple(identities(self._version, publication.aborted)),
        )

    def _act(self, sprung: Sprung) -> None:
        assert self._victim is not None  # noqa: S101  # no message without a victim
        step = sprung.step
        number = ACTIONS[step.action].signal
        if number is not None:
            self._victim.signal(number)
        self._history.happened("sprung", point=step.point.id, action=step.action, effects_before=sprung.effects_before)
