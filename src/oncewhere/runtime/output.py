"""One output, as arguments of librdkafka's produce, in; its size out, or why librdkafka would not take it."""

from __future__ import annotations

from operator import index
from typing import Any


def bytes_of(arguments: tuple[Any, ...]) -> int:
    """How many bytes librdkafka holds against `message.max.bytes`: those of the value, the key and the headers.

    Args:
        arguments: of produce: the topic, the value and the key alone, or all eight.

    Raises:
        TypeError: one of them is of another type than librdkafka takes.
    """
    size = _length("value", arguments[1]) + _length("key", arguments[2])
    if len(arguments) > 3:
        index(arguments[3]), index(arguments[6])  # the partition and the time
        for header in arguments[7] or ():
            if header.__class__ is not tuple or len(header) != 2:
                raise TypeError("headers are pairs of name and value, each a tuple")
            name, value = header
            size += _with_length(_length("name", str(name))) + _with_length(_length("header", value))
    return size


def _with_length(size: int) -> int:
    """And how long it is: seven bits a byte, one of them for the sign."""
    return size + 1 if size < 64 else size + size.bit_length() // 7 + 1


def _length(what: str, given: Any) -> int:
    if given.__class__ is bytes:
        return len(given)
    if given is None:
        return 0
    if isinstance(given, str):
        return len(given) if given.isascii() else len(given.encode())
    if isinstance(given, bytes):
        return len(given)
    raise TypeError(f"a {what} is bytes, str or None, not {type(given).__name__}")
