"""What stands between a client and its server, and cuts the connection at a word: an address in, another one out."""

from __future__ import annotations

import contextlib
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Relay:
    """Forwards one connection after the other.

    Attributes:
        port: where it listens, on loopback.
        cut: the word of the client at which it cuts, and whether the server still gets to hear it; None for never. It
            cuts once.
    """

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cut: tuple[bytes, bool] | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                ends = threading.Event()
                threading.Thread(target=self._upstream, args=(client, server, ends), daemon=True).start()
                threading.Thread(target=self._downstream, args=(client, server, ends), daemon=True).start()

    def _upstream(self, client: socket.socket, server: socket.socket, ends: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self.cut is None or self.cut[0] not in data.lower():
                    server.sendall(data)
                    continue
                heard, self.cut = self.cut[1], None
                if not heard:
                    break
                ends.set()
                server.sendall(data)
        if not ends.is_set():
            _hang_up(client, server)

    def _downstream(self, client: socket.socket, server: socket.socket, ends: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while (data := server.recv(65536)) and not ends.is_set():
                client.sendall(data)
        _hang_up(client, server)


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@contextmanager
def relaying(host: str, port: int) -> Iterator[Relay]:
    """A relay to a server."""
    relay = Relay((host, port))
    try:
        yield relay
    finally:
        relay.close()
