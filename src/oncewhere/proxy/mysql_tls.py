"""A plain conversation with a MySQL server comes in; the same goes out under TLS, which begins behind the greeting.

The wire layer and the connection speak plainly with what stands here in place of a socket; see `wire.mysql.encryption`.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from oncewhere.wire.mysql.encryption import NoEncryptionError, Opening


async def connect_mysql(context: ssl.SSLContext, host: str, port: int, protocol: asyncio.Protocol) -> None:
    """Connects; TLS begins when the client's login has come.

    Args:
        context: which certificates are trusted.
        host: the server's name.
        port: its TCP port.
        protocol: what hears the server, and is given a transport to it.

    Raises:
        OSError: nobody listens there.
    """
    loop = asyncio.get_running_loop()
    name = host if context.check_hostname else None
    await loop.create_connection(lambda: _Between(context, name, protocol), host, port)


class _Between(asyncio.Protocol, asyncio.Transport):
    """A transport for the protocol, and a protocol for the socket."""

    def __init__(self, context: ssl.SSLContext, name: str | None, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._context = context
        self._name = name
        self._protocol = protocol
        self._opening = Opening()
        self._socket: asyncio.Transport | None = None
        self._waiting: list[bytes] = []
        self._agreeing: asyncio.Task[None] | None = None
        self._encrypted = False
        self._closing = False

    # ---- the protocol of the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what asyncio promises for TCP
        self._socket = transport
        self._protocol.connection_made(self)

    def data_received(self, data: bytes) -> None:
        try:
            if shown := self._opening.from_server(data):
                self._protocol.data_received(shown)
        except NoEncryptionError:
            self.abort()

    def eof_received(self) -> bool | None:
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    # ---- the transport of the protocol

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self._encrypted:
            self._socket_write(self._opening.from_client(bytes(data)))
        elif self._agreeing is not None:
            self._waiting.append(bytes(data))
        else:
            self._log_in(bytes(data))

    def pause_reading(self) -> None:
        if self._socket is not None and (self._encrypted or self._agreeing is None):
            self._socket.pause_reading()

    def resume_reading(self) -> None:
        if self._socket is not None and (self._encrypted or self._agreeing is None):
            self._socket.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default if self._socket is None else self._socket.get_extra_info(name, default)

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True
        if self._socket is not None and (self._encrypted or self._agreeing is None):
            self._socket.close()

    def abort(self) -> None:
        self._closing = True
        if self._socket is not None:
            self._socket.abort()

    # ----

    def _log_in(self, data: bytes) -> None:
        try:
            asked = self._opening.login(data)
        except NoEncryptionError:
            self.abort()
            return
        if asked is not None:
            request, login = asked
            self._socket_write(request)
            self._agreeing = asyncio.get_running_loop().create_task(self._agree(login))

    async def _agree(self, login: bytes) -> None:
        assert self._socket is not None  # noqa: S101 - who wrote has it
        loop = asyncio.get_running_loop()
        try:
            encrypted = await loop.start_tls(self._socket, self, self._context, server_hostname=self._name)
        except (OSError, ssl.SSLError):
            self.abort()
            return
        if encrypted is None:
            self.abort()
            return
        self._socket, self._encrypted = encrypted, True
        self._socket_write(login)
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self.write(data)
        if self._closing:
            self.close()

    def _socket_write(self, data: bytes) -> None:
        if self._socket is not None and data:
            self._socket.write(data)
