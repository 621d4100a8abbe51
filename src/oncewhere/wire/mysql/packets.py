"""Where the packets of MySQL's protocol begin and end: heads go in, sizes and what to collect come out; every limit.

Source: MySQL's internals documentation, "Client/Server Protocol", and MariaDB's "Clientserver Protocol".
"""

from __future__ import annotations

from typing import Final

HEAD_BYTES: Final = 4
"""Three bytes of length, one of the packet's number in its exchange."""

LARGEST: Final = 0xFFFFFF
"""A packet of this length goes on in the next one, which may be empty."""

MAX_HELD_BYTES: Final = 8 * 1024 * 1024
"""Bytes of a command that are held back; above it they pass in parts, the last piece last."""

MAX_HELD_REPLY_BYTES: Final = 1024 * 1024
"""Bytes of the answer to a writing command that are held back; above it they pass, its end last."""

MAX_READ_BYTES: Final = 64 * 1024
"""Bytes that are looked at of a command too large to be held, and of any packet of the server's."""

MAX_GREETING_BYTES: Final = 4096
"""A longer first packet is no greeting; what another protocol's server says first may look like its length."""

_NULL: Final = 0xFB
_WIDTHS: Final = {0xFC: 2, 0xFD: 3, 0xFE: 8}


def measure(head: bytes) -> int:
    """Returns the size in bytes of a packet with its head."""
    return int.from_bytes(head[:3], "little") + HEAD_BYTES


def collect_request(_: bytes, size: int) -> int:
    """Returns how many bytes of a client's packet to collect."""
    return size if size <= MAX_HELD_BYTES else MAX_READ_BYTES


def collect_reply(_: bytes, size: int) -> int:
    """Returns how many bytes of a server's packet to collect."""
    return min(size, MAX_READ_BYTES)


def number(data: bytes, at: int, width: int) -> int:
    """Reads a little-endian number; bytes that are missing count as zero."""
    return int.from_bytes(data[at : at + width], "little")


def encoded(data: bytes, at: int) -> tuple[int, int]:
    """Reads a length-encoded number; returns it and the place behind it."""
    first = data[at] if at < len(data) else 0
    if first < _NULL:
        return first, at + 1
    width = _WIDTHS.get(first, 0)
    return number(data, at + 1, width), at + 1 + width


def text_at(data: bytes, at: int) -> tuple[str, int]:
    """Reads a zero-terminated text; returns it and the place behind it."""
    end = data.find(b"\0", at)
    end = len(data) if end < 0 else end
    return data[at:end].decode(errors="replace"), end + 1
