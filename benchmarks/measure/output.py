"""The output as a `read_committed` reader sees it: a topic in; its records and what stays hidden out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from measure.payments import PARTITIONS
from measure.verification import Finding, Verification

if TYPE_CHECKING:
    from collections.abc import Mapping

VISIBLE_LIMIT_S = 5.0  # for the last transaction's markers to be written
ANSWER_LIMIT_S = 10.0
AT_ONCE = 5_000
WAIT_S = 0.1


def verified(
    bootstrap_servers: str, topic: str, *, expected: int, values: str, limit_s: float = VISIBLE_LIMIT_S
) -> Finding:
    """Reads a topic whose writers have ended, to its very end.

    Args:
        bootstrap_servers: the broker's address.
        topic: the output.
        expected: how many payments it should hold.
        values: `json` or `bytes`.
        limit_s: how long to wait for what an open transaction hides, in seconds without any progress.

    Raises:
        KafkaException: it cannot be read.
    """
    ends = _ends(bootstrap_servers, topic)
    reader = _reader(bootstrap_servers, "read_committed")
    reader.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    verification, reached = Verification(expected, values), dict.fromkeys(range(PARTITIONS), 0)
    deadline = time.monotonic() + limit_s
    try:
        while _left(reached, ends) and time.monotonic() < deadline:
            before = sum(reached.values())
            for message in reader.consume(AT_ONCE, WAIT_S):
                _take(message, verification, reached)
            if sum(reached.values()) > before:
                deadline = time.monotonic() + limit_s
    finally:
        reader.close()
    return verification.finding(_left(reached, ends))


def _take(message: Any, verification: Verification, reached: dict[int, int]) -> None:
    error = message.error()
    if error is None:
        verification.take(message.key(), message.value())
        reached[message.partition()] = message.offset() + 1
    elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
        reached[message.partition()] = message.offset()  # past the markers, which are no records
    else:
        raise KafkaException(error)


def _left(reached: Mapping[int, int], ends: Mapping[int, int]) -> int:
    return sum(max(0, end - reached[number]) for number, end in ends.items())


def _ends(bootstrap_servers: str, topic: str) -> dict[int, int]:
    """The high watermarks. (A read_committed client would be told the last stable offset instead.)"""
    asker = _reader(bootstrap_servers, "read_uncommitted")
    try:
        return {
            number: asker.get_watermark_offsets(TopicPartition(topic, number), timeout=ANSWER_LIMIT_S)[1]
            for number in range(PARTITIONS)
        }
    finally:
        asker.close()


def _reader(bootstrap_servers: str, isolation: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": "verification",
            "isolation.level": isolation,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "fetch.queue.backoff.ms": 5,
        }
    )
