"""Protocol factories come in; the ports at which they are served go out. One thread, one event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

LOOPBACK: Final = "127.0.0.1"
CALL_LIMIT_S: Final = 10.0
"""Seconds that the loop may take to open or close a server; it does nothing long."""

_T = TypeVar("_T")


class Host:
    """Serves protocols on loopback, in a thread that ends with the process at the latest."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.BaseTransport] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stand-ins", daemon=True)
        self._thread.start()

    def serve(self, protocol: Callable[[], asyncio.BaseProtocol]) -> int:
        """Opens a port for a protocol; returns its number."""
        server = self._call(self._open(protocol))
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        """Closes every port and every connection, and ends the thread; calling it again is harmless."""
        if self._loop.is_closed():
            return
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_LIMIT_S)
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_LIMIT_S)

    async def _open(self, protocol: Callable[[], asyncio.BaseProtocol]) -> asyncio.Server:
        return await self._loop.create_server(protocol, LOOPBACK, 0)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
