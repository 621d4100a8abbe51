"""Topics of a benchmark: names in; topics that exist, are filled, or are gone again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from measure import payments

if TYPE_CHECKING:
    from collections.abc import Callable

ADMIN_LIMIT_S = 15.0
FLUSH_LIMIT_S = 120.0
LEADER_LIMIT_S = 10.0  # until a new topic's partitions have a leader
POLL_S = 0.05
QUIET = 0  # the broker goes before these clients do; what fails is raised anyway


class Topics:
    """Makes, fills and removes topics on one broker.

    Args:
        bootstrap_servers: the broker's address.
    """

    def __init__(self, bootstrap_servers: str) -> None:
        self._address = bootstrap_servers
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": QUIET})

    def create(self, topic: str, partitions: int = payments.PARTITIONS) -> None:
        """Makes a topic, and waits until it can be written.

        Raises:
            TimeoutError: its partitions have no leader within `LEADER_LIMIT_S`.
        """
        for future in self._admin.create_topics([NewTopic(topic, partitions, 1)]).values():
            future.result(ADMIN_LIMIT_S)
        deadline = time.monotonic() + LEADER_LIMIT_S
        while time.monotonic() < deadline:
            found = self._admin.list_topics(topic, timeout=ADMIN_LIMIT_S).topics[topic]
            if len(found.partitions) == partitions and all(p.leader >= 0 for p in found.partitions.values()):
                return
            time.sleep(POLL_S)
        raise TimeoutError(f"topic {topic} has no leader after {LEADER_LIMIT_S:g} s")

    def delete(self, *topics: str) -> None:
        """Removes topics, so that a long run does not fill the disk."""
        for future in self._admin.delete_topics(list(topics)).values():
            future.result(ADMIN_LIMIT_S)

    def exists(self, topic: str) -> bool:
        """Whether there is such a topic."""
        return topic in self._admin.list_topics(timeout=ADMIN_LIMIT_S).topics

    def load(self, topic: str, count: int, value: Callable[[int], bytes] = payments.authorized) -> None:
        """Makes a topic of `count` records, unless it is there already.

        Args:
            topic: its name.
            count: how many records.
            value: gives record `i`'s value.

        Raises:
            RuntimeError: not all of them could be written.
        """
        if self.exists(topic):
            return
        self.create(topic)
        producer = Producer(
            {
                "bootstrap.servers": self._address,
                "log_level": QUIET,
                "linger.ms": 50,
                "enable.idempotence": True,
                "delivery.report.only.error": True,
                "queue.buffering.max.messages": 500_000,
                "queue.buffering.max.kbytes": 262_144,
            }
        )
        produce = producer.produce
        for i in range(count):
            while True:
                try:
                    produce(topic, value(i), payments.key_of(i), payments.partition_of(i))
                    break
                except BufferError:
                    producer.poll(POLL_S)
        if left := producer.flush(FLUSH_LIMIT_S):
            raise RuntimeError(f"{left} records of {topic} were not written within {FLUSH_LIMIT_S:g} s")
