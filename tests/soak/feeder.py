"""Numbered events go into the input topic at a steady rate, from a thread; how many of each key went in comes out."""

from __future__ import annotations

import threading
import time
from typing import Any

import msgspec
from confluent_kafka import Producer

from soak.event import Event, partition_of

FLUSH_LIMIT_S = 60.0
"""How long the last events may take to arrive; a broker may be starting."""
TICK_S = 0.05


class Feeder:
    """Feeds until it is stopped. Its producer is idempotent: the input itself has no duplicate and no gap.

    Args:
        bootstrap: the cluster.
        topic: the input topic.
        keys: the keys, in order; see `partition_of`.
        partitions: how many the topic has.
        rate: events per second, over all keys.
    """

    def __init__(self, bootstrap: str, topic: str, keys: list[str], partitions: int, rate: float) -> None:
        self.sent = dict.fromkeys(keys, 0)
        self.failed: list[str] = []
        self._producer = Producer(
            # One in flight, or what a new leader refuses can be lost: runtime/settings.py says how.
            {"bootstrap.servers": bootstrap, "enable.idempotence": True, "max.in.flight": 1, "linger.ms": 5}
            | {"reconnect.backoff.max.ms": 500, "delivery.report.only.error": True}
        )
        self._topic = topic
        self._keys = keys
        self._partitions = partitions
        self._rate = rate
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> bool:
        """Stops; returns whether everything arrived."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        return self._producer.flush(FLUSH_LIMIT_S) == 0 and not self.failed

    @property
    def total(self) -> int:
        return sum(self.sent.values())

    def _run(self) -> None:
        began, fed = time.monotonic(), 0
        while not self._stopping.wait(TICK_S):
            due = int((time.monotonic() - began) * self._rate)
            for number in range(fed, due):
                index = number % len(self._keys)
                self._feed(index, self._keys[index])
            fed = due
            self._producer.poll(0)

    def _feed(self, index: int, key: str) -> None:
        event = Event(key, self.sent[key])
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    msgspec.json.encode(event),
                    key,
                    partition_of(index, self._partitions),
                    on_delivery=self._report,
                )
            except BufferError:
                self._producer.poll(TICK_S)
                continue
            self.sent[key] += 1
            return

    def _report(self, error: Any, message: Any) -> None:
        if error is not None:
            self.failed.append(f"{message.topic()}[{message.partition()}]: {error}")
