"""What a cluster answers, as plain data; nothing of Kafka's schemas is needed to hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

UNSTABLE: Final = "unstable"
"""Instead of an offset: one is pending in an open transaction (UNSTABLE_OFFSET_COMMIT, KIP-447)."""

NOT_FOUND: Final = "NotFound"
"""Instead of a transaction's state: the coordinator does not know the transactional.id."""

Offset = int | Literal["unstable"]
"""A committed offset; -1 where nothing was committed; or `UNSTABLE`."""

TopicPartition = tuple[str, int]

Protocol = Literal["classic", "consumer", "streams"]
"""How a member joined its group: the classic protocol, KIP-848, KIP-1071."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionDescription:
    """What the transaction coordinator says of one transactional.id.

    Attributes:
        state: `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit`, `CompleteAbort`, `Dead`, or
            `NotFound`.
        producer_id: the current producer id, -1 where there is none.
        producer_epoch: its epoch.
        timeout_ms: its transaction.timeout.ms.
        start_time_ms: when the ongoing transaction began, Unix time; None where none is ongoing.
        partitions: the partitions in the ongoing transaction.
    """

    state: str
    producer_id: int = -1
    producer_epoch: int = -1
    timeout_ms: int = 0
    start_time_ms: int | None = None
    partitions: tuple[TopicPartition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionListing:
    """One transactional.id that a coordinator knows, and its state."""

    transactional_id: str
    producer_id: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProducerState:
    """A producer that a partition's leader remembers.

    Attributes:
        producer_id: its id.
        producer_epoch: its epoch.
        last_sequence: sequence number of its last record, -1 where there is none.
        last_timestamp_ms: timestamp of its last batch, Unix time.
        transaction_start_offset: first offset of its open transaction in this partition; None where none is open. An
            offset here without an ongoing transaction at the coordinator is a hanging transaction (KIP-664).
    """

    producer_id: int
    producer_epoch: int
    last_sequence: int
    last_timestamp_ms: int
    transaction_start_offset: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of a group.

    Attributes:
        member_id: given by the coordinator, or by the client itself (KIP-848).
        group_instance_id: its group.instance.id; None for a dynamic member.
        client_id: its client.id.
        client_host: where the coordinator sees it.
        protocol: how it joined, and so how it leaves.
    """

    member_id: str
    group_instance_id: str | None
    client_id: str
    client_host: str
    protocol: Protocol
