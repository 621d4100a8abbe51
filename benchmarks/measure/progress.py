"""How far a group is: its name in; its committed offsets out, that is: what has been committed, and nothing else."""

from __future__ import annotations

from confluent_kafka import Consumer, ConsumerGroupState, TopicPartition
from confluent_kafka.admin import AdminClient

from measure.payments import PARTITIONS
from measure.topics import QUIET

ANSWER_LIMIT_S = 10.0


class Progress:
    """Reads a group's committed offsets.

    Args:
        bootstrap_servers: the broker's address.
        group: the group; nothing of it is changed.
        topic: what it consumes.
    """

    def __init__(self, bootstrap_servers: str, group: str, topic: str) -> None:
        # read_uncommitted: OffsetFetch then does not wait for transactions whose offsets are still open.
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": group,
                "isolation.level": "read_uncommitted",
                "enable.auto.commit": False,
            }
        )
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": QUIET})
        self._group = group
        self._asked = [TopicPartition(topic, number) for number in range(PARTITIONS)]

    def each(self) -> list[int]:
        """The committed records of each partition."""
        return [max(0, found.offset) for found in self._consumer.committed(self._asked, timeout=ANSWER_LIMIT_S)]

    def total(self) -> int:
        """All of them."""
        return sum(self.each())

    def shared_by(self, members: int) -> bool:
        """Whether the group is stable, and so many members have partitions."""
        found = self._admin.describe_consumer_groups([self._group], request_timeout=ANSWER_LIMIT_S)[self._group]
        group = found.result(ANSWER_LIMIT_S)
        having = sum(1 for member in group.members if member.assignment and member.assignment.topic_partitions)
        return bool(group.state == ConsumerGroupState.STABLE and having >= members)

    def close(self) -> None:
        """Ends the connection."""
        self._consumer.close()
