"""Who leads a partition and who coordinates a group or a transactional id: a port and a name in, a node id out.

Asked of one broker, which says what it knows at this moment: right after a crash that is the past.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kio.schema.errors import ErrorCode
from kio.schema.find_coordinator.v1.response import FindCoordinatorResponse
from kio.schema.metadata.v4.request import MetadataRequest, MetadataRequestTopic
from kio.schema.metadata.v4.response import MetadataResponse

from oncewhere.stack.kafka_connection import GROUP, TRANSACTION, Connection, NotReadyError, coordinator_of

ANSWER_TIMEOUT_S = 1.0
"""How long one broker is waited for; another may know as well."""


@dataclass(frozen=True, slots=True)
class Lagging:
    """A partition that has fewer replicas in sync than replicas, or no leader."""

    topic: str
    partition: int
    in_sync: tuple[int, ...]


def leader(port: int, topic: str, partition: int) -> int:
    """The node id of a partition's leader.

    Raises:
        NotReadyError: this broker does not know it, or does not answer.
    """
    asked: Any = topic
    for found in _metadata(port, (MetadataRequestTopic(name=asked),)):
        for entry in found.partitions:
            if entry.partition_index == partition and entry.error_code is ErrorCode.none:
                return int(entry.leader_id)
    raise NotReadyError(f"{topic}-{partition} has no leader")


def lagging(port: int) -> tuple[Lagging, ...]:
    """The partitions, internal ones too, that could not lose their leader now.

    Raises:
        NotReadyError: this broker does not answer.
    """
    return tuple(
        Lagging(str(topic.name), int(entry.partition_index), tuple(map(int, entry.isr_nodes)))
        for topic in _metadata(port, None)
        for entry in topic.partitions
        if entry.error_code is not ErrorCode.none or set(entry.isr_nodes) != set(entry.replica_nodes)
    )


def group_coordinator(port: int, group: str) -> int:
    """The node id of a group's coordinator.

    Raises:
        NotReadyError: this broker does not know it, or does not answer.
    """
    return _coordinator(port, group, GROUP)


def transaction_coordinator(port: int, transactional_id: str) -> int:
    """The node id of a transactional id's coordinator.

    Raises:
        NotReadyError: this broker does not know it, or does not answer.
    """
    return _coordinator(port, transactional_id, TRANSACTION)


def _coordinator(port: int, key: str, key_type: Any) -> int:
    with Connection(port, ANSWER_TIMEOUT_S) as connection:
        answer = connection.ask(coordinator_of(key, key_type), FindCoordinatorResponse)
    if answer.error_code is not ErrorCode.none:
        raise NotReadyError(f"{key} has no coordinator: {answer.error_code.name}")
    return int(answer.node_id)


def _metadata(port: int, topics: tuple[MetadataRequestTopic, ...] | None) -> tuple[Any, ...]:
    with Connection(port, ANSWER_TIMEOUT_S) as connection:
        answer = connection.ask(MetadataRequest(topics=topics, allow_auto_topic_creation=False), MetadataResponse)
    found: tuple[Any, ...] = answer.topics
    return found
