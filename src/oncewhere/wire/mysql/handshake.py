"""The beginning of a connection: greetings and logins go in; what both sides agreed on comes out.

A proxy must read what follows, so it takes out of the server's greeting what would hide it or change its form. Both
sides only use what both offer, so the processor's client does without; one that insists is not understood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from oncewhere.wire.message import JSON
from oncewhere.wire.mysql.packets import HEAD_BYTES, encoded, number, text_at
from oncewhere.wire.opacity import shown

CONNECT_WITH_DB: Final = 1 << 3
COMPRESS: Final = 1 << 5
PROTOCOL_41: Final = 1 << 9
SSL: Final = 1 << 11
SECURE_CONNECTION: Final = 1 << 15
PLUGIN_AUTH_LENENC: Final = 1 << 21
DEPRECATE_EOF: Final = 1 << 24
OPTIONAL_METADATA: Final = 1 << 25
ZSTD: Final = 1 << 26
QUERY_ATTRIBUTES: Final = 1 << 27

HIDDEN: Final = SSL | COMPRESS | ZSTD | OPTIONAL_METADATA | QUERY_ATTRIBUTES
"""Encryption and compression hide what follows; the other two change the form of answers and queries."""

_IS_MYSQL: Final = 1  # MariaDB leaves it out, and uses the reserved bytes for 32 capabilities more
_HIDDEN_OF_MARIADB: Final = (1 << 1) | (1 << 4)  # COM_MULTI and cached metadata
_VERSION_10: Final = 10
_SSL_REQUEST_BYTES: Final = HEAD_BYTES + 32


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a server offers.

    Attributes:
        data: the packet, with the offers left that can be read through.
        status: the server's first status flags.
    """

    data: bytes
    status: int


@dataclass(frozen=True, slots=True)
class Login:
    """What a client chose.

    Attributes:
        capabilities: its choice.
        fields: the user and the database; nothing of the password.
    """

    capabilities: int
    fields: dict[str, JSON]


def greeting(packet: bytes) -> Greeting | None:
    """Takes the server's first packet; returns None where it is no greeting of protocol 4.1."""
    if packet[HEAD_BYTES : HEAD_BYTES + 1] != bytes([_VERSION_10]) or packet[3] != 0:
        return None
    _, at = text_at(packet, HEAD_BYTES + 1)
    low = at + 13  # behind the thread's id, eight bytes of the challenge, and a zero
    high = low + 5
    if len(packet) < high + 13:
        return None
    capabilities = number(packet, low, 2) | number(packet, high, 2) << 16
    if not capabilities & PROTOCOL_41:
        return None
    kept = capabilities & ~HIDDEN
    data = bytearray(packet)
    data[low : low + 2] = (kept & 0xFFFF).to_bytes(2, "little")
    data[high : high + 2] = (kept >> 16).to_bytes(2, "little")
    if not capabilities & _IS_MYSQL:
        own = high + 9
        data[own : own + 4] = (number(packet, own, 4) & ~_HIDDEN_OF_MARIADB).to_bytes(4, "little")
    return Greeting(bytes(data), number(packet, low + 3, 2))


def login(packet: bytes) -> Login | None:
    """Takes the client's first packet; returns None where what follows could not be read."""
    capabilities = number(packet, HEAD_BYTES, 4)
    if len(packet) <= _SSL_REQUEST_BYTES or not capabilities & PROTOCOL_41 or capabilities & HIDDEN:
        return None
    user, at = text_at(packet, _SSL_REQUEST_BYTES)
    if capabilities & PLUGIN_AUTH_LENENC:
        size, at = encoded(packet, at)
        at += size
    elif capabilities & SECURE_CONNECTION:
        at += 1 + number(packet, at, 1)
    else:
        _, at = text_at(packet, at)
    fields: dict[str, JSON] = {"user": shown(user.encode())}
    if capabilities & CONNECT_WITH_DB:
        fields["database"] = shown(text_at(packet, at)[0].encode())
    return Login(capabilities, fields)
