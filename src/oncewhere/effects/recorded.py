"""Results of effects, as they are recorded: a value and its type in, bytes out; and back, the same value.

A result is MessagePack by msgspec. Many of them are recorded in one column: a MessagePack array of (offset, effect, nth
call, result), where the result is carried raw, since only the effect that asks for it knows its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from oncewhere.errors import ConfigurationError

R = TypeVar("R")


class CallKey(NamedTuple):
    """Which call of an effect a result belongs to, within one partition.

    Attributes:
        offset: offset of the record whose handler ran the effect.
        effect: the effect's name.
        nth: 0 for the record's first call of that effect, 1 for its second, …
    """

    offset: int
    effect: str
    nth: int


Results = Mapping[CallKey, bytes]

_STORED = list[tuple[int, str, int, msgspec.Raw]]


def pack(results: Results) -> bytes:
    """Results as the bytes of one column."""
    return msgspec.msgpack.encode([(*key, msgspec.Raw(raw)) for key, raw in results.items()])


def unpack(column: bytes) -> dict[CallKey, bytes]:
    """The results in the bytes of one column.

    Raises:
        msgspec.DecodeError: the column holds something else.
    """
    rows = msgspec.msgpack.decode(column, type=_STORED)
    return {CallKey(offset, effect, nth): bytes(raw) for offset, effect, nth, raw in rows}


class ResultCodec(Generic[R]):
    """Encodes and decodes the results of one effect.

    Args:
        owner: what the results belong to, for error messages: ``effect 'settle'``.
        result_type: the type that a result decodes to.

    Raises:
        ConfigurationError: msgspec cannot carry values of that type.
    """

    def __init__(self, owner: str, result_type: type[R]) -> None:
        self._owner = owner
        self._encode = msgspec.msgpack.Encoder().encode
        try:
            self._decoder = msgspec.msgpack.Decoder(result_type)
            msgspec.json.schema(result_type)  # a custom class passes the decoder's constructor, and fails here
        except (TypeError, NotImplementedError) as error:
            msg = (
                f"The result of {owner} cannot be recorded: its type {result_type!r} is not one that msgspec can carry."
            )
            raise ConfigurationError(
                msg,
                hint="Return a msgspec Struct, a dataclass, a builtin type, or None.",
                detail=str(error),
            ) from error

    def encode(self, result: Any) -> bytes:
        """The bytes to record for a result; see `recorded`."""
        return self.recorded(result)[0]

    def recorded(self, result: Any) -> tuple[bytes, R]:
        """The bytes to record for a result, and the value that they will be read back as.

        Raises:
            ConfigurationError: the value is not of the declared type, or cannot be encoded.
        """
        try:
            raw = self._encode(result)
            value = self._decoder.decode(raw)
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            msg = (
                f"{self._owner} returned a {type(result).__name__} that does not fit its declared result type: {error}."
            )
            raise ConfigurationError(msg, hint="Return what the annotation says.") from error
        return raw, value

    def decode(self, raw: bytes) -> R:
        """The value that was recorded.

        Raises:
            msgspec.DecodeError: what was recorded is not of the declared type (the type was changed since).
        """
        return self._decoder.decode(raw)
