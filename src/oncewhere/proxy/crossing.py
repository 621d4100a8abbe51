"""All connections of one processor: bytes from sockets go in, the bytes that the observer lets through go out.

Exactness rests on three things:

1. The event loop runs one callback at a time, the observer is called within it, and the frozen flag is looked at right
   before each write. So from the moment that `freeze` returns, no further byte is handed to any socket.
2. Bytes that were handed to a socket before count as forwarded: the transport sends what the kernel would not take at
   once, just as the kernel of a killed process still sends what that process had written.
3. A frozen crossing goes on reading. Answers to requests that had left before are told to the observer, and the
   connections to the servers stay open until every one of those requests is answered or `ANSWER_LIMIT_S` has passed:
   a server may drop a request whose client is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self

from oncewhere.errors import ConfigurationError
from oncewhere.proxy.connection import Connection
from oncewhere.proxy.decision import Counters, Decision, LinkName, Observer, Unanswered
from oncewhere.proxy.sockets import LOOPBACK, Listener, Side
from oncewhere.proxy.tls import Tls
from oncewhere.wire import Link, Message
from oncewhere.wire.kafka import KafkaLink
from oncewhere.wire.kafka.fields import Topics
from oncewhere.wire.postgres import PostgresLink

ANSWER_LIMIT_S: Final = 5.0
"""Seconds that `reset` waits for answers to what had been forwarded before the freeze."""

CLOSE_LIMIT_S: Final = 2.0
"""Seconds that closed connections have to send what they still hold."""


class Crossing:
    """Every listener and every connection of one processor, which all freeze at once.

    The listeners live as long as the crossing, on the same ports, through all lives of the processor. Use it as an
    async context manager, or `close` it.

    Args:
        observer: asked before each message; see `Observer`.

    Attributes:
        counters: what crossed, by place.
        failure: the first exception that the observer or a link raised; it freezes the crossing, and `reset` raises it.
    """

    def __init__(self, observer: Observer) -> None:
        self.counters: dict[str, Counters] = {}
        self.failure: Exception | None = None
        self._observer = observer
        self._frozen = False
        self._listeners: dict[tuple[str, str, int], Listener] = {}
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    def __repr__(self) -> str:
        state = "frozen" if self._frozen else "open"
        return f"<Crossing {state} listeners={len(self._listeners)} connections={len(self._connections)}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    # ---- opening

    async def open_kafka(self, bootstrap: str, *, name: str = "kafka", tls: Tls | None = None) -> str:
        """Opens the way to a Kafka cluster; brokers that it names later are opened on demand.

        Args:
            bootstrap: `host:port`, several separated by commas.
            name: the place's name in messages and counters.
            tls: how the brokers are spoken to; None for plainly.

        Returns:
            The bootstrap servers for the processor, as many as were given.

        Raises:
            ConfigurationError: an address is not `host:port`.
        """
        topics: Topics = {}

        def advertise(host: str, port: int) -> tuple[str, int]:
            return LOOPBACK, self._listen(name, host, port, link, tls).port

        def link() -> Link:
            return KafkaLink(advertise, topics=topics)

        addresses = [_address(text) for text in bootstrap.split(",")]
        return ",".join("{}:{}".format(*advertise(host, port)) for host, port in addresses)

    async def open_postgres(
        self, host: str, port: int, *, name: str = "postgresql", tls: Tls | None = None
    ) -> tuple[str, int]:
        """Opens the way to a PostgreSQL server.

        Args:
            host: where it listens.
            port: its TCP port.
            name: the place's name in messages and counters, such as the declared effect's.
            tls: how the server is spoken to, with the preface `POSTGRES`; None for plainly.

        Returns:
            Host and port for the processor.
        """
        return await self.open(name, host, port, PostgresLink, tls=tls)

    async def open(
        self, name: str, host: str, port: int, link: Callable[[], Link], *, tls: Tls | None = None
    ) -> tuple[str, int]:
        """Opens the way to a server of any protocol that has a wire layer.

        Args:
            name: the place's name in messages and counters.
            host: where it listens.
            port: its TCP port.
            link: makes the wire layer's state for one new connection.
            tls: how the server is spoken to; None for plainly.

        Returns:
            Host and port for the processor.
        """
        return LOOPBACK, self._listen(name, host, port, link, tls).port

    @property
    def ports(self) -> frozenset[int]:
        """The ports on loopback that it listens at."""
        return frozenset(listener.port for listener in self._listeners.values())

    def _listen(self, place: str, host: str, port: int, link: Callable[[], Link], tls: Tls | None = None) -> Listener:
        key = (place, host, port)
        if key not in self._listeners:
            counters = self.counters.setdefault(place, Counters())

            def accept() -> Side:
                return Connection(self, place, (host, port), link(), counters, tls).processor

            self._listeners[key] = listener = Listener(accept)
            self._start(listener.serve())
        return self._listeners[key]

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- freezing

    @property
    def frozen(self) -> bool:
        """True between a freeze and the next `reset`."""
        return self._frozen

    def freeze(self) -> None:
        """Stops everything at once: no byte is forwarded on any link from here on, those already read included."""
        self._frozen = True
        for connection in self._connections:
            connection.server.read_on()

    @property
    def awaits_answers(self) -> bool:
        """True while a boundary request that was forwarded is unanswered, and its server still there."""
        return any(connection.awaits_answer for connection in self._connections)

    @property
    def held(self) -> tuple[LinkName, ...]:
        """The links on which something waits for `release`, by place and number."""
        names = [connection.name for connection in self._connections if connection.holds]
        return tuple(sorted(names, key=lambda name: (name.place, name.number)))

    def is_left(self, link: LinkName) -> bool:
        """True when the processor has closed its end of a link, or said there that it will send no more.

        Args:
            link: its name, as the observer was given it.
        """
        found = next((entry.processor for entry in self._connections if entry.name == link), None)
        return found is None or found.is_finished or not found.is_open

    def release(self, link: LinkName) -> bool:
        """Forwards what was held on a link (`Decision.HOLD`), even where the processor has closed it since.

        Args:
            link: its name, as the observer was given it.

        Returns:
            False when nothing is held there any more: the connection was cut, reset, or closed by the server.
        """
        found = next((entry for entry in self._connections if entry.name == link and entry.holds), None)
        if found is None or self._frozen:
            return False
        found.release()
        return True

    async def reset(self, *, answer_limit_s: float = ANSWER_LIMIT_S) -> tuple[Unanswered, ...]:
        """Closes every connection and thaws; to be called when the victim is dead and before its next life.

        Servers are heard out first: every boundary request that had been forwarded is either answered (and the
        observer told) or returned. Then connections end as those of a dead process do.

        Args:
            answer_limit_s: seconds to wait for those answers.

        Returns:
            The requests that were forwarded and not answered.

        Raises:
            Exception: whatever the observer or a link has raised since the last reset.
        """
        self.freeze()
        unanswered = await self._hear_out(answer_limit_s)
        await self._close_connections()
        self._frozen = False
        if failure := self.failure:
            self.failure = None
            raise failure
        return unanswered

    async def close(self) -> None:
        """Closes every connection and every listener; the crossing cannot be used again."""
        self.freeze()
        for listener in self._listeners.values():  # first: whoever connects meanwhile would be nobody's to close
            listener.close()
        await self._close_connections()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listeners.clear()

    async def _hear_out(self, limit_s: float) -> tuple[Unanswered, ...]:
        deadline = asyncio.get_running_loop().time() + limit_s
        while self.awaits_answers:
            left = deadline - asyncio.get_running_loop().time()
            if not await self._change_within(left):
                break
        return tuple(
            Unanswered(connection.name, message)
            for connection in sorted(self._connections, key=lambda entry: (entry.name.place, entry.name.number))
            for message in connection.unanswered.values()
        )

    async def _close_connections(self) -> None:
        deadline = asyncio.get_running_loop().time() + CLOSE_LIMIT_S
        for connection in tuple(self._connections):
            connection.close()
        while self._connections:
            if not await self._change_within(deadline - asyncio.get_running_loop().time()):
                for connection in tuple(self._connections):
                    connection.abort()
                await self._change_within(CLOSE_LIMIT_S)
                break
        self._connections.clear()

    async def _change_within(self, limit_s: float) -> bool:
        """Waits until an answer came or a connection ended; False when the limit passed first."""
        self._changed.clear()
        try:
            await asyncio.wait_for(self._changed.wait(), max(limit_s, 0))
        except TimeoutError:
            return False
        return True

    # ---- what its connections ask (`Gate`)

    def decide(self, link: LinkName, message: Message) -> Decision:
        """Asks the observer; what it raises freezes the crossing and surfaces in `reset`."""
        try:
            return self._observer(link, message)
        except Exception as error:  # noqa: BLE001 - kept, and raised where the drill can see it
            self.failed(error)
            return Decision.FREEZE_BEFORE

    def opened(self, connection: Connection) -> None:
        """Takes a new connection and leads it to its server."""
        self._connections.add(connection)
        self._start(connection.connect())

    def changed(self) -> None:
        """Wakes whoever waits for answers or for ends."""
        self._changed.set()

    def ended(self, connection: Connection) -> None:
        """Forgets a connection both of whose sides are closed."""
        self._connections.discard(connection)
        self._changed.set()

    def failed(self, error: Exception) -> None:
        """Keeps the first exception, and freezes: nothing that follows could be trusted."""
        self.failure = self.failure or error
        self.freeze()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.strip().rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigurationError(f"{text.strip()!r} is no address.", hint="Write it as host:port.")
    return host.strip("[]"), int(port)
