"""How a MySQL connection opens: the server's greeting goes in and comes out restrained; a login's names come out.

What the server does not offer, the client does not use. Taken away is whatever would hide what follows (encryption,
compression) or change the form of answers for no gain here. The greeting's salt stays, so that logins succeed.

Source: MySQL Internals, "Protocol::Handshake"; MariaDB knowledge base, "Connection" (the extended capabilities).
"""

from __future__ import annotations

from typing import Final

from oncewhere.wire.message import JSON
from oncewhere.wire.mysql.framing import HEAD_BYTES, lenenc
from oncewhere.wire.opacity import shown

PROTOCOL_10: Final = 10

CONNECT_WITH_DB: Final = 1 << 3
COMPRESS: Final = 1 << 5
PROTOCOL_41: Final = 1 << 9
SSL: Final = 1 << 11
SECURE_CONNECTION: Final = 1 << 15
PLUGIN_AUTH_LENENC: Final = 1 << 21
DEPRECATE_EOF: Final = 1 << 24
OPTIONAL_RESULTSET_METADATA: Final = 1 << 25
ZSTD: Final = 1 << 26
QUERY_ATTRIBUTES: Final = 1 << 27

_NOT_OFFERED: Final = COMPRESS | SSL | DEPRECATE_EOF | OPTIONAL_RESULTSET_METADATA | ZSTD | QUERY_ATTRIBUTES
_MARIADB_KEPT: Final = 1 << 2
"""Of MariaDB's own only bulk execution: progress reports and cached metadata change the form of answers."""
_MYSQL: Final = 1 << 0  # MariaDB leaves it out, and then the last reserved bytes are its own capabilities

_SALT_BYTES: Final = 8
_BEHIND_HIGH_BYTES: Final = 2 + 1 + 6
"""The high half itself, the salt's length and a filler; then come MariaDB's own capabilities."""
_BEFORE_NAME_BYTES: Final = 32
"""Capabilities, packet size, character set and filler of a login."""


def capabilities(packet: bytes) -> int:
    """Takes the server's greeting; returns what it offers, and nothing where it is no greeting."""
    where = _halves(packet)
    if where is None:
        return 0
    low, high = where
    return int.from_bytes(packet[low : low + 2], "little") | int.from_bytes(packet[high : high + 2], "little") << 16


def _halves(packet: bytes) -> tuple[int, int] | None:
    """Where the two halves of the capabilities stand in a greeting; None where it is none."""
    at = packet.find(b"\0", HEAD_BYTES + 1) + 1  # behind the version
    if packet[HEAD_BYTES : HEAD_BYTES + 1] != bytes([PROTOCOL_10]) or not at:
        return None
    low = at + 4 + _SALT_BYTES + 1  # behind the connection's number, the salt and a filler
    high = low + 2 + 1 + 2  # behind the low half, the character set and the status
    return (low, high) if len(packet) >= high + _BEHIND_HIGH_BYTES + 4 else None


def restrained(packet: bytes) -> bytes | None:
    """Takes the server's greeting; returns it with fewer capabilities, or None where it is no greeting."""
    where = _halves(packet)
    if where is None:
        return None
    low, high = where
    extended = high + _BEHIND_HIGH_BYTES
    out = bytearray(packet)
    offered = capabilities(packet)
    kept = offered & ~_NOT_OFFERED
    out[low : low + 2] = (kept & 0xFFFF).to_bytes(2, "little")
    out[high : high + 2] = (kept >> 16).to_bytes(2, "little")
    if not offered & _MYSQL:
        own = int.from_bytes(packet[extended : extended + 4], "little") & _MARIADB_KEPT
        out[extended : extended + 4] = own.to_bytes(4, "little")
    return bytes(out)


def can_be_read(login: bytes) -> bool:
    """Says whether what follows a login can be read: no encryption, no compression, and a protocol of this century."""
    asked = int.from_bytes(login[HEAD_BYTES : HEAD_BYTES + 4], "little")
    return bool(asked & PROTOCOL_41) and not asked & (SSL | COMPRESS | ZSTD | DEPRECATE_EOF | QUERY_ATTRIBUTES)


def login_fields(login: bytes) -> dict[str, JSON]:
    """Takes a login; returns who connects to which database. Nothing else of it is kept."""
    asked = int.from_bytes(login[HEAD_BYTES : HEAD_BYTES + 4], "little")
    user, _, rest = login[HEAD_BYTES + _BEFORE_NAME_BYTES :].partition(b"\0")
    fields: dict[str, JSON] = {"user": shown(user)}
    if asked & CONNECT_WITH_DB:
        if asked & PLUGIN_AUTH_LENENC:
            size, at = lenenc(rest, 0)
        elif asked & SECURE_CONNECTION:
            size, at = (rest[0] if rest else 0), 1
        else:
            size, at = rest.find(b"\0") + 1, 0
        fields["database"] = shown(rest[at + size :].partition(b"\0")[0])
    return fields
