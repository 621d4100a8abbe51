"""Versions, servers and a folder for evidence come in; a stream of events and one `DrillResult` go out.

Trials of all versions share some lanes. A lane is a set of servers that one trial at a time has for itself, so that an
unmodified processor, whose topics and group have fixed names, can still be drilled several times at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from oncewhere.errors import ConfigurationError

from . import inputs
from .database_world import DatabaseWorld
from .declaration import Declaration, Version
from .events import DrillBegan, DrillEnded, Listener, TrialBegan, TrialJudged, VersionJudged
from .inputs import Input
from .kafka_world import KafkaWorld
from .points import CrashPoint, NamedCrash, mission_points
from .result import DrillResult, TrialResult, VersionResult
from .trial import Lane, Trial

CLEAN_NAME = "clean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The real servers of one lane.

    Attributes:
        bootstrap_servers: of a cluster that no other lane uses.
        dsns: per effect, a server where databases may be created; lanes may share it.
    """

    bootstrap_servers: str
    dsns: Mapping[str, str]


class Drill:
    """One drill.

    Args:
        declaration: what is drilled.
        versions: the versions to drill, in order.
        crashes: which of the named crashes.
        servers: one entry per lane.
        folder: an existing, empty folder for the evidence.
        recreate_topics: True allows deleting topics that existed before.
        demonstration: True measures versions against what the declaration says they show.
        listener: hears every event.
    """

    def __init__(
        self,
        declaration: Declaration,
        *,
        versions: Sequence[Version],
        crashes: Sequence[NamedCrash],
        servers: Sequence[Servers],
        folder: Path,
        recreate_topics: bool,
        demonstration: bool,
        listener: Listener,
    ) -> None:
        self._declaration = declaration
        self._versions = tuple(versions)
        self._crashes = frozenset(crashes)
        self._servers = tuple(servers)
        self._folder = folder
        self._recreate_topics = recreate_topics
        self._demonstration = demonstration
        self._tell = listener
        self._free: asyncio.Queue[int] = asyncio.Queue()
        self._kafkas: dict[tuple[int, tuple[str, ...]], KafkaWorld] = {}
        self._databases: dict[tuple[int, str], tuple[DatabaseWorld, ...]] = {}

    async def run(self) -> DrillResult:
        """Runs every trial and judges it.

        Raises:
            ConfigurationError: a declaration, an address or the processor's command is wrong.
            InconclusiveError: a version does not finish its clean run, or crosses no boundary that the drill can see.
        """
        began = time.monotonic()
        loaded = {v.name: inputs.load(v, self._declaration.folder) for v in self._versions}
        for number in range(len(self._servers)):
            self._free.put_nowait(number)
        each = 1 + len(self._crashes)
        self._tell(DrillBegan(versions=tuple(v.name for v in self._versions), trials=each * len(self._versions)))
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._version(v, loaded[v.name])) for v in self._versions]
        except BaseException as failure:
            with contextlib.suppress(Exception):  # an error while cleaning up never hides the error that caused it
                await asyncio.to_thread(self._leave_nothing)
            if isinstance(failure, BaseExceptionGroup):
                raise _first(failure) from None
            raise
        await asyncio.to_thread(self._leave_nothing)
        result = DrillResult(
            versions=tuple(task.result() for task in tasks),
            demonstration=self._demonstration,
            folder=str(self._folder),
            duration_s=round(time.monotonic() - began, 3),
        )
        self._tell(DrillEnded(result=result))
        return result

    async def _version(self, version: Version, records: tuple[Input, ...]) -> VersionResult:
        clean, trial = await self._trial(version, records, None)
        points = [
            p for p in mission_points(trial.messages, has_effects=bool(version.effects)) if p.name in self._crashes
        ]
        if not points:
            raise ConfigurationError(f"{version.name}: none of the crashes asked for exists without an effect.")
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._trial(version, records, point)) for point in points]
        result = VersionResult(version=version, trials=(clean, *(task.result()[0] for task in tasks)))
        self._tell(VersionJudged(result=result))
        return result

    async def _trial(
        self, version: Version, records: tuple[Input, ...], point: CrashPoint | None
    ) -> tuple[TrialResult, Trial]:
        name = f"{version.name}/{point.name if point else CLEAN_NAME}"
        async with self._lane(version) as lane:
            self._tell(TrialBegan(version=version.name, point=point))
            logs = self._folder / name
            logs.mkdir(parents=True)
            trial = Trial(
                version=version,
                folder=self._declaration.folder,
                inputs=records,
                lane=lane,
                point=point,
                logs=logs,
                name=name,
            )
            result = await trial.run()
        self._tell(TrialJudged(version=version.name, trial=result))
        return result, trial

    @contextlib.asynccontextmanager
    async def _lane(self, version: Version) -> AsyncIterator[Lane]:
        number = await self._free.get()
        try:
            yield Lane(kafka=self._kafka(number, version), databases=self._database(number, version))
        finally:
            self._free.put_nowait(number)

    def _kafka(self, number: int, version: Version) -> KafkaWorld:
        processor = version.processor
        key = (number, (processor.input, *processor.output, processor.group))
        if key not in self._kafkas:
            self._kafkas[key] = KafkaWorld(
                self._servers[number].bootstrap_servers,
                input_topic=processor.input,
                output_topics=processor.output,
                group=processor.group,
                partitions=version.settings.partitions,
                recreate=self._recreate_topics,
            )
        return self._kafkas[key]

    def _database(self, number: int, version: Version) -> tuple[DatabaseWorld, ...]:
        key = (number, version.name)
        if key not in self._databases:
            self._databases[key] = tuple(
                DatabaseWorld(
                    name,
                    effect,
                    self._declaration.folder,
                    self._servers[number].dsns[name],
                    f"{version.name}_{number}",
                )
                for name, effect in version.effects.items()
            )
        return self._databases[key]

    def _leave_nothing(self) -> None:
        for kafka in self._kafkas.values():
            kafka.remove()
        for databases in self._databases.values():
            for database in databases:
                database.remove()


def _first(failures: BaseExceptionGroup) -> BaseException:
    """The first single exception of a group; the others are its consequence or say the same."""
    found: BaseException = failures
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
