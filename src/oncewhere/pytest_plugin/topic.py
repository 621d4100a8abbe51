"""A Kafka topic of a test's own: values in, committed records out."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

if TYPE_CHECKING:
    from confluent_kafka import Message

LIMIT_S = 15.0
PAUSE_S = 0.1
PARTITIONS = 3
LEADERLESS = frozenset(
    {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART}
)


class Topic:
    """A fresh topic.

    Attributes:
        name: the topic's name; also `str(topic)`.

    Args:
        bootstrap_servers: Kafka's address.
        partitions: how many.
    """

    def __init__(self, bootstrap_servers: str, *, partitions: int = PARTITIONS) -> None:
        self.name = f"test-{uuid.uuid4().hex[:12]}"
        self._kafka: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap_servers}
        self._partitions = partitions
        self._admin = AdminClient(self._kafka)
        for done in self._admin.create_topics([NewTopic(self.name, partitions, 1)]).values():
            done.result(LIMIT_S)

    def __str__(self) -> str:
        return self.name

    def produce(self, values: Iterable[Any], *, key: str | None = None) -> None:
        """Writes values and waits until Kafka has them; bytes as they are, everything else as JSON."""
        producer = Producer(self._kafka)
        for value in values:
            raw = value if isinstance(value, bytes) else msgspec.json.encode(value)
            producer.produce(self.name, raw, key=key)
        if left := producer.flush(LIMIT_S):
            raise TimeoutError(f"{left} records for {self.name} were not acknowledged within {LIMIT_S:.0f} s")

    def records(self) -> list[Message]:
        """Every committed record up to now, in the order of each partition.

        Raises:
            TimeoutError: the end is not reached; a transaction is open.
        """
        consumer = Consumer(
            {
                **self._kafka,
                "group.id": f"read-{uuid.uuid4().hex}",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",  # it never goes back by itself: see `runtime/kafka/reader`
            }
        )
        try:
            ends = {}
            for number in range(self._partitions):
                partition = TopicPartition(self.name, number)
                first, end = _watermarks(consumer, partition)
                if end > first:
                    ends[number] = end
            return self._read(consumer, ends)
        finally:
            consumer.close()

    def values(self) -> list[Any]:
        """The values of `records()`, from JSON."""
        return [msgspec.json.decode(record.value() or b"null") for record in self.records()]

    def delete(self) -> None:
        """Removes the topic."""
        for done in self._admin.delete_topics([self.name]).values():
            done.result(LIMIT_S)

    def _read(self, consumer: Consumer, ends: dict[int, int]) -> list[Message]:
        consumer.assign([TopicPartition(self.name, number, 0) for number in ends])
        found: list[Message] = []
        deadline = time.monotonic() + LIMIT_S
        while any(_position(consumer, self.name, number) < end for number, end in ends.items()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the end of {self.name} is not reached: is a transaction still open?")
            message = consumer.poll(0.2)
            if message is None:
                continue
            if (error := message.error()) is not None:
                raise KafkaException(error)
            found.append(message)
        return sorted(found, key=lambda record: (record.partition(), record.offset()))


def _watermarks(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    """The ends of a partition; one that was made a moment ago may have no leader yet."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            first, end = consumer.get_watermark_offsets(partition, timeout=LIMIT_S)
        except KafkaException as error:
            if error.args[0].code() not in LEADERLESS or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_S)
        else:
            return first, end


def _position(consumer: Consumer, topic: str, number: int) -> int:
    """Behind control records too, which no message tells of."""
    (found,) = consumer.position([TopicPartition(topic, number)])
    return int(found.offset)
