"""Asks a cluster about itself: settings, topics, groups, who may do what. What is refused is an answer too.

`ClusterClient` wants one answer and says why there is none. Whoever examines a cluster asks many things, of which some
may be refused (no ACL, an old broker, a broker that is down) while the others count: here each answer is a value, or a
`Refused` with the broker's own word for why.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from oncewhere.cluster import inquiries, questions
from oncewhere.cluster.answers import Offset, ProducerState, TopicPartition, TransactionListing
from oncewhere.cluster.broker import Address
from oncewhere.cluster.client import ClusterClient
from oncewhere.cluster.findings import (
    Acl,
    BrokerNode,
    GroupDescription,
    Listed,
    PartitionPlace,
    Refused,
    TopicDescription,
    acls_of,
    operations,
)
from oncewhere.cluster.questions import GROUP, Partitions, Request
from oncewhere.cluster.replies import members_of, offsets_of, producer_states, transaction_listings
from oncewhere.errors import InconclusiveError
from oncewhere.wire.kafka.schema import UnreadableError, Values, error_name

PASSES: Final = frozenset(
    {"COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS", "NOT_COORDINATOR", "NOT_LEADER_OR_FOLLOWER"}
    | {"LEADER_NOT_AVAILABLE", "OFFSET_NOT_AVAILABLE", "REQUEST_TIMED_OUT", "NETWORK_EXCEPTION"}
)
"""Refusals that may be over in a moment; a topic that does not exist is not among them."""

PATIENCE_S: Final = 3.0
"""Seconds that a question is repeated for while a refusal may pass."""

PAUSE_S: Final = 0.1

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What a broker speaks.

    Attributes:
        finalized: by name, the level of each feature that the cluster has switched on, such as `transaction.version`.
        apis: by API key, the newest version.
    """

    finalized: Mapping[str, int]
    apis: Mapping[int, int]


class ClusterSurvey(ClusterClient):
    """A `ClusterClient` that takes refusals for answers; made by `connect`, like its parent."""

    # ---- brokers and topics

    async def nodes(self) -> tuple[BrokerNode, ...]:
        """The brokers of the cluster."""

        async def ask() -> tuple[BrokerNode, ...]:
            reply = await self._ask_any(questions.metadata(()))
            return tuple(
                BrokerNode(node_id=node["node_id"], address=(node["host"], node["port"])) for node in reply["brokers"]
            )

        return await self._within_limit("Metadata", ask)

    async def features(self, node: BrokerNode) -> Features | Refused:
        """What a broker speaks, and what the cluster has switched on."""

        async def ask() -> Features:
            reply = await self._ask(node.address, inquiries.features())
            return Features(
                finalized={entry["name"]: entry["max_version_level"] for entry in reply["finalized_features"]},
                apis={entry["api_key"]: entry["max_version"] for entry in reply["api_keys"]},
            )

        return await self._patiently(ask)

    async def topics(self, names: Iterable[str] | None) -> dict[str, TopicDescription | Refused]:
        """Describes topics; None: all that we may see.

        Args:
            names: which ones.
        """

        async def ask() -> dict[str, TopicDescription | Refused]:
            reply = await self._ask_any(inquiries.topics(names))
            return {topic["name"]: _topic(topic) for topic in reply["topics"]}

        answer = await self._patiently(ask)
        return dict.fromkeys(names or (), answer) if isinstance(answer, Refused) else answer

    async def broker_settings(self, node: BrokerNode) -> dict[str, str] | Refused:
        """A broker's settings, defaults included; secret ones are left out."""
        return (await self._settings(node.address, inquiries.broker_settings(node.node_id))).popitem()[1]

    async def topic_settings(self, names: Iterable[str]) -> dict[str, dict[str, str] | Refused]:
        """Topics' settings, defaults included."""
        wanted = tuple(names)
        if not wanted:
            return {}
        return await self._settings(None, inquiries.topic_settings(wanted), wanted)

    async def _settings(
        self, address: Address | None, request: Request, names: Iterable[str] = ("",)
    ) -> dict[str, dict[str, str] | Refused]:
        async def ask() -> dict[str, dict[str, str] | Refused]:
            reply = await (self._ask_any(request) if address is None else self._ask(address, request))
            return {
                entry["resource_name"]: Refused(name)
                if (name := error_name(entry["error_code"])) != "NONE"
                else {one["name"]: one["value"] for one in entry["configs"] if one["value"] is not None}
                for entry in reply["results"]
            }

        answer = await self._patiently(ask)
        return dict.fromkeys(names, answer) if isinstance(answer, Refused) else answer

    # ---- partitions

    async def ends(
        self,
        partitions: Partitions,
        *,
        isolation_level: Literal["read_committed", "read_uncommitted"] = "read_uncommitted",
        at: Literal["latest", "earliest"] = "latest",
    ) -> dict[TopicPartition, int | Refused]:
        """Like `list_offsets`, partition by partition."""

        def question(led: Partitions) -> Request:
            return questions.ends(led, read_committed=isolation_level == "read_committed", at=at)

        return await self._each_partition(partitions, question, lambda partition: int(partition["offset"]))

    async def first_since(
        self, partitions: Partitions, moment_ms: int
    ) -> dict[TopicPartition, tuple[int, int] | Refused | None]:
        """The first record of each partition that is not older than a moment.

        Args:
            partitions: which ones.
            moment_ms: Unix time; 0 finds the first record of all.

        Returns:
            Its offset and its timestamp; None where there is none.
        """

        def read(partition: Values) -> tuple[int, int] | None:
            return None if partition["offset"] < 0 else (partition["offset"], partition["timestamp"])

        return await self._each_partition(partitions, lambda led: inquiries.since(led, moment_ms), read)

    async def producers(self, partitions: Partitions) -> dict[TopicPartition, tuple[ProducerState, ...] | Refused]:
        """Like `describe_producers`, of many topics, partition by partition."""
        return await self._each_partition(partitions, questions.producers, producer_states)

    async def _each_partition(
        self, partitions: Partitions, question: Callable[[Partitions], Request], read: Callable[[Values], _T]
    ) -> dict[TopicPartition, _T | Refused]:
        """Asks the leaders, and again those that refuse what may pass."""
        left = {(topic, number) for topic, numbers in partitions.items() for number in numbers}
        found: dict[TopicPartition, _T | Refused] = {}
        deadline = time.monotonic() + PATIENCE_S
        while left:
            found |= await self._round(left, question, read)
            left = {place for place in left if isinstance(one := found[place], Refused) and one.error in PASSES}
            if time.monotonic() > deadline:
                break
            if left:
                await asyncio.sleep(PAUSE_S)
        return found

    async def _round(
        self, places: Iterable[TopicPartition], question: Callable[[Partitions], Request], read: Callable[[Values], _T]
    ) -> dict[TopicPartition, _T | Refused]:
        wanted = tuple(places)
        described = await self.topics({topic for topic, _ in wanted})
        nodes = {node.node_id: node.address for node in await self.nodes()}
        found: dict[TopicPartition, _T | Refused] = {}
        led: dict[Address, dict[str, list[int]]] = {}
        for topic, number in wanted:
            one = described.get(topic, Refused("UNKNOWN_TOPIC_OR_PARTITION"))
            leader = one if isinstance(one, Refused) else one.leader(number)
            if isinstance(leader, Refused):
                found[topic, number] = leader
            elif leader not in nodes:
                found[topic, number] = Refused("LEADER_NOT_AVAILABLE")
            else:
                led.setdefault(nodes[leader], {}).setdefault(topic, []).append(number)
        for address, asked in led.items():
            found |= await self._of_leader(address, asked, question(asked), read)
        return found

    async def _of_leader(
        self, address: Address, asked: Mapping[str, list[int]], request: Request, read: Callable[[Values], _T]
    ) -> dict[TopicPartition, _T | Refused]:
        try:
            reply = await self._ask(address, request)
        except (OSError, UnreadableError) as error:
            lost = _unreachable(error)
            return {(topic, number): lost for topic, numbers in asked.items() for number in numbers}
        found: dict[TopicPartition, _T | Refused] = {}
        for topic in reply["topics"]:
            for partition in topic["partitions"]:
                name = error_name(partition["error_code"])
                place = topic["name"], partition["partition_index"]
                found[place] = read(partition) if name == "NONE" else Refused(name)
        return found

    # ---- transactions

    async def transactions(self) -> tuple[TransactionListing, ...] | Refused:
        """Every transactional.id that we may see; one broker that does not answer refuses them all."""

        async def ask() -> tuple[TransactionListing, ...]:
            found: list[TransactionListing] = []
            for node in await self.nodes():
                reply = await self._ask(node.address, questions.all_transactions())
                if (name := error_name(reply["error_code"])) != "NONE":
                    raise _RefusedError(name)
                found += transaction_listings(reply)
            return tuple(sorted(found, key=lambda listing: listing.transactional_id))

        return await self._patiently(ask)

    async def acls(self, kind: int, name: str) -> tuple[Acl, ...] | Refused:
        """The access rules that concern a resource; `SECURITY_DISABLED` where there is no authorizer.

        Args:
            kind: one of `inquiries`' resource types.
            name: the resource's name.
        """

        async def ask() -> tuple[Acl, ...]:
            reply = await self._ask_any(inquiries.acls(kind, name))
            if (error := error_name(reply["error_code"])) != "NONE":
                raise _RefusedError(error)
            return tuple(acls_of(reply))

        return await self._patiently(ask)

    # ---- groups

    async def groups(self) -> tuple[Listed, ...] | Refused:
        """Every group that we may see."""

        async def ask() -> tuple[Listed, ...]:
            found: list[Listed] = []
            for node in await self.nodes():
                reply = await self._ask(node.address, inquiries.groups())
                if (name := error_name(reply["error_code"])) != "NONE":
                    raise _RefusedError(name)
                found += [Listed(group=one["group_id"], protocol_type=one["protocol_type"]) for one in reply["groups"]]
            return tuple(sorted(found, key=lambda one: one.group))

        return await self._patiently(ask)

    async def group(self, group: str) -> GroupDescription | Refused:
        """A group's state and members, whatever its protocol; one that is not there is `Dead`."""

        async def ask() -> GroupDescription:
            coordinator = await self._coordinator(group, GROUP)
            for question, protocol in inquiries.descriptions(group, self._known):
                (entry,) = (await self._ask(coordinator, question))["groups"]
                name = error_name(entry["error_code"])
                if name == "GROUP_ID_NOT_FOUND":
                    continue
                if name != "NONE":
                    raise _RefusedError(name)
                return GroupDescription(
                    state=entry["group_state"],
                    members=members_of(entry, protocol),
                    operations=operations(entry["authorized_operations"]),
                )
            return GroupDescription(state="Dead", members=(), operations=None)

        return await self._patiently(ask)

    async def all_committed(self, group: str) -> dict[TopicPartition, Offset] | Refused:
        """Every offset that a group has committed; `UNSTABLE` where one is pending in a transaction."""

        async def ask() -> dict[TopicPartition, Offset]:
            request = inquiries.all_offsets(group)
            (entry,) = (await self._ask(await self._coordinator(group, GROUP), request))["groups"]
            if (name := error_name(entry["error_code"])) != "NONE":
                raise _RefusedError(name)
            return {place: offset for place, offset, error in offsets_of(entry) if error == "NONE"}

        return await self._patiently(ask)

    # ---- asking

    async def _patiently(self, ask: Callable[[], Awaitable[_T]]) -> _T | Refused:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return await asyncio.wait_for(ask(), PATIENCE_S)
            except _RefusedError as error:
                refused = Refused(error.name)
            except (OSError, UnreadableError, InconclusiveError) as error:
                refused = _unreachable(error)
            if refused.error not in PASSES or time.monotonic() > deadline:
                return refused
            await asyncio.sleep(PAUSE_S)


class _RefusedError(Exception):
    """A whole answer was refused; never leaves this module."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _unreachable(error: Exception) -> Refused:
    if isinstance(error, TimeoutError):
        return Refused("no answer in time")
    said = error.message if isinstance(error, InconclusiveError) else str(error) or type(error).__name__
    return Refused(said)


def _topic(topic: Values) -> TopicDescription | Refused:
    if (name := error_name(topic["error_code"])) != "NONE":
        return Refused(name)
    return TopicDescription(
        topic_id=str(topic["topic_id"]),
        internal=topic["is_internal"],
        partitions=tuple(sorted(_places(topic), key=lambda place: place.number)),
        operations=operations(topic["topic_authorized_operations"]),
    )


def _places(topic: Values) -> Iterator[PartitionPlace]:
    for partition in topic["partitions"]:
        yield PartitionPlace(
            number=partition["partition_index"],
            leader=partition["leader_id"],
            replicas=tuple(partition["replica_nodes"]),
            in_sync=tuple(partition["isr_nodes"]),
        )
