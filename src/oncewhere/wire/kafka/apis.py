"""Which Kafka APIs mean something: an API key goes in; whether it is a boundary, and how to read it, comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from oncewhere.wire.kafka import fields as f
from oncewhere.wire.kafka.fields import Fields, Topics
from oncewhere.wire.kafka.schema import Values, versions

Describe = Callable[[Values, Topics], Fields]


class Key(IntEnum):
    """API keys, by Kafka's names (the protocol guide's table)."""

    PRODUCE = 0
    FETCH = 1
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    SASL_HANDSHAKE = 17
    API_VERSIONS = 18
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    TXN_OFFSET_COMMIT = 28
    DESCRIBE_CLUSTER = 60
    CONSUMER_GROUP_HEARTBEAT = 68
    SHARE_FETCH = 78
    SHARE_ACKNOWLEDGE = 79
    STREAMS_GROUP_HEARTBEAT = 88


@dataclass(frozen=True, slots=True)
class Api:
    """How the messages of one API are told.

    Attributes:
        kind: the message's kind, by Kafka's name.
        request: what is worth logging of a request; None where requests are not read.
        reply: what is worth logging of its reply; None where replies are not read.
        boundary: True when a crash around it can change where the work happened.
        news: for APIs that repeat themselves, the facts in a message; it is told only when one of them is new on its
            link. None tells every message.
    """

    kind: str
    request: Describe | None
    reply: Describe | None
    boundary: bool = False
    news: Callable[[Fields], frozenset[object]] | None = None


def _fetch_news(fields: Fields) -> frozenset[object]:
    topics = fields.get("topics")
    return frozenset([fields.get("isolation_level"), *(topics if isinstance(topics, list) else ())])


def _missing_news(fields: Fields) -> frozenset[object]:
    missing = fields.get("missing")
    return frozenset(missing if isinstance(missing, list) else ())


def _heartbeat_news(fields: Fields) -> frozenset[object]:
    error = fields.get("error", "NONE")
    return frozenset() if error == "NONE" else frozenset([error])


def _member_news(fields: Fields) -> frozenset[object]:
    return _heartbeat_news(fields) | {("epoch", fields.get("member_epoch"))}


# AddPartitionsToTxn and AddOffsetsToTxn are no boundaries: they open the coordinator's transaction, but no record and
# no offset stands behind them yet, so a crash there leaves what a crash before the next Produce or TxnOffsetCommit
# leaves. Newer clients do not even send them (KIP-890).
READ: Final[Mapping[int, Api]] = MappingProxyType(
    {
        Key.PRODUCE: Api("Produce", f.produce_request, f.produce_reply, boundary=True),
        Key.OFFSET_COMMIT: Api("OffsetCommit", f.offset_commit_request, f.offset_commit_reply, boundary=True),
        Key.INIT_PRODUCER_ID: Api("InitProducerId", f.init_producer_id_request, f.producer_reply, boundary=True),
        Key.END_TXN: Api("EndTxn", f.end_txn_request, f.producer_reply, boundary=True),
        Key.TXN_OFFSET_COMMIT: Api("TxnOffsetCommit", f.offset_commit_request, f.offset_commit_reply, boundary=True),
        Key.ADD_PARTITIONS_TO_TXN: Api("AddPartitionsToTxn", f.add_partitions_request, f.add_partitions_reply),
        Key.ADD_OFFSETS_TO_TXN: Api("AddOffsetsToTxn", f.add_offsets_request, f.producer_reply),
        Key.OFFSET_FETCH: Api("OffsetFetch", f.offset_fetch_request, f.offset_fetch_reply),
        Key.FETCH: Api("Fetch", f.fetch_request, None, news=_fetch_news),
        Key.JOIN_GROUP: Api("JoinGroup", f.group_request, f.group_reply),
        Key.SYNC_GROUP: Api("SyncGroup", f.group_request, f.group_reply),
        Key.LEAVE_GROUP: Api("LeaveGroup", f.group_request, f.group_reply),
        Key.HEARTBEAT: Api("Heartbeat", f.group_request, f.group_reply, news=_heartbeat_news),
        Key.CONSUMER_GROUP_HEARTBEAT: Api("ConsumerGroupHeartbeat", f.group_request, f.group_reply, news=_member_news),
        Key.STREAMS_GROUP_HEARTBEAT: Api("StreamsGroupHeartbeat", f.group_request, f.group_reply, news=_member_news),
        Key.METADATA: Api("Metadata", None, f.metadata_reply, news=_missing_news),
        Key.FIND_COORDINATOR: Api("FindCoordinator", f.find_coordinator_request, f.find_coordinator_reply),
        Key.API_VERSIONS: Api("ApiVersions", f.api_versions_request, f.api_versions_reply),
    }
)
"""The APIs whose requests are read."""

ADDRESSED: Final[frozenset[int]] = frozenset(
    {
        Key.METADATA,
        Key.FIND_COORDINATOR,
        Key.DESCRIBE_CLUSTER,
        Key.PRODUCE,
        Key.FETCH,
        Key.SHARE_FETCH,
        Key.SHARE_ACKNOWLEDGE,
    }
)
"""The APIs whose replies can hold brokers' addresses."""

FETCH_WITHOUT_ADDRESSES: Final = 15
"""The highest version of Fetch whose replies hold none.

From 16 on a reply may end with the addresses of new leaders (KIP-951), behind megabytes of records: they would all
have to be collected before the first byte can be passed on. What the later versions add otherwise is for brokers only,
and a consumer that is not told learns the new leader from Metadata. So 16 and above are not offered; a client that uses
them all the same has its replies collected and rewritten.
"""

HIGHEST: Final[Mapping[int, int]] = MappingProxyType(
    {int(key): known[1] for key in READ.keys() | ADDRESSED if (known := versions(key))}
    | {int(Key.FETCH): FETCH_WITHOUT_ADDRESSES}
)
"""By API key, the highest version to offer to the processor, so that everything that has to be read can be read."""
