"""What a cluster is asked: names and partitions go in, requests by kio's schemas come out, and frames of their bytes.

Each request has the lowest version that says what is asked, so that brokers from Kafka 3.3 on understand it.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from kio.schema.api_versions.v0.request import ApiVersionsRequest
from kio.schema.consumer_group_describe.v0.request import ConsumerGroupDescribeRequest
from kio.schema.consumer_group_heartbeat.v0.request import ConsumerGroupHeartbeatRequest
from kio.schema.describe_groups.v5.request import DescribeGroupsRequest
from kio.schema.describe_producers.v0.request import DescribeProducersRequest, TopicRequest
from kio.schema.describe_transactions.v0.request import DescribeTransactionsRequest
from kio.schema.find_coordinator.v4.request import FindCoordinatorRequest
from kio.schema.leave_group.v4.request import LeaveGroupRequest, MemberIdentity
from kio.schema.list_offsets.v6.request import ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic
from kio.schema.list_transactions.v0.request import ListTransactionsRequest
from kio.schema.metadata.v9.request import MetadataRequest, MetadataRequestTopic
from kio.schema.offset_fetch.v8.request import OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics
from kio.schema.sasl_authenticate.v2.request import SaslAuthenticateRequest
from kio.schema.sasl_handshake.v1.request import SaslHandshakeRequest
from kio.schema.streams_group_describe.v0.request import StreamsGroupDescribeRequest
from kio.schema.streams_group_heartbeat.v0.request import StreamsGroupHeartbeatRequest
from kio.serial import entity_writer

from oncewhere.cluster.answers import Member, Protocol

Request = Any
"""One of kio's request entities; it knows its API key, its version and its header."""

Partitions = Mapping[str, Iterable[int]]
"""By topic, which partitions."""

CLIENT_ID: Final = "oncewhere"

GROUP: Final = 0
TRANSACTION: Final = 1
"""What a coordinator is asked for (FindCoordinator's key types)."""

_TIMESTAMPS: Final = {"latest": -1, "earliest": -2}  # ListOffsets
_LEAVES: Final = -1  # the member epoch that leaves a group, for static members too (KIP-848)
_STREAMS_STATE: Final = (
    *("topology", "active_tasks", "standby_tasks", "warmup_tasks"),
    *("process_id", "client_tags", "task_offsets", "task_end_offsets"),
)  # of a StreamsGroupHeartbeat; null means that it has not changed


def versions() -> Request:
    """Asks which APIs a broker speaks."""
    return ApiVersionsRequest()


def mechanism(name: str) -> Request:
    """Says which SASL mechanism follows."""
    return SaslHandshakeRequest(mechanism=name)


def words(said: bytes) -> Request:
    """Says the client's next words of an authentication."""
    return SaslAuthenticateRequest(auth_bytes=said)


def coordinator(key: str, key_type: int) -> Request:
    """Asks who coordinates a group or a transactional id."""
    return FindCoordinatorRequest(key_type=_any(key_type), coordinator_keys=(key,))


def metadata(topics: Iterable[str]) -> Request:
    """Asks for the brokers, and who leads the partitions of some topics."""
    return MetadataRequest(
        topics=tuple(MetadataRequestTopic(name=_any(topic)) for topic in topics),
        allow_auto_topic_creation=False,
        include_cluster_authorized_operations=False,
        include_topic_authorized_operations=False,
    )


def transactions(transactional_id: str) -> Request:
    """Asks for the state of one transactional id."""
    return DescribeTransactionsRequest(transactional_ids=_any((transactional_id,)))


def all_transactions() -> Request:
    """Asks for every transactional id that a broker coordinates."""
    return ListTransactionsRequest(state_filters=(), producer_id_filters=())


def producers(partitions: Partitions) -> Request:
    """Asks a leader which producers it remembers."""
    return DescribeProducersRequest(
        topics=tuple(
            TopicRequest(name=_any(topic), partition_indexes=_any(tuple(indexes)))
            for topic, indexes in partitions.items()
        )
    )


def offsets(group: str, partitions: Partitions, *, require_stable: bool) -> Request:
    """Asks for a group's committed offsets."""
    topics = tuple(
        OffsetFetchRequestTopics(name=_any(topic), partition_indexes=_any(tuple(indexes)))
        for topic, indexes in partitions.items()
    )
    asked = OffsetFetchRequestGroup(group_id=_any(group), topics=topics)
    return OffsetFetchRequest(groups=(asked,), require_stable=require_stable)


def ends(partitions: Partitions, *, read_committed: bool, at: Literal["latest", "earliest"]) -> Request:
    """Asks a leader for the ends of partitions."""
    topics = tuple(
        ListOffsetsTopic(
            name=_any(topic),
            partitions=tuple(
                ListOffsetsPartition(partition_index=_any(index), timestamp=_any(_TIMESTAMPS[at])) for index in indexes
            ),
        )
        for topic, indexes in partitions.items()
    )
    return ListOffsetsRequest(replica_id=_any(-1), isolation_level=_any(int(read_committed)), topics=topics)


def descriptions(group: str, known: Iterable[int]) -> Iterator[tuple[Request, Protocol]]:
    """Asks for a group's members, in every way that the cluster knows: the first that finds the group is right.

    Args:
        group: the group.id.
        known: the API keys that the cluster speaks.
    """
    groups: Any = (group,)
    if ConsumerGroupDescribeRequest.__api_key__ in known:
        yield ConsumerGroupDescribeRequest(group_ids=groups, include_authorized_operations=False), "consumer"
    if StreamsGroupDescribeRequest.__api_key__ in known:
        yield StreamsGroupDescribeRequest(group_ids=groups, include_authorized_operations=False), "streams"
    yield DescribeGroupsRequest(groups=groups, include_authorized_operations=False), "classic"


def leaving_classic(group: str, members: Sequence[Member]) -> Request:
    """Makes members leave that joined with the classic protocol."""
    leaving = tuple(
        MemberIdentity(member_id=member.member_id, group_instance_id=member.group_instance_id) for member in members
    )
    return LeaveGroupRequest(group_id=_any(group), members=leaving)


def leaving(group: str, member: Member) -> Request:
    """Makes a member leave that joined with a newer protocol: a heartbeat in its name says so."""
    about: dict[str, Any] = {
        "group_id": group,
        "member_id": member.member_id,
        "member_epoch": _LEAVES,
        "instance_id": member.group_instance_id,
    }
    if member.protocol == "streams":
        about |= dict.fromkeys(_STREAMS_STATE) | {"endpoint_information_epoch": 0}
        return StreamsGroupHeartbeatRequest(**about)
    about |= dict.fromkeys(("subscribed_topic_names", "server_assignor", "topic_partitions"))
    return ConsumerGroupHeartbeatRequest(**about)


def frame(request: Request, correlation_id: int) -> bytes:
    """Returns the bytes of a request, its size and header included."""
    body = io.BytesIO()
    body.write(struct.pack(">hhi", request.__api_key__, request.__version__, correlation_id))
    body.write(struct.pack(">h", len(CLIENT_ID)) + CLIENT_ID.encode())
    if request.__header_schema__.__flexible__:
        body.write(b"\0")  # no tagged fields
    entity_writer(type(request))(body, request)
    return struct.pack(">i", body.tell()) + body.getvalue()


def _any(value: object) -> Any:
    """Passes a plain value where kio names a type of its own (`TopicName`, `i32`) and takes plain ones."""
    return value
