"""A login that was written for a plain connection comes in; the same goes out for an encrypted one, packet by packet.

MySQL asks for encryption in the middle of the opening: the server greets, the client sends the front of its login (the
SSLRequest), TLS begins, and the whole login follows. Packets of an exchange are numbered, so that from there on the
encrypted side counts one more than the plain one, until the server has accepted or refused.

Source: MySQL Internals, "Protocol::SSLRequest" and "Connection Phase"; MariaDB knowledge base, "Connection".
"""

from __future__ import annotations

from typing import Final

from oncewhere.wire.mysql.framing import ERROR, HEAD_BYTES, OK, measure
from oncewhere.wire.mysql.handshake import SSL, capabilities

_SSL_REQUEST_BYTES: Final = 32
"""What a login and an SSLRequest have in common: capabilities, packet size, character set, filler."""

MAX_PACKET_BYTES: Final = 64 * 1024
"""No packet of an opening is larger; what is, is no opening."""


class NoEncryptionError(Exception):
    """The server does not offer encryption, or what was said is no opening of a connection."""


class Opening:
    """The opening of one connection, plain towards the client and encrypted towards the server.

    Attributes:
        over: True once the server has accepted or refused: nothing is changed any more.
    """

    def __init__(self) -> None:
        self.over = False
        self._requests = bytearray()
        self._replies = bytearray()
        self._greeted = False
        self._asked = False

    def from_server(self, data: bytes) -> bytes:
        """Takes what the server sent; returns what the client may see of it by now.

        Raises:
            NoEncryptionError: the greeting does not offer encryption.
        """
        self._replies += data
        out = b""
        while not self.over and (packet := _take(self._replies)):
            out += self._answer(packet)
        return out + _rest(self._replies) if self.over else out

    def login(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Takes what the client sent first.

        Returns:
            What asks for encryption, and the login that follows under it; None while the login is not whole.

        Raises:
            NoEncryptionError: it is no login.
        """
        self._requests += data
        packet = _take(self._requests)
        if packet is None:
            return None
        if len(packet) < HEAD_BYTES + _SSL_REQUEST_BYTES:
            raise NoEncryptionError("what the client sent first is no login")
        asked = int.from_bytes(packet[HEAD_BYTES : HEAD_BYTES + 4], "little") | SSL
        front = asked.to_bytes(4, "little") + packet[HEAD_BYTES + 4 : HEAD_BYTES + _SSL_REQUEST_BYTES]
        request = _SSL_REQUEST_BYTES.to_bytes(3, "little") + packet[3:4] + front
        self._asked = True
        return request, _numbered(packet[:HEAD_BYTES] + front + packet[HEAD_BYTES + _SSL_REQUEST_BYTES :], 1)

    def from_client(self, data: bytes) -> bytes:
        """Takes what the client sent behind its login; returns what goes to the server."""
        self._requests += data
        out = b""
        while not self.over and (packet := _take(self._requests)):
            out += _numbered(packet, 1)
        return out + _rest(self._requests) if self.over else out

    def _answer(self, packet: bytes) -> bytes:
        first = packet[HEAD_BYTES] if len(packet) > HEAD_BYTES else ERROR
        if not self._greeted:
            self._greeted = True
            self.over = first == ERROR
            if not self.over and not capabilities(packet) & SSL:
                raise NoEncryptionError("the server does not offer encryption")
            return packet
        self.over = first in {OK, ERROR}
        return _numbered(packet, -1 if self._asked else 0)


def _take(buffer: bytearray) -> bytes | None:
    """Takes the first packet, once it is whole."""
    if len(buffer) < HEAD_BYTES:
        return None
    size = measure(bytes(buffer[:HEAD_BYTES]))
    if size > MAX_PACKET_BYTES:
        raise NoEncryptionError("a packet of an opening is not as large as that")
    if len(buffer) < size:
        return None
    packet = bytes(buffer[:size])
    del buffer[:size]
    return packet


def _rest(buffer: bytearray) -> bytes:
    """Takes all that is there."""
    data = bytes(buffer)
    buffer.clear()
    return data


def _numbered(packet: bytes, more: int) -> bytes:
    return packet[:3] + bytes([(packet[3] + more) % 256]) + packet[HEAD_BYTES:]
