"""Inputs come in; records in the input topic go out, and where each stands; or records that nobody may ever act on.

Blocking calls, to the real broker and never through the proxy.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from oncewhere.errors import InconclusiveError

from .inputs import Input

FLUSH_LIMIT_S: Final = 15.0
TRANSACTION_LIMIT_S: Final = 15.0
CHOSEN_BY_KEY: Final = -1
"""librdkafka's RD_KAFKA_PARTITION_UA."""

Position = tuple[int, int]
"""Partition and offset."""

NOWHERE: Final = -1
"""The offset of a record that was acknowledged, and of which nobody said where it stands."""


def write(producer: Producer, topic: str, inputs: Sequence[Input]) -> tuple[Position, ...]:
    """Writes inputs in their order.

    Returns:
        Where each stands.

    Raises:
        InconclusiveError: a record was not acknowledged.
    """
    producer.list_topics(topic, FLUSH_LIMIT_S)  # else the leaders of a new topic are only asked for after 100 ms
    failed: list[str] = []
    places: dict[int, Position] = {}

    def delivered(number: int, error: KafkaError | None, message: Message[bytes, bytes]) -> None:
        if error is not None:
            failed.append(error.str())
        else:
            offset = message.offset()
            places[number] = message.partition() or 0, NOWHERE if offset is None else offset

    for number, record in enumerate(inputs):
        producer.produce(
            topic,
            value=bytes(record.value),
            key=record.key,
            headers=dict(record.headers) or None,
            on_delivery=functools.partial(delivered, number),
            partition=CHOSEN_BY_KEY if record.partition is None else record.partition,
        )
    left = producer.flush(FLUSH_LIMIT_S)
    if failed or left:
        why = failed[0] if failed else f"{left} records were not acknowledged within {FLUSH_LIMIT_S:.0f} s"
        raise InconclusiveError(f"The inputs could not be written to {topic}: {why}.")
    return tuple(places[number] for number in range(len(inputs)))


def all_stand(positions: Sequence[Position], ends: Mapping[int, int]) -> bool:
    """True where every input has a place of its own in the topic.

    A producer with more than one request in flight can be told that records of a new topic are stored which are not
    (`runtime.settings.FIXED_FOR_PRODUCER`): seen twice in 1,656 topics, before the drill's own had one. A processor
    that never got them has lost nothing.

    Args:
        positions: of the inputs.
        ends: by partition, the offset behind its last record.
    """
    distinct = len(set(positions)) == len(positions)
    return distinct and all(NOWHERE < offset < ends.get(partition, 0) for partition, offset in positions)


def write_aborted(settings: Mapping[str, str | int | float | bool], topic: str, inputs: Sequence[Input]) -> None:
    """Writes inputs in a transaction of an upstream producer that aborts it.

    Args:
        settings: of the cluster's clients.
        topic: where they are written.
        inputs: in this order.

    Raises:
        InconclusiveError: the cluster refused the transaction.
    """
    try:
        own = {"transactional.id": f"oncewhere-upstream-{uuid.uuid4()}", "linger.ms": 1, "max.in.flight": 1}
        producer = Producer({**settings, **own})
        producer.init_transactions(TRANSACTION_LIMIT_S)
        producer.begin_transaction()
        write(producer, topic, inputs)  # flushed: librdkafka may call the abort of records on their way a fatal error
        producer.abort_transaction(TRANSACTION_LIMIT_S)
    except KafkaException as error:
        why = error.args[0].str()
        raise InconclusiveError(
            f"A transaction that is to be aborted could not be written to {topic}: {why}.",
            hint="May the drill use a transactional.id that begins with oncewhere-upstream- here?",
        ) from None
