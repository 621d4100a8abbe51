"""A version, a crash point and a lane come in; the processor is killed there, restarted, and judged.

The order of one trial:
  1. a fresh world: topics, group and databases in which nothing has happened;
  2. a fresh crossing: the only addresses that the processor is given;
  3. the first life, up to the trap (or, in a clean run, to the end of the input);
  4. the kill; what the cluster says about the transaction; the dead member's eviction;
  5. further lives, until every input is committed and nothing is open, or the deadline;
  6. the last life is ended, the places are read, and each is judged.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oncewhere.cluster import ClusterClient
from oncewhere.errors import ConfigurationError, InconclusiveError
from oncewhere.proxy import Crossing
from oncewhere.wire.message import Message

from .checks import Finding, PlaceSeen, ProgressSeen, judge
from .database_world import DatabaseWorld
from .declaration import Version
from .history import History
from .identity import Identity
from .inputs import Input
from .kafka_world import KafkaWorld
from .points import CrashPoint, NamedCrash
from .progress import Progress
from .result import Crash, TrialResult
from .trap import Trap
from .verdict import Verdict
from .victim import Victim

POLL_S = 0.01
DECIDED_LIMIT_S = 2.0
EVICTIONS_LIMIT = 20
"""Rounds of eviction: a request of the dead processor may still be on its way and join once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The worlds that one trial at a time has for itself."""

    kafka: KafkaWorld
    databases: tuple[DatabaseWorld, ...]


class Trial:
    """One trial of one version.

    Args:
        version: what is drilled.
        folder: the declaration's folder.
        inputs: the input records, with an identity each.
        lane: the worlds; nothing else uses them meanwhile.
        point: where to kill; None for the clean run.
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
        point: CrashPoint | None,
        logs: Path,
        name: str,
    ) -> None:
        self._version = version
        self._folder = folder
        self._inputs = inputs
        self._lane = lane
        self._point = point
        self._logs = logs
        self._name = name
        self._history = History(logs / "wire.jsonl")
        self._victim: Victim | None = None
        self.messages: list[Message] = []
        """Every message of a clean run, in the order of the wire."""

    async def run(self) -> TrialResult:
        """Runs the trial to its judgement.

        Raises:
            ConfigurationError: the processor cannot be started, or ended by itself before it had done anything.
            InconclusiveError: a clean run did not finish its input, or the cluster did not answer.
        """
        began = time.monotonic()
        try:
            async with await ClusterClient.connect(self._lane.kafka.bootstrap_servers) as cluster:
                await self._no_member_left(cluster)
                await self._fresh_worlds()
                trap = Trap(self._history, self._point, self._kill)
                async with Crossing(trap) as crossing:
                    addresses = await self._addresses(crossing)
                    victim = self._victim = Victim(self._version, self._folder, addresses, self._logs)
                    try:
                        crash, progress = await self._lives(crossing, victim, cluster, trap)
                    finally:
                        victim.bury()
                for place, counters in crossing.counters.items():
                    self._history.happened("crossed", place=place, **dataclasses.asdict(counters))
                await self._no_member_left(cluster)
                self._history.happened("ended", committed=progress.committed, total=progress.total)
            findings = await self._judge(progress, crash, reached=self._point is None or trap.sprung is not None)
        finally:
            self._history.close()
        self.messages = trap.messages
        return TrialResult(
            point=self._point,
            crash=crash,
            findings=findings,
            lives=victim.life,
            duration_s=round(time.monotonic() - began, 3),
            folder=self._name,
        )

    async def _fresh_worlds(self) -> None:
        await asyncio.gather(
            asyncio.to_thread(self._lane.kafka.reset, self._inputs),
            *(asyncio.to_thread(database.reset) for database in self._lane.databases),
        )
        self._history.happened("fresh", inputs=len(self._inputs), point=str(self._point) if self._point else None)

    async def _addresses(self, crossing: Crossing) -> dict[str, str]:
        addresses = {"kafka": await crossing.open_kafka(self._lane.kafka.bootstrap_servers)}
        for database in self._lane.databases:
            host, port = await crossing.open_postgres(database.host, database.port, name=database.name)
            addresses[database.name] = database.address_through(host, port)
        return addresses

    def _kill(self) -> None:
        assert self._victim is not None  # noqa: S101  # no message without a victim
        self._victim.kill()

    async def _lives(
        self, crossing: Crossing, victim: Victim, cluster: ClusterClient, trap: Trap
    ) -> tuple[Crash | None, ProgressSeen]:
        crash: Crash | None = None
        self._start(victim)
        deadline = time.monotonic() + self._version.settings.deadline_s
        watch = Progress(cluster, self._lane.kafka, trap)
        while time.monotonic() < deadline:
            if crossing.failure is not None:
                raise crossing.failure
            if trap.sprung is not None and crash is None:
                crash = await self._after_the_kill(crossing, victim, cluster, trap)
                self._start(victim)
                deadline = time.monotonic() + self._version.settings.deadline_s
            elif await watch.finished():
                break
            elif watch.complete or (trap.sprung is not None and crash is None):
                pass  # nothing is left to do but to wait, or the trap killed it while we asked for the progress
            elif (code := victim.exited()) is not None and not (await watch.seen()).complete:
                await self._ended_by_itself(code, victim, crossing, cluster, crash)
            await asyncio.sleep(POLL_S)
        progress = await watch.seen()
        if self._point is None and not progress.complete:
            raise InconclusiveError(
                f"{self._version.name}: the clean run finished {progress.committed} of {progress.total} inputs "
                f"within {self._version.settings.deadline_s:.0f} s.",
                hint="Give it more time (drill.deadline_s), or look at what it says:",
                detail=victim.last_words(),
            )
        return crash, progress

    def _start(self, victim: Victim) -> None:
        victim.start()
        self._history.life = victim.life
        self._history.happened("started", life=victim.life)

    async def _after_the_kill(self, crossing: Crossing, victim: Victim, cluster: ClusterClient, trap: Trap) -> Crash:
        sprung = trap.sprung
        assert sprung is not None  # noqa: S101  # the caller saw it
        code = victim.bury()
        self._history.happened("killed", life=victim.life, exit=code, at=sprung.message.kind)
        for request in await crossing.reset():
            self._history.happened("unanswered", link=str(request.link), kind=request.message.kind)
        transactions = await self._transactions(cluster, trap)
        offsets = await self._lane_offsets(cluster)
        evicted = await self._no_member_left(cluster)
        trap.next_life()
        outcome = {"before": "dropped", "delivered": "forwarded", "replied": "withheld"}[
            str(self._point and self._point.phase)
        ]
        return Crash(
            message=sprung.message.kind,
            outcome=outcome,
            effects_before=sprung.effects_before,
            transactions=transactions,
            offsets_stable=offsets,
            evicted=evicted,
        )

    async def _transactions(self, cluster: ClusterClient, trap: Trap) -> dict[str, str]:
        """Their states, once no coordinator is in the middle of writing markers (EndTxn is answered before that)."""
        deadline = time.monotonic() + DECIDED_LIMIT_S
        while True:
            described = await cluster.describe_transactions(list(trap.transactional_ids))
            states = {name: found.state for name, found in described.items()}
            if not any(state.startswith("Prepare") for state in states.values()) or time.monotonic() > deadline:
                break
            await asyncio.sleep(POLL_S)
        self._history.happened("transactions", states=states)
        return states

    async def _lane_offsets(self, cluster: ClusterClient) -> bool:
        kafka = self._lane.kafka
        found = await cluster.committed_offsets(kafka.group, {kafka.input_topic: list(kafka.ends)})
        stable = all(isinstance(offset, int) for offset in found.values())
        self._history.happened(
            "committed", stable=stable, offsets={f"{t}-{p}": offset for (t, p), offset in found.items()}
        )
        return stable

    async def _no_member_left(self, cluster: ClusterClient) -> int:
        group, evicted = self._lane.kafka.group, 0
        for _ in range(EVICTIONS_LIMIT):
            members = await cluster.describe_group(group)
            if not members:
                break
            evicted += await cluster.evict_members(group, members)
        self._history.happened("evicted", members=evicted)
        return evicted

    async def _ended_by_itself(
        self, code: int, victim: Victim, crossing: Crossing, cluster: ClusterClient, crash: Crash | None
    ) -> None:
        self._history.happened("exited", life=victim.life, exit=code)
        if self._point is None or crash is None:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise ConfigurationError(
                f"{self._version.name}: the processor ended by itself ({how}) before it had finished its input.",
                hint="Its own last words:" if victim.last_words() else "It said nothing.",
                detail=victim.last_words(),
            )
        restarts = victim.life - 2
        if restarts < self._version.settings.restart_limit:
            crossing.freeze()
            await crossing.reset()
            await self._no_member_left(cluster)
            self._start(victim)
        else:
            await asyncio.sleep(POLL_S)

    def _crossed_the_gap(self, crash: Crash | None) -> bool:
        """False for a crash "after the effect" before which no effect was confirmed: it shows nothing about the gap."""
        named = self._point is not None and self._point.name is NamedCrash.AFTER_EFFECT
        return not (named and self._lane.databases and crash is not None and crash.effects_before == 0)

    async def _judge(self, progress: ProgressSeen, crash: Crash | None, *, reached: bool) -> tuple[Finding, ...]:
        identity = Identity.parse(self._version.processor.identity)
        identities = [
            str(identity.of(_bytes(r.key), bytes(r.value), [(k, v.encode()) for k, v in r.headers.items()]))
            for r in self._inputs
        ]
        kafka = self._lane.kafka
        seen: list[PlaceSeen] = [
            *[await asyncio.to_thread(kafka.outputs, topic, identity) for topic in kafka.output_topics],
            *[await asyncio.to_thread(database.seen) for database in self._lane.databases],
        ]
        if reached:
            findings = tuple(judge(identities, place, progress) for place in seen)
            return findings if self._crossed_the_gap(crash) else tuple(_not_proved(f) for f in findings)
        return tuple(
            Finding(
                place=place.place,
                system=place.system,
                check=0,
                verdict=Verdict.UNKNOWN,
                sentence="the crash point of the clean run was not reached again, so nothing was crashed",
            )
            for place in seen
        )


def _not_proved(finding: Finding) -> Finding:
    """What went wrong stays wrong; what seemed to hold was not put to the test."""
    if finding.verdict is not Verdict.ONCE:
        return finding
    told = "no effect had been confirmed when the processor died, so the gap after it was not tried"
    return dataclasses.replace(finding, check=0, verdict=Verdict.UNKNOWN, sentence=told)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
