"""The values of one reply go in; what the cluster answers comes out, as plain data."""

from __future__ import annotations

from collections.abc import Iterator

from oncewhere.cluster.answers import (
    NOT_FOUND,
    UNSTABLE,
    Member,
    Offset,
    ProducerState,
    Protocol,
    TopicPartition,
    TransactionDescription,
    TransactionListing,
)
from oncewhere.wire.kafka.schema import Values, error_name


def transaction_description(state: Values) -> TransactionDescription:
    """Reads one entry of a DescribeTransactions reply."""
    if error_name(state["error_code"]) == "TRANSACTIONAL_ID_NOT_FOUND":
        return TransactionDescription(state=NOT_FOUND)
    start = state["transaction_start_time"]
    return TransactionDescription(
        state=state["transaction_state"],
        producer_id=state["producer_id"],
        producer_epoch=state["producer_epoch"],
        timeout_ms=state["transaction_timeout"],
        start_time_ms=start if start >= 0 else None,
        partitions=tuple((topic["topic"], index) for topic in state["topics"] for index in topic["partitions"]),
    )


def transaction_listings(reply: Values) -> Iterator[TransactionListing]:
    """Reads a ListTransactions reply."""
    for state in reply["transaction_states"]:
        yield TransactionListing(
            transactional_id=state["transactional_id"],
            producer_id=state["producer_id"],
            state=state["transaction_state"],
        )


def producer_states(partition: Values) -> tuple[ProducerState, ...]:
    """Reads one partition of a DescribeProducers reply."""
    return tuple(
        ProducerState(
            producer_id=producer["producer_id"],
            producer_epoch=producer["producer_epoch"],
            last_sequence=producer["last_sequence"],
            last_timestamp_ms=producer["last_timestamp"],
            transaction_start_offset=start if (start := producer["current_txn_start_offset"]) >= 0 else None,
        )
        for producer in partition["active_producers"]
    )


def members_of(group: Values, protocol: Protocol) -> tuple[Member, ...]:
    """Reads the members of a described group."""
    return tuple(
        Member(
            member_id=member["member_id"],
            group_instance_id=member.get("instance_id", member.get("group_instance_id")),
            client_id=member["client_id"],
            client_host=member["client_host"],
            protocol="classic" if member.get("member_type") == 0 else protocol,  # KIP-848: both may share a group
        )
        for member in group["members"]
    )


def offsets_of(group: Values) -> Iterator[tuple[TopicPartition, Offset, str]]:
    """Reads one group of an OffsetFetch reply: position, offset, error name."""
    for topic in group["topics"]:
        for partition in topic["partitions"]:
            error = error_name(partition["error_code"])
            unstable = error == "UNSTABLE_OFFSET_COMMIT"
            offset: Offset = UNSTABLE if unstable else partition["committed_offset"]
            yield (topic["name"], partition["partition_index"]), offset, "NONE" if unstable else error
