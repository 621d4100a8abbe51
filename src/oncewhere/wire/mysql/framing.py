"""Where MySQL's packets begin and end: heads go in, sizes come out; and every limit.

Source: MySQL Internals, "MySQL Packets"; MariaDB knowledge base, "0 - Packet". A payload that fills a packet goes on in
the next one.
"""

from __future__ import annotations

from typing import Final

HEAD_BYTES: Final = 4
"""Three bytes of length, and the packet's number in its exchange."""

FULL_PAYLOAD_BYTES: Final = 0xFFFFFF
"""A packet with so many is continued."""

MAX_HELD_BYTES: Final = 8 * 1024 * 1024
"""Bytes of a command that are held back; above it they pass in parts, the last piece last."""

MAX_HELD_REPLY_BYTES: Final = 1024 * 1024
"""Bytes of the answer to a writing command that are held back; above it they pass, the last packet last."""

MAX_READ_BYTES: Final = 64 * 1024
"""Bytes that are looked at of a command too large to be collected, and the largest packet of a login."""

FRONT_BYTES: Final = HEAD_BYTES + 32
"""Bytes that are collected of a server's packet: its status stands at the front."""

OK: Final = 0x00
LOCAL_INFILE: Final = 0xFB
EOF: Final = 0xFE
ERROR: Final = 0xFF

_EOF_PAYLOAD_BYTES: Final = 9  # a payload that begins with 0xFE and is not shorter is a row


def measure(head: bytes) -> int:
    """Returns the size in bytes of a packet; any three bytes are a length."""
    return int.from_bytes(head[:3], "little") + HEAD_BYTES


def is_eof(payload: bytes, size: int) -> bool:
    """Says whether a server's packet ends a list; `size` is the whole packet's."""
    return payload[:1] == b"\xfe" and size - HEAD_BYTES < _EOF_PAYLOAD_BYTES


def skip_rows(buffer: bytes, at: int) -> int:
    """Returns the place behind all whole packets from there on that can be nothing but rows; they may be millions."""
    last = len(buffer) - HEAD_BYTES - 1
    while at <= last:
        size = int.from_bytes(buffer[at : at + 3], "little")
        if not 0 < size < FULL_PAYLOAD_BYTES or buffer[at + HEAD_BYTES] >= EOF or at + HEAD_BYTES + size > len(buffer):
            break
        at += HEAD_BYTES + size
    return at


def lenenc(data: bytes, at: int) -> tuple[int, int]:
    """Reads a length-encoded integer; returns it and the place behind it. What is missing reads as zero."""
    first = data[at] if at < len(data) else 0
    width = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(first, 0)
    if not width:
        return first, at + 1
    return int.from_bytes(data[at + 1 : at + 1 + width], "little"), at + 1 + width
