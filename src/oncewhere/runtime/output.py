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
    _, value, key, *rest = arguments
    size = _length("a value", value) + _length("a key", key)
    if rest:
        partition, _, _, timestamp, headers = rest
        index(partition), index(timestamp)
        size += sum(map(_header_bytes, headers or ()))
    return size


def _header_bytes(header: object) -> int:
    if not isinstance(header, tuple) or len(header) != 2:
        raise TypeError("headers are pairs of name and value, each a tuple")
    name, value = header
    size = 0
    for length in (len(str(name).encode()), _length("a header's value", value)):
        size += (
            length + length.bit_length() // 7 + 1
        )  # its length goes before it, in seven bits a byte and one for a sign
    return size


def _length(what: str, given: object) -> int:
    if isinstance(given, bytes):
        return len(given)
    if isinstance(given, str):
        return len(given.encode())
    if given is None:
        return 0
    raise TypeError(f"{what} is bytes, str or None, not {type(given).__name__}")
