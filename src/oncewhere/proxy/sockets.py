"""The proxy's only sockets: listeners for the processor, and the two sides of each connection. Bytes in, bytes out."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final, Protocol

from oncewhere.proxy.tls import Tls
from oncewhere.wire import Direction

LOOPBACK: Final = "127.0.0.1"

CONNECT_LIMIT_S: Final = 10.0
"""Seconds that a server has to accept a connection."""

BACKLOG_CONNECTIONS: Final = 128
"""Connections that the kernel keeps for a listener that is not served yet."""


class Listener:
    """The port at which the processor finds one server; bound at once, so that its address can be told.

    Args:
        accept: makes the processor's side of a new connection.

    Attributes:
        port: the TCP port on loopback.
    """

    def __init__(self, accept: Callable[[], Side]) -> None:
        self._accept = accept
        self._socket = socket.create_server((LOOPBACK, 0), backlog=BACKLOG_CONNECTIONS)
        self._socket.settimeout(0)
        self.port: int = self._socket.getsockname()[1]
        self._server: asyncio.Server | None = None

    async def serve(self) -> None:
        """Begins to accept; until then the kernel queues connections."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, sock=self._socket)

    def close(self) -> None:
        """Gives the port back."""
        if self._server is not None:
            self._server.close()
        self._socket.close()


class Owner(Protocol):
    """Who hears what happens on a side: the connection that it belongs to."""

    def made(self, direction: Direction, peer_port: int) -> None:
        """The side is open."""

    def received(self, direction: Direction, data: bytes) -> None:
        """Bytes came."""

    def finished(self, direction: Direction) -> None:
        """No more bytes will come."""

    def lost(self, direction: Direction, error: Exception | None) -> None:
        """The side is closed; by an error, if there is one."""

    def flow(self, direction: Direction, *, stop: bool) -> None:
        """The side takes bytes more slowly than they are given to it, or no longer does."""


class Side(asyncio.Protocol):
    """One socket: `REQUEST` is the processor's, from which requests come; `REPLY` is the server's.

    Args:
        owner: hears what happens.
        direction: which side it is.

    Attributes:
        is_finished: True once the other end has said that it will send no more.
    """

    def __init__(self, owner: Owner, direction: Direction) -> None:
        self.is_finished = False
        self._owner = owner
        self._direction = direction
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        """True between its opening and its loss."""
        return self._transport is not None

    async def connect(self, host: str, port: int, tls: Tls | None = None) -> bool:
        """Connects to a server; False when it does not accept within `CONNECT_LIMIT_S`, or refuses TLS."""
        loop = asyncio.get_running_loop()
        connecting = tls.connect(host, port, self) if tls else loop.create_connection(lambda: self, host, port)
        try:
            await asyncio.wait_for(connecting, CONNECT_LIMIT_S)
        except (OSError, ValueError, OverflowError):  # TimeoutError is an OSError; the others: no address at all
            return False
        return True

    def write(self, data: bytes) -> None:
        """Hands bytes over; what the kernel does not take at once, the transport keeps and sends."""
        if self._transport is not None:
            self._transport.write(data)

    def pause(self) -> None:
        """Reads no more until `read_on`."""
        if self._transport is not None:
            self._transport.pause_reading()

    def read_on(self) -> None:
        """Reads again."""
        if self._transport is not None:
            self._transport.resume_reading()

    def finish(self) -> bool:
        """Says that no more bytes will be sent; False where that cannot be said without closing (TLS)."""
        if self._transport is None or not self._transport.can_write_eof():
            return False
        self._transport.write_eof()
        return True

    def close(self) -> None:
        """Closes once everything that was handed over is sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Closes at once."""
        if self._transport is not None:
            self._transport.abort()

    # ---- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what asyncio promises for TCP
        # asyncio sets it only where it made the listening socket itself; without it an answer waits 40 ms for an ACK.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport
        self._owner.made(self._direction, transport.get_extra_info("peername")[1])

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        self._owner.received(self._direction, data)

    def eof_received(self) -> bool:
        """No more bytes will come; the socket stays open for those that go the other way."""
        if not self.is_finished:  # asyncio says it again when reading is paused and resumed behind the end
            self.is_finished = True
            self._owner.finished(self._direction)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._transport = None
        self._owner.lost(self._direction, exc)

    def pause_writing(self) -> None:
        """The transport keeps more than it should."""
        self._owner.flow(self._direction, stop=True)

    def resume_writing(self) -> None:
        """The transport has sent most of what it kept."""
        self._owner.flow(self._direction, stop=False)
