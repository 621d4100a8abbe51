"""A processor, a server and a protocol as small as can be, for tests of the crossing itself.

A line that ends in `!` is a boundary request; the server's line `re NAME` answers the request NAME.
`slow!` is never answered; a line that begins with `unread` is a plain segment without a message.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from oncewhere.proxy import Crossing, Decision, LinkName
from oncewhere.wire import Direction, Message, Segment

LIMIT_S = 5.0


class LineLink:
    """One message a line."""

    unknown_bytes = 0

    def __init__(self) -> None:
        self._held = {Direction.REQUEST: b"", Direction.REPLY: b""}
        self._numbers: dict[str, int] = {}
        self._refused: list[Segment] = []

    def from_processor(self, data: bytes) -> list[Segment]:
        return self._feed(Direction.REQUEST, data)

    def from_server(self, data: bytes) -> list[Segment]:
        return [*self.overdue(), *self._feed(Direction.REPLY, data)]

    def refuse(self, segment: Segment) -> None:
        self._refused.append(Segment(b"no " + segment.data))

    def overdue(self) -> list[Segment]:
        refused, self._refused = self._refused, []
        return refused

    def ended(self, direction: Direction) -> list[Segment]:
        held = self._held[direction]
        return [Segment(held)] if held else []

    def _feed(self, direction: Direction, data: bytes) -> list[Segment]:
        *lines, self._held[direction] = (self._held[direction] + data).split(b"\n")
        return [self._segment(direction, line.decode()) for line in lines]

    def _segment(self, direction: Direction, line: str) -> Segment:
        if line == "break":
            raise RuntimeError("a link that is broken")
        if line == "knock":
            return Segment(b"nobody home\n", answer=True)
        if line.startswith("unread"):
            return Segment(f"{line}\n".encode())
        name = line.removeprefix("re ")
        if direction is Direction.REQUEST:
            self._numbers[name] = len(self._numbers)
        return Segment(
            f"{line}\n".encode(),
            Message(
                system="lines",
                kind=name,
                direction=direction,
                sequence=self._numbers.get(name, -1),
                boundary=name.endswith("!"),
            ),
        )


class Server:
    """Answers each line; keeps every byte that it received, by connection, and how that connection ended."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.ended: list[str] = []
        self.greeting = b""
        self.reads = asyncio.Event()
        self.reads.set()
        self.answers = asyncio.Event()
        self.answers.set()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        me = len(self.received)
        self.received.append(b"")
        self.ended.append("open")
        writer.write(self.greeting)
        try:
            while True:
                await self.reads.wait()
                data = await reader.read(65536)
                if not data:
                    break
                self.received[me] += data
                await self.answers.wait()
                for line in data.decode(errors="replace").splitlines():
                    if "slow" not in line and "unread" not in line:
                        writer.write(f"re {line}\n".encode())
            self.ended[me] = "finished"
        except ConnectionResetError:
            self.ended[me] = "reset"
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self


class Observer:
    """Records what it is asked; answers as `plan` says, by direction and kind."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.links: list[LinkName] = []
        self.plan: dict[tuple[str, str], Decision | Exception] = {}
        self.at_decision: Callable[[], None] = lambda: None

    def __call__(self, link: LinkName, message: Message) -> Decision:
        arrow = ">>" if message.direction is Direction.REQUEST else "<<"
        self.seen.append(f"{link} {arrow} {message.kind}")
        self.links.append(link)
        decision = self.plan.pop((arrow, message.kind), Decision.FORWARD)
        if isinstance(decision, Exception):
            raise decision
        if decision is not Decision.FORWARD:
            self.at_decision()
        return decision


class World:
    """A server, an observer and a crossing between them and whoever connects."""

    def __init__(self, server: Server, observer: Observer, crossing: Crossing, port: int) -> None:
        self.server, self.observer, self.crossing, self.port = server, observer, crossing, port
        self._writers: list[asyncio.StreamWriter] = []

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._writers.append(writer)
        return reader, writer

    async def leave(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not condition():  # noqa: ASYNC110 - what is waited for knows no event
                await asyncio.sleep(0.001)

    async def quiet(self) -> None:
        """Long enough for anything that was going to slip through."""
        await asyncio.sleep(0.05)


@pytest.fixture
def in_world() -> Callable[[Callable[[World], Awaitable[Any]]], Any]:
    """Runs a scenario in a world of its own."""

    def run(scenario: Callable[[World], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with Server().running() as server, Crossing(observer := Observer()) as crossing:
                _, port = await crossing.open("lines", "127.0.0.1", server.port, LineLink)
                world = World(server, observer, crossing, port)
                try:
                    return await scenario(world)
                finally:
                    await world.leave()

        return asyncio.run(main())

    return run
