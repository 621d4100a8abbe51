"""Our runtime with the transactions taken out: what exactly-once costs is the difference. For benchmarks only.

The loop stays as it is. Its producer is an idempotent one without a transactional.id; where the loop commits a
transaction, the broker has all outputs, and the consumer commits the offsets without waiting for the answer.
"""

from __future__ import annotations

from typing import Any

import confluent_kafka

from oncewhere.runtime import ending
from oncewhere.runtime.kafka import reader, writer


class Clients:
    """The consumer and the producer of the one processor in this process."""

    consumer: Any = None

    @classmethod
    def make_consumer(cls, *arguments: Any, **options: Any) -> Any:
        cls.consumer = confluent_kafka.Consumer(*arguments, **options)
        return cls.consumer


class WithoutTransactions:
    """A producer, in the form of a transactional one."""

    def __init__(self, settings: dict[str, Any], **options: Any) -> None:
        plain = {name: value for name, value in settings.items() if not name.startswith("transaction")}
        self._producer = confluent_kafka.Producer(plain, **options)
        self._offsets: list[Any] = []
        self.produce = self._producer.produce
        self.poll = self._producer.poll
        self.flush = self._producer.flush
        self.purge = self._producer.purge
        self.list_topics = self._producer.list_topics

    def __len__(self) -> int:
        return len(self._producer)

    def init_transactions(self, timeout: float) -> None: ...

    def begin_transaction(self) -> None: ...

    def abort_transaction(self, timeout: float = -1) -> None: ...

    def send_offsets_to_transaction(self, offsets: list[Any], metadata: bytes, timeout: float = -1) -> None:
        del metadata, timeout
        self._offsets = offsets

    def commit_transaction(self, timeout: float = -1) -> None:
        del timeout
        Clients.consumer.commit(offsets=self._offsets, asynchronous=True)


class AtOnce:
    """Stands in for the committing thread: there is nothing to wait for, and a consumer belongs to one thread."""

    def __init__(self) -> None:
        self._ended: list[Any] = []

    def submit(self, call: Any) -> None:
        self._ended.append(call())

    def outcome(self, wait_s: float) -> tuple[bool, Any]:
        del wait_s
        return (True, self._ended.pop()) if self._ended else (False, None)

    def close(self) -> None: ...


def install() -> None:
    """From here on, processors of this process have no transactions."""
    reader.Consumer = Clients.make_consumer  # type: ignore[assignment,misc]
    writer.Producer = WithoutTransactions  # type: ignore[assignment,misc]
    ending.Committer = AtOnce  # type: ignore[assignment,misc]
