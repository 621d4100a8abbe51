"""One connection to one broker: a question goes in, the values of its answer come out. The package's only socket."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from oncewhere.cluster.questions import Request, frame
from oncewhere.wire.kafka.schema import Values, read_body

CONNECT_LIMIT_S: Final = 5.0
"""Seconds that a broker has to accept a connection."""

MAX_REPLY_BYTES: Final = 64 * 1024 * 1024

Address = tuple[str, int]

_HEAD: Final = struct.Struct(">ii")  # size, correlation id
_CORRELATION_ID_BYTES: Final = 4


class Broker:
    """A connection that opens when it is first needed and answers one question at a time.

    Args:
        address: host and port.

    Attributes:
        is_lost: True once it cannot be used any more; make another.
    """

    def __init__(self, address: Address) -> None:
        self.is_lost = False
        self._address = address
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._count = 0

    async def ask(self, request: Request) -> Values:
        """Sends a request; returns the values of the reply.

        Raises:
            OSError: the broker cannot be reached, or closed the connection.
            UnreadableError: what it answered does not fit the schema.
        """
        async with self._lock, self._lost_on_error():
            if self._streams is None:
                self._streams = await asyncio.wait_for(asyncio.open_connection(*self._address), CONNECT_LIMIT_S)
            reader, writer = self._streams
            self._count += 1
            writer.write(frame(request, self._count))
            await writer.drain()
            size, correlation_id = _HEAD.unpack(await reader.readexactly(_HEAD.size))
            if correlation_id != self._count or not _CORRELATION_ID_BYTES <= size <= MAX_REPLY_BYTES:
                raise ConnectionError("the broker's answer belongs to no question")
            body = await reader.readexactly(size - _CORRELATION_ID_BYTES)
        values, _ = read_body("reply", int(request.__api_key__), int(request.__version__), body, 0)
        return values

    async def close(self) -> None:
        """Closes the connection."""
        self.is_lost = True
        if self._streams is not None:
            self._streams[1].close()

    @asynccontextmanager
    async def _lost_on_error(self) -> AsyncIterator[None]:
        try:
            yield
        except asyncio.IncompleteReadError as error:
            await self.close()
            raise ConnectionError("the broker closed the connection") from error
        except BaseException:
            await self.close()  # a cancelled question leaves an answer behind that would be taken for the next one's
            raise
