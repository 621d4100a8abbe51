"""One connection of the processor: bytes of either side go in, the segments that the gate lets through come out."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from oncewhere.proxy.decision import Counters, Decision, LinkName
from oncewhere.proxy.sockets import Side
from oncewhere.wire import Direction, Link, Message, Segment

HALF_CLOSED_LIMIT_S: Final = 30.0
"""Seconds that a connection may live on after the processor has said that it will send no more."""


class Gate(Protocol):
    """What a connection asks of the crossing that it belongs to."""

    @property
    def frozen(self) -> bool:
        """True when nothing may be forwarded."""

    def freeze(self) -> None:
        """Lets nothing through from here on."""

    def decide(self, link: LinkName, message: Message) -> Decision:
        """Says what is to become of a message."""

    def opened(self, connection: Connection) -> None:
        """The processor has opened a connection."""

    def changed(self) -> None:
        """An answer came, or a side was closed."""

    def ended(self, connection: Connection) -> None:
        """Both sides of a connection are closed."""

    def failed(self, error: Exception) -> None:
        """A link has raised an exception, which it is never to do."""


class Connection:
    """The processor's side, the server's side, and the link that reads what passes between them.

    Args:
        gate: the crossing.
        place: the place's name.
        server: host and port of the server.
        link: the wire layer's state for this connection.
        counters: the place's.

    Attributes:
        name: the link's name, once the processor has connected.
        processor: the side that it opened.
        server: the side to the server.
        unanswered: by sequence, the requests that were forwarded and that matter, until their replies come.
    """

    def __init__(self, gate: Gate, place: str, server: tuple[str, int], link: Link, counters: Counters) -> None:
        self.name = LinkName(place, 0, 0, f"{server[0]}:{server[1]}")
        self.processor = Side(self, Direction.REQUEST)
        self.server = Side(self, Direction.REPLY)
        self.unanswered: dict[int, Message] = {}
        self._gate = gate
        self._address = server
        self._link = link
        self._counters = counters
        self._unknown_bytes = 0
        self._early: list[bytes] = []
        self._lingering: asyncio.TimerHandle | None = None

    @property
    def awaits_answer(self) -> bool:
        """True while a request that matters is unanswered and its server still there."""
        return bool(self.unanswered) and self.server.is_open

    @property
    def is_closed(self) -> bool:
        """True when neither side is open."""
        return not self.processor.is_open and not self.server.is_open

    async def connect(self) -> None:
        """Connects to the server; what the processor has sent meanwhile follows."""
        if not await self.server.connect(*self._address):
            self._counters.refused += 1
            self.close()
            return
        if self._gate.frozen or not self.processor.is_open:
            self.close()
            return
        self.processor.read_on()
        early, self._early = self._early, []
        for data in early:
            self.received(Direction.REQUEST, data)
        if self.processor.is_finished:
            self.finished(Direction.REQUEST)

    def close(self) -> None:
        """Closes both sides once they have sent what was handed over to them."""
        self.processor.close()
        self.server.close()
        if self.is_closed:
            self._gate.ended(self)

    def abort(self) -> None:
        """Closes both sides at once."""
        self.processor.abort()
        self.server.abort()

    # ---- what its sides tell

    def made(self, direction: Direction, peer_port: int) -> None:
        """One side is open; the processor's is the first."""
        if direction is Direction.REPLY:
            return
        if self._gate.frozen:
            self.processor.abort()
            return
        self._counters.connections += 1
        self.name = LinkName(self.name.place, self._counters.connections, peer_port, self.name.server)
        self._gate.opened(self)

    def received(self, direction: Direction, data: bytes) -> None:
        """One side sent bytes."""
        if direction is Direction.REQUEST:
            if self._gate.frozen:
                self._counters.bytes_dropped += len(data)
                return
            if not self.server.is_open:
                self._early.append(data)
                self.processor.pause()
                return
        try:
            take = self._link.from_processor if direction is Direction.REQUEST else self._link.from_server
            self._pass(direction, take(data))
        except Exception as error:  # noqa: BLE001 - a link is never to raise; if one does, the drill must see it
            self._gate.failed(error)
        self._counters.unknown_bytes += self._link.unknown_bytes - self._unknown_bytes
        self._unknown_bytes = self._link.unknown_bytes

    def finished(self, direction: Direction) -> None:
        """One side will send no more: what its link still held follows, and then the same end."""
        if self._gate.frozen or not self._other(direction).is_open:
            return  # not connected yet: `connect` comes back to it
        self._pass(direction, self._link.ended(direction))
        self._end(direction)

    def lost(self, direction: Direction, error: Exception | None) -> None:
        """One side is closed. On a frozen crossing the server's stays until it was heard out."""
        self._gate.changed()
        if self.is_closed:
            if self._lingering is not None:
                self._lingering.cancel()
            self._gate.ended(self)
        elif direction is Direction.REQUEST and self._gate.frozen:
            return
        elif error is not None:
            self._other(direction).abort()
        else:
            self._other(direction).close()

    def flow(self, direction: Direction, *, stop: bool) -> None:
        """One side takes bytes more slowly than they come: the other is not read meanwhile."""
        source = self._other(direction)
        if stop and not self._gate.frozen:
            source.pause()
        else:
            source.read_on()

    # ---- passing on

    def _pass(self, direction: Direction, segments: list[Segment]) -> None:
        for segment in segments:
            decision = self._decide(direction, segment.message) if segment.message else Decision.FORWARD
            if decision is Decision.FREEZE_BEFORE:
                self._gate.freeze()
            if self._gate.frozen:
                self._counters.bytes_dropped += len(segment.data)
                continue
            self._write(direction, segment)
            if decision is Decision.FREEZE_AFTER:
                self._gate.freeze()

    def _decide(self, direction: Direction, message: Message) -> Decision:
        if direction is Direction.REPLY:
            decision = self._gate.decide(self.name, message)
            if self.unanswered.pop(message.sequence, None) is not None:
                self._gate.changed()
            return decision
        if self._gate.frozen:
            return (
                Decision.FREEZE_BEFORE
            )  # behind a frozen message in the same chunk: it never left, so nobody is asked
        decision = self._gate.decide(self.name, message)
        leaves = decision is not Decision.FREEZE_BEFORE and not self._gate.frozen
        if leaves and message.expects_reply and (message.boundary or decision is Decision.FREEZE_AFTER):
            self.unanswered[message.sequence] = message
        return decision

    def _write(self, direction: Direction, segment: Segment) -> None:
        if segment.answer:
            self._side(direction).write(segment.data)
            return
        self._other(direction).write(segment.data)
        if direction is Direction.REQUEST:
            self._counters.bytes_to_server += len(segment.data)
        else:
            self._counters.bytes_to_processor += len(segment.data)

    def _end(self, direction: Direction) -> None:
        if self._gate.frozen:  # what the link still held has frozen it
            return
        if direction is Direction.REPLY or self.server.is_finished:
            self.close()
            return
        self.server.finish()
        loop = asyncio.get_running_loop()
        self._lingering = loop.call_later(HALF_CLOSED_LIMIT_S, self.close)

    def _side(self, direction: Direction) -> Side:
        return self.processor if direction is Direction.REQUEST else self.server

    def _other(self, direction: Direction) -> Side:
        return self.server if direction is Direction.REQUEST else self.processor
