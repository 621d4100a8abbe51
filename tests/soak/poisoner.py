"""Transactions that write to the output topic and are always aborted: whoever reads one of their records is caught."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
from confluent_kafka import KafkaException, Producer

from soak.event import POISON, Answer

PERIOD_S = 0.4
CALL_LIMIT_S = 10.0


class Poisoner:
    """Writes and aborts until it is stopped.

    Args:
        bootstrap: the cluster.
        topic: the output topic.
        partitions: how many it has; each gets a record in each transaction.
        name: its transactional.id.
    """

    def __init__(self, bootstrap: str, topic: str, partitions: int, name: str) -> None:
        self.aborted = 0
        self._settings = {
            "bootstrap.servers": bootstrap,
            "transactional.id": name,
            "transaction.timeout.ms": 5000,
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,
        }
        self._topic = topic
        self._partitions = partitions
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="poisoner", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        producer: Any = None
        while not self._stopping.wait(PERIOD_S):
            try:
                if producer is None:
                    producer = Producer(self._settings)
                    producer.init_transactions(CALL_LIMIT_S)
                producer.begin_transaction()
                for partition in range(self._partitions):
                    answer = Answer(POISON, self.aborted, "poisoner", self.aborted)
                    producer.produce(self._topic, msgspec.json.encode(answer), POISON, partition)
                producer.flush(CALL_LIMIT_S)  # an abort that overtakes records finds no transaction
                self._stopping.wait(PERIOD_S / 4)
                producer.abort_transaction(CALL_LIMIT_S)
                self.aborted += 1
            except KafkaException:
                producer = None  # a new one ends what the old one left open
