"""Bytes and values, JSON by msgspec: a consumed message in, a typed `Record` out; a value in, an `Output` out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import msgspec

from oncewhere.errors import ConfigurationError, DeserializationError
from oncewhere.records import Headers, Output, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")

Key = bytes | str | None
"""A key to produce; text is encoded in UTF-8."""

_encode_json = msgspec.json.Encoder().encode


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


class ValueDecoder(Generic[T]):
    """Decodes the values of one topic.

    Args:
        topic: the topic's name, for sentences.
        value_type: a msgspec Struct, a dataclass, a builtin type (from JSON), or `bytes` (as they are).

    Raises:
        ConfigurationError: msgspec cannot decode to that type.
    """

    def __init__(self, topic: str, value_type: type[T]) -> None:
        self._decode: Callable[[bytes], Any] | None = None
        if value_type is bytes:
            return
        try:
            self._decode = msgspec.json.Decoder(value_type).decode
            msgspec.json.schema(value_type)  # a custom class passes the decoder's constructor
        except (TypeError, NotImplementedError) as error:
            msg = f"Values of topic {topic!r} cannot be decoded to {value_type!r}."
            hint = "Declare a msgspec Struct, a dataclass, a builtin type, or bytes."
            raise ConfigurationError(msg, hint=hint, detail=str(error)) from error

    def record(self, message: Message) -> Record[T]:
        """The message as a record. A tombstone's value is None, whatever the type.

        Raises:
            DeserializationError: the bytes are not of the declared type. It does not show them.
        """
        value: Any = message.value()
        if value is not None and self._decode is not None:
            try:
                value = self._decode(value)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise DeserializationError(
                    f"its value cannot be decoded ({type(error).__name__}).",
                    topic=message.topic(),
                    partition=message.partition(),
                    offset=message.offset(),
                ) from error
        kind, milliseconds = message.timestamp()
        return Record(
            message.topic(),
            message.partition(),
            message.offset(),
            message.key(),
            value,
            message.headers() or [],
            milliseconds if kind else None,
        )


def output(
    topic: str,
    value: object,
    *,
    key: Key = None,
    headers: Iterable[tuple[str, bytes | str | None]] = (),
    partition: int | None = None,
    timestamp_ms: int | None = None,
) -> Output:
    """A record to produce, encoded.

    Raises:
        TypeError: the key is neither bytes nor text, or the value cannot be encoded.
    """
    if isinstance(key, str):
        key = key.encode()
    elif key is not None and not isinstance(key, bytes):
        raise TypeError(f"a key is bytes, str or None, not {type(key).__name__}")
    if value is not None and not isinstance(value, bytes):
        value = _encode_json(value)
    carried: Headers = [(name, h.encode() if isinstance(h, str) else h) for name, h in headers] if headers else []
    return Output(topic, value, key, carried, partition, timestamp_ms)
