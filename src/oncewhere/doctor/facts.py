"""All that rules may look at: what the readers found, as frozen data. Whatever could not be read is an `Unread`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from oncewhere.cluster import Acl, GroupDescription, Offset, ProducerState, TopicPartition, TransactionDescription

from .fact import Fact, Unread
from .places import PlaceFacts
from .subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFacts:
    """One broker.

    Attributes:
        settings: its settings, defaults included.
        finalized: the features that the cluster has switched on, and their levels.
        txn_offset_commit: the newest version of TxnOffsetCommit that it speaks.
    """

    node_id: int
    settings: Fact[Mapping[str, str]]
    finalized: Fact[Mapping[str, int]]
    txn_offset_commit: Fact[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionFacts:
    """One partition.

    Attributes:
        replicas: how many it should have.
        in_sync: how many are in sync now.
        start: its first offset.
        high_watermark: its end.
        stable: its last stable offset: where a `read_committed` reader's view ends.
        producers: who writes to it, and whose transaction is open there.
    """

    number: int
    replicas: int
    in_sync: int
    start: Fact[int]
    high_watermark: Fact[int]
    stable: Fact[int]
    producers: Fact[tuple[ProducerState, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicFacts:
    """One topic.

    Attributes:
        topic_id: its id.
        internal: True for Kafka's own.
        partitions: in order.
        settings: its settings, defaults included.
        operations: what our principal may do with it.
    """

    topic_id: str
    internal: bool
    partitions: tuple[PartitionFacts, ...]
    settings: Fact[Mapping[str, str]]
    operations: Fact[frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionFacts:
    """The transactions of the whole cluster, in one moment between two looks at the partitions.

    Attributes:
        looked_at_ms: when, Unix time.
        described: by transactional.id, what its coordinator says: all those that are not over, and the processor's.
        known: every transactional.id that we may see.
        complete: whether we may see all of them; unread where nobody tells.
        still_open: what was open in a partition before that moment and still is after it: topic, partition, producer
            id, first offset.
        max_timeout_ms: the longest transaction that the brokers allow.
        acls: by transactional.id of the processor's, the access rules that concern it.
    """

    looked_at_ms: int
    described: Fact[Mapping[str, TransactionDescription]]
    known: Fact[tuple[str, ...]]
    complete: Fact[bool]
    still_open: frozenset[tuple[str, int, int, int]]
    max_timeout_ms: Fact[int]
    acls: Mapping[str, Fact[tuple[Acl, ...]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts:
    """One consumer group.

    Attributes:
        description: its state and members.
        committed: its offsets of the topics that matter here; read before the ends of the partitions are.
    """

    name: str
    description: Fact[GroupDescription]
    committed: Fact[Mapping[TopicPartition, Offset]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFacts:
    """A client library that the processor uses, and its version."""

    library: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Everything that was read.

    Attributes:
        subject: what was to be examined.
        brokers: all of them.
        topics: by name; those of the processor, or all of the cluster's where there is no processor.
        transactions: of the cluster.
        group: the processor's; None where there is no processor.
        committed_later: the group's offsets once more, after the databases were read.
        readers: the groups that have committed offsets of an output topic.
        places: the databases.
        principal: who we are to the brokers, such as `User:settlement`; unread where that cannot be told.
        clients: the client libraries that are known of.
        processor_settings: the settings of the processor's clients, where they are known.
        first_records: of input partitions, offset and timestamp of the first record there is.
    """

    subject: Subject
    brokers: Fact[tuple[BrokerFacts, ...]]
    topics: Mapping[str, Fact[TopicFacts]]
    transactions: TransactionFacts
    group: GroupFacts | None = None
    committed_later: Fact[Mapping[TopicPartition, Offset]] = field(default_factory=dict)
    readers: Fact[tuple[GroupFacts, ...]] = ()
    places: tuple[PlaceFacts, ...] = ()
    principal: Fact[str]
    clients: tuple[ClientFacts, ...] = ()
    processor_settings: Mapping[str, str] | None = None
    first_records: Mapping[TopicPartition, Fact[tuple[int, int] | None]] = field(default_factory=dict)

    def unread(self, names: Iterable[str]) -> Mapping[str, Unread]:
        """Those of some topics that could not be read, and why: nothing that is said of the others is said of them."""
        found = {name: self.topics.get(name, Unread("UNKNOWN_TOPIC_OR_PARTITION")) for name in names}
        return {name: topic for name, topic in found.items() if isinstance(topic, Unread)}
