"""One connection to one broker: a question goes in, the values of its answer come out. The package's only socket."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from oncewhere.cluster import questions
from oncewhere.cluster.access import Access
from oncewhere.cluster.questions import Request, frame
from oncewhere.wire.kafka.schema import Values, error_name, read_body

CONNECT_LIMIT_S: Final = 5.0
"""Seconds that a broker has to accept a connection."""

MAX_REPLY_BYTES: Final = 64 * 1024 * 1024

MAX_SASL_TURNS: Final = 5
"""Words of the client in one authentication; SCRAM needs two."""

Address = tuple[str, int]

_HEAD: Final = struct.Struct(">ii")  # size, correlation id
_CORRELATION_ID_BYTES: Final = 4


class Broker:
    """A connection that opens when it is first needed and answers one question at a time.

    Args:
        address: host and port.
        access: how the broker is spoken to.

    Attributes:
        is_lost: True once it cannot be used any more; make another.
    """

    def __init__(self, address: Address, access: Access) -> None:
        self.is_lost = False
        self._address = address
        self._access = access
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._count = 0

    async def ask(self, request: Request) -> Values:
        """Sends a request; returns the values of the reply.

        Raises:
            OSError: the broker cannot be reached, is not who it should be, refused us, or closed the connection.
            UnreadableError: what it answered does not fit the schema.
        """
        async with self._lock, self._lost_on_error():
            if self._streams is None:
                opening = asyncio.open_connection(*self._address, ssl=self._access.tls)
                self._streams = await asyncio.wait_for(opening, CONNECT_LIMIT_S)
                await asyncio.wait_for(self._authenticate(), CONNECT_LIMIT_S)
            return await self._exchange(request)

    async def _exchange(self, request: Request) -> Values:
        assert self._streams is not None  # noqa: S101 - it is open
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

    async def _authenticate(self) -> None:
        """KIP-43 and KIP-152: the mechanism first, then its words in frames of their own."""
        sasl = self._access.sasl
        if sasl is None:
            return
        _accepted(await self._exchange(questions.mechanism(sasl.mechanism)))
        conversation = sasl.conversation()
        words: bytes | None = conversation.first()
        for _ in range(MAX_SASL_TURNS):
            if words is None:
                return
            words = conversation.answer(_accepted(await self._exchange(questions.words(words)))["auth_bytes"])
        raise ConnectionError("the broker never ends the authentication")

    async def close(self) -> None:
        """Closes the connection, without waiting for what the other end still says (TLS has a goodbye of two sides)."""
        self.is_lost = True
        if self._streams is not None:
            self._streams[1].transport.abort()

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


def _accepted(reply: Values) -> Values:
    if reply["error_code"]:
        why = reply.get("error_message") or error_name(reply["error_code"])
        raise PermissionError(f"the broker refused us: {why}")
    return reply
