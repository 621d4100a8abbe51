"""Where PostgreSQL's messages begin and end: heads go in, sizes and what to collect come out; and every limit.

Source: PostgreSQL documentation, chapter "Frontend/Backend Protocol", protocol 3.0 and 3.2.
"""

from __future__ import annotations

import struct
from typing import Final

HEAD_BYTES: Final = 5
"""A message's type and its length."""

STARTUP_HEAD_BYTES: Final = 8
"""The length and the code of the packets that come before any message."""

MAX_HELD_BYTES: Final = 8 * 1024 * 1024
"""Bytes of a unit that are held back, and the largest message that is collected; above it they pass in parts."""

MAX_HELD_REPLY_BYTES: Final = 1024 * 1024
"""Bytes of the reply to a writing unit that are held back; above it they pass, the ReadyForQuery last."""

MAX_READ_BYTES: Final = 64 * 1024
"""Bytes that are looked at of a message too large to be collected, and of a reply's tag or error."""

_MAX_MESSAGE_BYTES: Final = 1024 * 1024 * 1024  # MaxAllocSize of the server
_MAX_STARTUP_BYTES: Final = 10_000  # MAX_STARTUP_PACKET_LENGTH of the server

REQUEST_TYPES: Final = frozenset(b"QPBEDCFSHdcfpX")
PASSING_REQUEST_TYPES: Final = frozenset(b"dpX")
"""CopyData, passwords and SASL, Terminate: forwarded as they come, never looked into."""

REPLY_TYPES: Final = frozenset(b"RKSZCEGHWdcDTtnsI123NAVv")
_READ_REPLY_TYPES: Final = frozenset(b"ZCEGW")
_PASSING_REPLY_TYPES: Final = REPLY_TYPES - _READ_REPLY_TYPES
_HEAD: Final = struct.Struct(">BI")


def measure_startup(head: bytes) -> int | None:
    """Returns the size in bytes of a start-up packet, or None where none begins."""
    size = int.from_bytes(head[:4], "big")
    return size if STARTUP_HEAD_BYTES <= size <= _MAX_STARTUP_BYTES else None


def measure(head: bytes) -> int | None:
    """Returns the size in bytes of a message with its type, or None where none begins."""
    size = int.from_bytes(head[1:], "big")
    return size + 1 if 4 <= size <= _MAX_MESSAGE_BYTES else None


def collect_startup(_: bytes, size: int) -> int:
    """Returns how many bytes of a start-up packet to collect: all."""
    return size


def collect_request(head: bytes, size: int) -> int:
    """Returns how many bytes of a client's message to collect."""
    if head[0] in PASSING_REQUEST_TYPES or head[0] not in REQUEST_TYPES:
        return 0
    return size if size <= MAX_HELD_BYTES else MAX_READ_BYTES


def collect_reply(head: bytes, size: int) -> int:
    """Returns how many bytes of a server's message to collect."""
    return min(size, MAX_READ_BYTES) if head[0] in _READ_REPLY_TYPES else 0


def skip_replies(buffer: bytes, at: int) -> int:
    """Returns the place behind all whole messages of a server that pass unread; rows may come by the million."""
    last = len(buffer) - HEAD_BYTES
    while at <= last:
        kind, size = _HEAD.unpack_from(buffer, at)
        if kind not in _PASSING_REPLY_TYPES or not 4 <= size < len(buffer) - at:
            break
        at += 1 + size
    return at
