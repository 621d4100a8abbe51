"""Servers come in; the worlds that one trial at a time has for itself go out.

A lane is a set of servers that one trial at a time has for itself, so that an unmodified processor, whose topics and
group have fixed names, can still be drilled several times at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from oncewhere.cluster import Access
from oncewhere.errors import InconclusiveError, OncewhereError
from oncewhere.proxy import Crossing, Tls
from oncewhere.stack.kafka_cluster import KafkaCluster
from oncewhere.stack.kafka_settings import REPLICAS_MAX

from .declaration import Version
from .inputs import Input
from .kafka_world import KafkaWorld
from .worlds import Server, Wanted, World, open_world

Turn = tuple[int, int]
"""When a trial has its turn: by its round, and in that by its place among its version's trials. The least is first."""
AT_ONCE: Final[Turn] = (0, -1)
"""The turn of a trial on which all others of its version wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The real servers of one lane.

    Attributes:
        bootstrap_servers: of a cluster that no other lane uses.
        dsns: per effect, the URL of a server where the drill may make what it needs; lanes may share a database server,
            nothing else. An effect without one has a stand-in, or no server at all.
        kafka_settings: how the drill's own clients speak to the brokers (`security.protocol` …).
        cluster: the brokers, where they are ours to kill.
    """

    bootstrap_servers: str
    dsns: Mapping[str, str]
    kafka_settings: Mapping[str, str] = field(default_factory=dict)
    cluster: KafkaCluster | None = None

    @property
    def spare_brokers(self) -> int:
        """How many brokers may be missing at a time: of three of ours, one."""
        return int(self.cluster is not None and len(self.cluster.brokers) >= REPLICAS_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The worlds that one trial at a time has for itself.

    Attributes:
        kafka: topics and group.
        worlds: of the effects.
        access: how the brokers are spoken to.
        cluster: the brokers, where they are ours to kill.
    """

    kafka: KafkaWorld
    worlds: tuple[World, ...]
    access: Access = field(default_factory=Access)
    cluster: KafkaCluster | None = None

    async def reset(self, inputs: Sequence[Input], aborted: Sequence[Input] = ()) -> Mapping[str, Server | None]:
        """Makes worlds in which nothing has happened, and writes the inputs.

        Args:
            inputs: in this order.
            aborted: in the midst of them, in a transaction that is aborted.

        Returns:
            By effect, its server; None where it has none.

        Raises:
            ConfigurationError: a server cannot be used, or holds something that is not ours to delete.
            InconclusiveError: the cluster did not finish in time.
        """
        _, *servers = await asyncio.gather(
            asyncio.to_thread(self.kafka.reset, inputs, aborted),
            *(asyncio.to_thread(world.reset) for world in self.worlds),
        )
        return {world.name: server for world, server in zip(self.worlds, servers, strict=True)}

    async def addresses(self, crossing: Crossing, servers: Mapping[str, Server | None]) -> dict[str, str]:
        """Opens the ways; returns what `{kafka}` and `{EFFECT}` become for the processor."""
        found = {"kafka": await self._kafka_address(crossing)}
        for world in self.worlds:
            server, where = servers[world.name], ("", 0)
            if server is not None:
                where = await crossing.open(world.name, server.host, server.port, server.link, tls=server.tls)
            found |= world.placeholders(*where)
        return found

    async def _kafka_address(self, crossing: Crossing) -> str:
        tls = None if self.access.tls is None else Tls(context=self.access.tls)
        return await crossing.open_kafka(self.kafka.bootstrap_servers, tls=tls)


class Lanes:
    """All lanes of a drill, and who has which.

    Args:
        servers: one entry per lane.
        folder: the declaration's folder.
        recreate_topics: True allows deleting topics that existed before.
    """

    def __init__(self, servers: Sequence[Servers], folder: Path, *, recreate_topics: bool) -> None:
        self._servers = tuple(servers)
        self._folder = folder
        self._recreate_topics = recreate_topics
        self._free = list(range(len(self._servers)))
        self._waiting: list[tuple[Turn, int, asyncio.Future[int]]] = []
        self._arrivals = itertools.count()
        self._kafkas: dict[tuple[int, tuple[str, ...]], KafkaWorld] = {}
        self._worlds: dict[tuple[int, str], tuple[World, ...]] = {}

    @contextlib.asynccontextmanager
    async def take(self, version: Version, turn: Turn) -> AsyncIterator[Lane]:
        """Waits for a free lane; it is free again at the end of the block. Of equal turns, who asks first has it first.

        Args:
            version: whose trial it is.
            turn: of the trial: as the places of several versions' trials are compared, the versions take turns.
        """
        number = await self._number(turn)
        try:
            servers = self._servers[number]
            yield Lane(
                kafka=self._kafka(number, version),
                worlds=self._of_effects(number, version),
                access=Access.from_settings(servers.kafka_settings),
                cluster=servers.cluster,
            )
        finally:
            self._give(number)

    async def _number(self, turn: Turn) -> int:
        """The number of a lane that nobody has."""
        if self._free:
            return self._free.pop(0)
        given: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (turn, next(self._arrivals), given))
        try:
            return await given
        except asyncio.CancelledError:
            if given.done() and not given.cancelled():  # it came too late
                self._give(given.result())
            raise

    def _give(self, number: int) -> None:
        """Passes a lane on to whose turn it is; those that no longer wait are passed over."""
        while self._waiting:
            _, _, given = heapq.heappop(self._waiting)
            if not given.done():
                given.set_result(number)
                return
        self._free.append(number)

    @property
    def spare_brokers(self) -> int:
        """How many brokers may be missing in every lane."""
        return min((servers.spare_brokers for servers in self._servers), default=0)

    def remove(self) -> None:
        """Deletes what was made on the servers; what one of them refuses keeps nobody from deleting the rest.

        Raises:
            InconclusiveError: some of it remains, as it says.
        """
        remains: list[str] = []
        removals = [kafka.remove for kafka in self._kafkas.values()]
        removals += [world.remove for worlds in self._worlds.values() for world in worlds]
        for remove in removals:
            try:
                remove()
            except OncewhereError as error:
                remains.append(str(error))
        if remains:
            raise InconclusiveError(" ".join(remains))

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
                settings=self._servers[number].kafka_settings,
            )
        return self._kafkas[key]

    def _of_effects(self, number: int, version: Version) -> tuple[World, ...]:
        key = (number, version.name)
        if key not in self._worlds:
            self._worlds[key] = tuple(
                open_world(
                    Wanted(
                        name=name,
                        effect=effect,
                        folder=self._folder,
                        processor_identity=version.processor.identity,
                        dsn=self._servers[number].dsns.get(name),
                        tag=f"{version.name}_{number}",
                    )
                )
                for name, effect in version.effects.items()
            )
        return self._worlds[key]
