"""What flows through a processor: a `Record` comes in at a position of a `Partition`, an `Output` goes out.

In: fields as Kafka has them (keys and values are bytes or None, headers keep their order and repetition).
Out: frozen data; no behaviour.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

Headers = list[tuple[str, bytes | None]]
"""Headers in their order on the wire; a name may repeat, a value may be null."""


class Partition(msgspec.Struct, frozen=True, order=True):
    """One partition of one topic, for ever: the topic's id tells a recreated topic from the one before it (KIP-516).

    Attributes:
        topic: the topic's name.
        number: the partition's number, from 0.
        topic_id: the topic's id as text.
    """

    topic: str
    number: int
    topic_id: str

    def __str__(self) -> str:
        return f"{self.topic}[{self.number}]"

    __repr__ = __str__


class Record(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """One consumed record.

    Attributes:
        topic: the topic's name.
        partition: the partition's number, from 0.
        offset: the record's offset in its partition.
        key: the key's bytes, or None.
        value: the value, decoded to the type that `consume` declared; None for a tombstone.
        headers: in their order on the wire; empty when there are none.
        timestamp_ms: milliseconds since the epoch, or None when the record has none.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: T
    headers: Headers
    timestamp_ms: int | None


class Output(msgspec.Struct, frozen=True, gc=False):
    """One record to produce, already encoded.

    Attributes:
        topic: the topic's name.
        value: the value's bytes; None is a tombstone.
        key: the key's bytes, or None.
        headers: in the order to write them.
        partition: the partition's number; None lets the partitioner choose by key.
        timestamp_ms: milliseconds since the epoch; None lets the producer stamp it.
    """

    topic: str
    value: bytes | None
    key: bytes | None
    headers: Headers
    partition: int | None
    timestamp_ms: int | None
