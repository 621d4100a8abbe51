"""Asks a cluster: whoever is responsible is found, asked, and asked again where the error passes; answers come out."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from types import TracebackType
from typing import Final, Literal, Self, TypeVar

from oncewhere.cluster import questions
from oncewhere.cluster.access import Access
from oncewhere.cluster.answers import (
    Member,
    Offset,
    ProducerState,
    TopicPartition,
    TransactionDescription,
    TransactionListing,
)
from oncewhere.cluster.broker import CONNECT_LIMIT_S, Address, Broker
from oncewhere.cluster.questions import GROUP, TRANSACTION, Partitions, Request
from oncewhere.cluster.replies import (
    members_of,
    offsets_of,
    producer_states,
    transaction_description,
    transaction_listings,
)
from oncewhere.errors import ConfigurationError, InconclusiveError, UnreachableError
from oncewhere.wire.kafka.schema import UnreadableError, Values, error_name

CALL_LIMIT_S: Final = 10.0
"""Seconds that one question may take, with all its retries."""

RETRY_PAUSE_S: Final = 0.05
"""Seconds between two tries of one question."""

_AGAIN: Final = frozenset(
    {"COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS", "NOT_COORDINATOR", "REBALANCE_IN_PROGRESS"}
    | {"NOT_LEADER_OR_FOLLOWER", "LEADER_NOT_AVAILABLE", "UNKNOWN_TOPIC_OR_PARTITION", "OFFSET_NOT_AVAILABLE"}
    | {"REQUEST_TIMED_OUT", "NETWORK_EXCEPTION", "CONCURRENT_TRANSACTIONS"}
)
"""Errors that pass by themselves: the question is asked again, to whoever is responsible then."""

_GONE: Final = frozenset({"UNKNOWN_MEMBER_ID", "GROUP_ID_NOT_FOUND", "FENCED_INSTANCE_ID", "FENCED_MEMBER_EPOCH"})
"""Errors that say that a member is not there to leave."""

_T = TypeVar("_T")


class _TryAgainError(Exception):
    """A broker's error that passes; never leaves this module."""


class ClusterClient:
    """Asks a live cluster, over connections of its own. Make one with `connect`; close it, or use `async with`.

    Every question takes at most `CALL_LIMIT_S`, and raises `InconclusiveError` when no broker has answered it by then.
    Coordinators and leaders are looked up anew for each question, so a broker may die and come back meanwhile.
    """

    def __init__(self, bootstrap: Sequence[Address], access: Access) -> None:
        self._bootstrap = tuple(bootstrap)
        self._access = access
        self._brokers: dict[Address, Broker] = {}
        self._known: frozenset[int] = frozenset()

    def __repr__(self) -> str:
        servers = ",".join(f"{host}:{port}" for host, port in self._bootstrap)
        return f"<ClusterClient {servers} connections={len(self._brokers)}>"

    @classmethod
    async def connect(cls, bootstrap_servers: str, *, access: Access | None = None) -> Self:
        """Connects to a cluster.

        Args:
            bootstrap_servers: `host:port`, several separated by commas; one that answers is enough.
            access: how the brokers are spoken to; plainly and anonymously when None.

        Raises:
            UnreachableError: none of them answers.
            ConfigurationError: they refuse us, or an address is malformed.
        """
        client = cls([_address(text) for text in bootstrap_servers.split(",")], access or Access())
        try:
            reply = await asyncio.wait_for(client._ask_any(questions.versions()), CONNECT_LIMIT_S)
        except (OSError, UnreadableError) as error:  # TimeoutError is an OSError
            await client.close()
            refused = isinstance(error, PermissionError | ssl.SSLError)  # it answers: a setting of ours is wrong
            raise (ConfigurationError if refused else UnreachableError)(
                f"Kafka cannot be reached at {bootstrap_servers}.",
                hint="Start the cluster, or correct the bootstrap servers.",
                detail=str(error) or type(error).__name__,
            ) from error
        client._known = frozenset(entry["api_key"] for entry in reply["api_keys"])
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes every connection."""
        brokers, self._brokers = self._brokers, {}
        for broker in brokers.values():
            await broker.close()

    # ---- transactions

    async def describe_transactions(self, transactional_ids: Iterable[str]) -> dict[str, TransactionDescription]:
        """Asks the coordinators of transactions; an id that none of them knows has the state `NotFound`."""
        described: dict[str, TransactionDescription] = {}
        for name in transactional_ids:
            asking = functools.partial(self._transaction, name)
            described[name] = await self._within_limit(f"DescribeTransactions of {name}", asking)
        return described

    async def _transaction(self, name: str) -> TransactionDescription:
        reply = await self._ask(await self._coordinator(name, TRANSACTION), questions.transactions(name))
        (state,) = reply["transaction_states"]
        _check(state["error_code"], but={"TRANSACTIONAL_ID_NOT_FOUND"})
        return transaction_description(state)

    async def list_transactions(self) -> tuple[TransactionListing, ...]:
        """Asks every broker for the transactional ids that it coordinates."""

        async def ask() -> tuple[TransactionListing, ...]:
            found: list[TransactionListing] = []
            for node in (await self._ask_any(questions.metadata(())))["brokers"]:
                reply = await self._ask((node["host"], node["port"]), questions.all_transactions())
                _check(reply["error_code"])
                found += transaction_listings(reply)
            return tuple(sorted(found, key=lambda listing: listing.transactional_id))

        return await self._within_limit("ListTransactions", ask)

    async def describe_producers(
        self, topic: str, partitions: Iterable[int]
    ) -> dict[TopicPartition, tuple[ProducerState, ...]]:
        """Asks the partitions' leaders which producers they remember, and whose transactions are open there."""
        wanted = {topic: tuple(partitions)}

        async def ask() -> dict[TopicPartition, tuple[ProducerState, ...]]:
            answers = await self._ask_leaders(wanted, questions.producers)
            return {position: producer_states(partition) for position, partition in answers}

        return await self._within_limit(f"DescribeProducers of {topic}", ask)

    # ---- groups

    async def describe_group(self, group: str) -> tuple[Member, ...]:
        """Asks for a group's members, whichever protocol they joined with; a group that is not there has none."""

        async def ask() -> tuple[Member, ...]:
            coordinator = await self._coordinator(group, GROUP)
            for question, protocol in questions.descriptions(group, self._known):
                (entry,) = (await self._ask(coordinator, question))["groups"]
                if error_name(entry["error_code"]) != "GROUP_ID_NOT_FOUND":
                    _check(entry["error_code"])
                    return members_of(entry, protocol)
            return ()

        return await self._within_limit(f"the description of group {group}", ask)

    async def evict_members(self, group: str, members: Iterable[Member]) -> int:
        """Makes members leave at once that died without leaving, instead of waiting for their session timeout.

        Static members leave too, and are free to come back under the same group.instance.id.

        Returns:
            How many of them were still there.
        """
        present = tuple(members)
        evicted = 0
        if classic := tuple(member for member in present if member.protocol == "classic"):
            asking = functools.partial(self._leave_classic, group, classic)
            evicted += await self._within_limit(f"LeaveGroup of {group}", asking)
        for member in present:
            if member.protocol != "classic":
                asking = functools.partial(self._leave, group, member)
                evicted += await self._within_limit(f"the leaving of {member.member_id} from {group}", asking)
        return evicted

    async def _leave_classic(self, group: str, members: Sequence[Member]) -> int:
        request = questions.leaving_classic(group, members)
        reply = await self._ask(await self._coordinator(group, GROUP), request)
        _check(reply["error_code"], but=_GONE)
        for entry in reply["members"]:
            _check(entry["error_code"], but=_GONE)
        return sum(entry["error_code"] == 0 for entry in reply["members"])

    async def _leave(self, group: str, member: Member) -> int:
        reply = await self._ask(await self._coordinator(group, GROUP), questions.leaving(group, member))
        _check(reply["error_code"], but=_GONE)
        return int(reply["error_code"] == 0)

    async def committed_offsets(
        self, group: str, partitions: Partitions, *, require_stable: bool = True
    ) -> dict[TopicPartition, Offset]:
        """Asks for a group's committed offsets.

        Args:
            group: the group.id.
            partitions: by topic, which partitions.
            require_stable: True answers `UNSTABLE` where an offset is pending in an open transaction, or its markers
                are not all written; False ignores what is pending.

        Returns:
            By topic and partition the offset, -1 where nothing was committed, or `UNSTABLE`.
        """
        request = questions.offsets(group, partitions, require_stable=require_stable)

        async def ask() -> dict[TopicPartition, Offset]:
            (entry,) = (await self._ask(await self._coordinator(group, GROUP), request))["groups"]
            _check(entry["error_code"])
            found: dict[TopicPartition, Offset] = {}
            for position, offset, error in offsets_of(entry):
                _check_name(error)
                found[position] = offset
            return found

        return await self._within_limit(f"OffsetFetch of {group}", ask)

    # ---- partitions

    async def list_offsets(
        self,
        partitions: Partitions,
        *,
        isolation_level: Literal["read_committed", "read_uncommitted"] = "read_committed",
        at: Literal["latest", "earliest"] = "latest",
    ) -> dict[TopicPartition, int]:
        """Asks the leaders for the ends of partitions.

        Args:
            partitions: by topic, which partitions.
            isolation_level: `read_committed` gives the last stable offset, `read_uncommitted` the high watermark.
            at: which end.
        """
        wanted = {topic: tuple(indexes) for topic, indexes in partitions.items()}
        question = functools.partial(questions.ends, read_committed=isolation_level == "read_committed", at=at)

        async def ask() -> dict[TopicPartition, int]:
            answers = await self._ask_leaders(wanted, question)
            return {position: partition["offset"] for position, partition in answers}

        return await self._within_limit("ListOffsets", ask)

    # ---- who is responsible

    async def _coordinator(self, key: str, key_type: int) -> Address:
        (entry,) = (await self._ask_any(questions.coordinator(key, key_type)))["coordinators"]
        _check(entry["error_code"])
        return entry["host"], entry["port"]

    async def _ask_leaders(
        self, partitions: Partitions, question: Callable[[Partitions], Request]
    ) -> list[tuple[TopicPartition, Values]]:
        """Asks each leader for the partitions that it leads; returns their answers."""
        found: list[tuple[TopicPartition, Values]] = []
        for leader, led in (await self._leaders(partitions)).items():
            for topic in (await self._ask(leader, question(led)))["topics"]:
                for partition in topic["partitions"]:
                    _check(partition["error_code"])
                    found.append(((topic["name"], partition["partition_index"]), partition))
        return found

    async def _leaders(self, partitions: Partitions) -> dict[Address, dict[str, list[int]]]:
        reply = await self._ask_any(questions.metadata(partitions))
        nodes = {node["node_id"]: (node["host"], node["port"]) for node in reply["brokers"]}
        led: dict[Address, dict[str, list[int]]] = {}
        for topic in reply["topics"]:
            _check(topic["error_code"])
            for partition in topic["partitions"]:
                if partition["partition_index"] not in partitions[topic["name"]]:
                    continue
                if partition["leader_id"] not in nodes:
                    raise _TryAgainError("LEADER_NOT_AVAILABLE")
                leads = led.setdefault(nodes[partition["leader_id"]], {})
                leads.setdefault(topic["name"], []).append(partition["partition_index"])
        return led

    # ---- asking

    async def _within_limit(self, what: str, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Asks until an answer comes that is not to be asked for again, for `CALL_LIMIT_S` at most."""
        last: Exception | None = None
        try:
            async with asyncio.timeout(CALL_LIMIT_S):
                while True:
                    try:
                        return await ask()
                    except (_TryAgainError, OSError) as error:
                        last = error
                    await asyncio.sleep(RETRY_PAUSE_S)
        except TimeoutError:
            why = f": {last}" if last else ""
            raise InconclusiveError(
                f"The cluster did not answer {what} within {CALL_LIMIT_S:g} s{why}.",
                hint="See whether its brokers are up.",
            ) from last
        except UnreadableError as error:
            raise InconclusiveError(f"The cluster's answer to {what} could not be read: {error}.") from error

    async def _ask_any(self, request: Request) -> Values:
        """Asks the bootstrap servers in order; the first that answers counts."""
        last: OSError = ConnectionError("there is no bootstrap server")
        for address in self._bootstrap:
            try:
                return await self._ask(address, request)
            except OSError as error:
                last = error
        raise last

    async def _ask(self, address: Address, request: Request) -> Values:
        broker = self._brokers.get(address)
        if broker is None or broker.is_lost:
            broker = self._brokers[address] = Broker(address, self._access)
        return await broker.ask(request)


def _check(code: int, but: Iterable[str] = ()) -> None:
    _check_name(error_name(code), but)


def _check_name(name: str, but: Iterable[str] = ()) -> None:
    if name in _AGAIN:
        raise _TryAgainError(name)
    if name != "NONE" and name not in but:
        raise InconclusiveError(f"The cluster answered {name}.", hint="See the broker's log for its reason.")


def _address(text: str) -> Address:
    host, _, port = text.strip().rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigurationError(f"{text.strip()!r} is no address.", hint="Write bootstrap servers as host:port.")
    return host.strip("[]"), int(port)
