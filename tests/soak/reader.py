"""The output topic goes in from its beginning, as a downstream consumer sees it; what it saw goes to the checker."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from soak.checks import Checker, Seen
from soak.event import POISON, Answer, Event

if TYPE_CHECKING:
    from collections.abc import Iterator

Isolation = Literal["read_committed", "read_uncommitted"]
WAIT_S = 0.2
END_LIMIT_S = 30.0


class Reader:
    """Reads all the time, beside everything that goes wrong.

    Args:
        bootstrap: the cluster.
        topic: the output topic.
        partitions: how many it has.
        keys: those that were sent.
        isolation: `read_committed`; the other one is a planted mistake.
    """

    def __init__(
        self, bootstrap: str, topic: str, partitions: int, keys: list[str], isolation: Isolation = "read_committed"
    ) -> None:
        self.checker = Checker(frozenset(keys), POISON)
        self.error: BaseException | None = None
        self.lock = threading.Lock()
        self._consumer = Consumer(_settings(bootstrap, isolation))
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def progress(self) -> dict[str, int]:
        """For each key, the number that is expected next."""
        with self.lock:
            return {key: self.checker.next_of(key) for key in self.checker.keys}

    def _run(self) -> None:
        try:
            with closing(self._consumer):
                while not self._stopping.is_set():
                    messages = self._consumer.consume(1000, WAIT_S)
                    with self.lock:
                        for message in filter(_is_record, messages):
                            self.checker.see(_answer(message))
        except Exception as error:  # noqa: BLE001 - the soak looks at it
            self.error = error


def everything(bootstrap: str, topic: str, partitions: int) -> Iterator[Seen]:
    """All answers in the output topic, from its beginning up to its end, to a second reader that comes afterwards.

    Raises:
        TimeoutError: the end does not come.
    """
    return map(_answer, _all(bootstrap, topic, partitions))


def inputs(bootstrap: str, topic: str, partitions: int) -> Iterator[Seen]:
    """All events in the input topic: an input that is itself doubled would prove nothing about outputs.

    Raises:
        TimeoutError: the end does not come.
    """
    for message in _all(bootstrap, topic, partitions):
        event = msgspec.json.decode(message.value(), type=Event)
        yield Seen(event.key, event.number, _position(message))


def _all(bootstrap: str, topic: str, partitions: int) -> Iterator[Any]:
    settings = _settings(bootstrap, "read_committed") | {"enable.partition.eof": True}
    with closing(Consumer(settings)) as consumer:
        consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        ended: set[int] = set()
        while len(ended) < partitions:
            message = consumer.poll(END_LIMIT_S)
            if message is None:
                raise TimeoutError(f"the end of {topic} did not come")
            if message.error() is not None and message.error().code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
            elif _is_record(message):
                yield message


def _is_record(message: Any) -> bool:
    """Whether it is one; errors that pass are not, and others must not be mistaken for silence."""
    error = message.error()
    if error is None:
        return True
    if error.fatal() or error.code() == KafkaError._AUTO_OFFSET_RESET:
        raise KafkaException(error)
    return False


def _settings(bootstrap: str, isolation: Isolation) -> dict[str, Any]:
    return {
        "bootstrap.servers": bootstrap,
        "group.id": "soak-reader",  # never used: partitions are assigned by hand and nothing is committed
        "isolation.level": isolation,
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "reconnect.backoff.max.ms": 500,
        "log_level": 0,
    }


def _answer(message: Any) -> Seen:
    answer = msgspec.json.decode(message.value(), type=Answer)
    return Seen(answer.key, answer.number, _position(message), f"{answer.life}, call {answer.call}")


def _position(message: Any) -> str:
    return f"{message.topic()}[{message.partition()}]@{message.offset()}"
