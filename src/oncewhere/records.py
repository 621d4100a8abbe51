"""What flows through a processor: a `Record` comes in at a position of a `Partition`.

In: a message as Kafka's client gives it (keys and values are bytes or None, headers keep their order and repetition).
Out: the same, typed; no behaviour beyond reading it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar, overload

import msgspec

T = TypeVar("T")
R = TypeVar("R")

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


class Message(Protocol):
    """A consumed message, as confluent_kafka gives it."""

    def topic(self) -> str:
        """The topic's name."""

    def partition(self) -> int:
        """The partition's number."""

    def offset(self) -> int:
        """The message's offset."""

    def key(self) -> bytes | None:
        """The key's bytes."""

    def value(self) -> bytes | None:
        """The value's bytes."""

    def headers(self) -> Headers | None:
        """The headers in order, or None."""

    def timestamp(self) -> tuple[int, int]:
        """The timestamp's type (0: none) and milliseconds."""


class Record(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """One consumed record. What few handlers ask for is not taken out of the message before they do.

    Attributes:
        value: the value, decoded to the type that `consume` declared; None for a tombstone.
        key: the key's bytes, or None.
        message: where everything else is read from.
    """

    value: T
    key: bytes | None
    message: Message

    @classmethod
    def of(
        cls,
        value: T,
        *,
        topic: str,
        partition: int = 0,
        offset: int = 0,
        key: bytes | None = None,
        headers: Headers | None = None,
        timestamp_ms: int | None = None,
    ) -> Record[T]:
        """A record made by hand, for the tests of a handler."""
        return cls(value, key, _Made(topic, partition, offset, key, list(headers or []), timestamp_ms))

    @property
    def topic(self) -> str:
        """The topic's name."""
        return self.message.topic()

    @property
    def partition(self) -> int:
        """The partition's number, from 0."""
        return self.message.partition()

    @property
    def offset(self) -> int:
        """The record's offset in its partition."""
        return self.message.offset()

    @property
    def headers(self) -> Headers:
        """The headers in their order on the wire; empty when there are none."""
        return self.message.headers() or []

    @property
    def timestamp_ms(self) -> int | None:
        """Milliseconds since the epoch, or None when the record has no timestamp."""
        kind, milliseconds = self.message.timestamp()
        return milliseconds if kind else None

    def __repr__(self) -> str:
        # Never the payload: a record in a log must not leak it.
        return f"<Record {self.topic}[{self.partition}]@{self.offset}>"


class Ran(msgspec.Struct, Generic[R], frozen=True):
    """What an effect returned for many records.

    Attributes:
        records: those that it was run for, or recalled for.
        results: one for each of them.
    """

    records: Records[Any]
    results: list[R]

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[tuple[Record[Any], R]]:
        return zip(self.records, self.results, strict=True)


class Records(Sequence[Record[T]], Generic[T]):
    """The records of a batch handler: a sequence of `Record`, and its columns.

    Args:
        values: decoded, in order.
        messages: where everything else is read from, one for each value.
    """

    __slots__ = ("messages", "values")

    def __init__(self, values: list[T], messages: Sequence[Message]) -> None:
        self.values = values
        self.messages = messages

    def pick(self, numbers: Sequence[int]) -> Records[T]:
        """Some of them, by their numbers from 0."""
        if len(numbers) == len(self.values):
            return self
        return Records([self.values[nth] for nth in numbers], [self.messages[nth] for nth in numbers])

    @property
    def keys(self) -> list[bytes | None]:
        """The keys' bytes, one for each value."""
        return list(map(self.messages[0].__class__.key, self.messages)) if self.messages else []

    @overload
    def __getitem__(self, index: int) -> Record[T]: ...

    @overload
    def __getitem__(self, index: slice) -> Records[T]: ...

    def __getitem__(self, index: int | slice) -> Record[T] | Records[T]:
        if isinstance(index, slice):
            return Records(self.values[index], self.messages[index])
        message = self.messages[index]
        return Record(self.values[index], message.key(), message)

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Record[T]]:
        return map(Record, self.values, self.keys, self.messages)

    def __repr__(self) -> str:
        return f"<Records {len(self)}>"


class _Made(msgspec.Struct, frozen=True):
    """A message that no broker sent."""

    topic_name: str
    number: int
    position: int
    key_bytes: bytes | None
    header_list: Headers
    milliseconds: int | None

    def topic(self) -> str:
        return self.topic_name

    def partition(self) -> int:
        return self.number

    def offset(self) -> int:
        return self.position

    def key(self) -> bytes | None:
        return self.key_bytes

    def value(self) -> bytes | None:
        return None

    def headers(self) -> Headers | None:
        return self.header_list or None

    def timestamp(self) -> tuple[int, int]:
        return (0, -1) if self.milliseconds is None else (1, self.milliseconds)
