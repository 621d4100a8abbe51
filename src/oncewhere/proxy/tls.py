"""How a server wants to be spoken to under TLS comes in; an encrypted transport to it goes out.

The processor speaks plainly to the proxy, on loopback, since a wire layer cannot read what is encrypted for somebody
else; the way from the proxy to the real server is as protected as the server demands. What is said *within* the
protocol, such as SASL, passes as it is.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

ANSWER_LIMIT_BYTES: Final = 64
"""Bytes that a server may answer to a request for encryption; more is not such an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preface:
    """What is said in the clear before TLS begins, where a protocol wants that.

    Attributes:
        request: the bytes that ask for encryption.
        consent: the bytes with which the server's answer must begin.
    """

    request: bytes
    consent: bytes


POSTGRES: Final = Preface(request=bytes.fromhex("0000000804d2162f"), consent=b"S")
"""SSLRequest (PostgreSQL protocol 3, "SSL Session Encryption"): any version of the server understands it."""


Connect = Callable[[ssl.SSLContext, str, int, asyncio.Protocol], Awaitable[None]]
"""Connects a protocol to a host and port, encrypted in a way of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """TLS towards a server.

    Attributes:
        context: which certificates are trusted, and the client's own.
        preface: None where TLS begins with the first byte (Kafka, Redis, HTTPS).
        late: where TLS begins in the midst of a conversation (MySQL), how that is brought about.
    """

    context: ssl.SSLContext
    preface: Preface | None = None
    late: Connect | None = None

    async def connect(self, host: str, port: int, protocol: asyncio.Protocol) -> None:
        """Connects, and makes the protocol's connection once it is encrypted.

        Args:
            host: the server's name, which its certificate must carry where the context checks names.
            port: its TCP port.
            protocol: what the transport belongs to from then on.

        Raises:
            OSError: nobody listens there, the server refused encryption, or its certificate is not trusted.
        """
        loop = asyncio.get_running_loop()
        if self.late is not None:
            await self.late(self.context, host, port, protocol)
            return
        if self.preface is None:
            await loop.create_connection(lambda: protocol, host, port, ssl=self.context)
            return
        plain, asking = await loop.create_connection(lambda: _Asking(self.preface), host, port)
        try:
            await asking.consented
            name = host if self.context.check_hostname else None
            encrypted = await loop.start_tls(plain, protocol, self.context, server_hostname=name)
        except BaseException:
            plain.abort()
            raise
        if encrypted is None:
            raise ConnectionError("the server went away while encryption was being agreed on")
        protocol.connection_made(encrypted)


class _Asking(asyncio.Protocol):
    """Sends the request and reads the answer to it, and not one byte more."""

    def __init__(self, preface: Preface | None) -> None:
        assert preface is not None  # noqa: S101 - made for one
        self._preface = preface
        self._answer = b""
        self._transport: asyncio.Transport | None = None
        self.consented: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what asyncio promises for TCP
        self._transport = transport
        transport.write(self._preface.request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        consent = self._preface.consent
        if self.consented.done() or (len(self._answer) < len(consent) and consent.startswith(self._answer)):
            return
        if self._answer == consent and self._transport is not None:
            self._transport.pause_reading()  # the next byte is TLS's
            self.consented.set_result(None)
        else:
            self.consented.set_exception(ConnectionError("the server refused to be spoken to under TLS"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.consented.done():
            self.consented.set_exception(exc or ConnectionError("the server closed the connection"))
