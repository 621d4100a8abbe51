"""One connection of the processor: bytes of either side go in, the segments that the gate lets through come out."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from oncewhere.proxy.decision import Counters, Decision, LinkName
from oncewhere.proxy.holding import Held
from oncewhere.proxy.sockets import Side
from oncewhere.proxy.tls import Tls
from oncewhere.wire import Direction, Link, Message, Refusing, Segment

HALF_CLOSED_LIMIT_S: Final = 30.0
"""Seconds that a connection may live on after the processor has said that it will send no more."""

HEARING_LIMIT_S: Final = 5.0
"""Seconds that a server has to answer what had been forwarded before its processor's side was gone."""


STAYS: Final = frozenset({Decision.FREEZE_BEFORE, Decision.CUT_BEFORE, Decision.HOLD, Decision.REFUSE})
"""Decisions about a request with which it does not leave for its server now."""

REFUSAL_LIMIT_S: Final = 0.5
"""Seconds that a refusal waits for a reply that it can go with: whoever sends several at once has done so by then."""


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
        tls: how the server is spoken to; None for plainly.

    Attributes:
        name: the link's name, once the processor has connected.
        processor: the side that it opened.
        server: the side to the server.
        unanswered: by sequence, the requests that were forwarded and that matter, until their replies come.
    """

    def __init__(
        self,
        gate: Gate,
        place: str,
        server: tuple[str, int],
        link: Link,
        counters: Counters,
        tls: Tls | None = None,
    ) -> None:
        self.name = LinkName(place, 0, 0, f"{server[0]}:{server[1]}")
        self.processor = Side(self, Direction.REQUEST)
        self.server = Side(self, Direction.REPLY)
        self.unanswered: dict[int, Message] = {}
        self._gate = gate
        self._address = server
        self._link = link
        self._counters = counters
        self._tls = tls
        self._unknown_bytes = 0
        self._early: list[bytes] = []
        self._lingering: asyncio.TimerHandle | None = None
        self._held = {direction: Held() for direction in Direction}
        self._is_deserted = False

    @property
    def holds(self) -> bool:
        """True while something of it waits for its release."""
        return any(self._held.values())

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
        if not await self.server.connect(*self._address, self._tls):
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
            if self._gate.frozen or self._is_deserted:
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
        if self._held[direction]:
            self._held[direction].ended = True
        else:
            self._end(direction)

    def lost(self, direction: Direction, error: Exception | None) -> None:
        """One side is closed. On a frozen crossing, and when it was cut, the server's stays until it was heard out."""
        self._gate.changed()
        if self.is_closed:
            if self._lingering is not None:
                self._lingering.cancel()
            self._gate.ended(self)
        elif direction is Direction.REQUEST and (self._gate.frozen or self._is_deserted):
            return
        elif self._held[direction]:
            self._held[direction].ended = True
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

    def release(self) -> None:
        """Forwards what is held, in order; what stands behind the first is decided as if it came now."""
        for direction, held in self._held.items():
            if not held:
                continue
            first, *rest = held.take()
            if direction is Direction.REQUEST and first.message is not None:
                self._expect_answer(first.message)
            self._forward(direction, first)
            self._pass(direction, rest)
            if held:  # one of the rest is held in its turn
                continue
            if held.ended:
                self._ended_meanwhile(direction)
            elif not self._gate.frozen:
                self._side(direction).read_on()

    # ---- passing on

    def _pass(self, direction: Direction, segments: list[Segment]) -> None:
        held = self._held[direction]
        for segment in segments:
            if held:
                self._hold(direction, segment)
                continue
            decision = self._decide(direction, segment.message) if segment.message else Decision.FORWARD
            match decision:
                case Decision.HOLD if not self._is_deserted:
                    self._hold(direction, segment)
                    continue
                case Decision.REFUSE if not self._gate.frozen and not self._is_deserted:
                    self._refuse(segment)
                    continue
                case Decision.FREEZE_BEFORE:
                    self._gate.freeze()
                case Decision.CUT_BEFORE:
                    self._desert()
            self._forward(direction, segment)
            match decision:
                case Decision.FREEZE_AFTER:
                    self._gate.freeze()
                case Decision.CUT_AFTER:
                    self._desert()

    def _forward(self, direction: Direction, segment: Segment) -> None:
        if self._gate.frozen or self._is_deserted:
            self._counters.bytes_dropped += len(segment.data)
        else:
            self._write(direction, segment)

    def _hold(self, direction: Direction, segment: Segment) -> None:
        held = self._held[direction]
        held.keep(segment)
        if held.is_full:
            self._side(direction).pause()

    def _refuse(self, segment: Segment) -> None:
        if not isinstance(self._link, Refusing):
            raise TypeError(f"{self._link!r} has no server that could refuse")
        self._link.refuse(segment)
        self._counters.bytes_dropped += len(segment.data)
        asyncio.get_running_loop().call_later(REFUSAL_LIMIT_S, self._overdue, self._link)

    def _overdue(self, link: Refusing) -> None:
        if self.processor.is_open:
            self._pass(Direction.REPLY, link.overdue())

    def _desert(self) -> None:
        """The processor's side ends; the server's is heard out and then ends too. Nothing more is forwarded."""
        self._is_deserted = True
        for held in self._held.values():
            self._counters.bytes_dropped += sum(len(segment.data) for segment in held.take())
        self.processor.close()
        self._linger(HEARING_LIMIT_S)
        self._heard()

    def _heard(self) -> None:
        """Ends a deserted connection once its server has answered everything."""
        if self._is_deserted and not self.unanswered:
            self.server.close()

    def _ended_meanwhile(self, direction: Direction) -> None:
        """The side whose segments were held ended while they were: now the connection does."""
        if direction is Direction.REQUEST:
            self._desert()
        else:
            self.close()

    def _decide(self, direction: Direction, message: Message) -> Decision:
        if direction is Direction.REPLY:
            decision = self._gate.decide(self.name, message)
            if self.unanswered.pop(message.sequence, None) is not None:
                self._gate.changed()
                self._heard()
            return decision
        if self._gate.frozen or self._is_deserted:
            return Decision.FORWARD  # behind a stopped message in the same chunk: it never leaves, so nobody is asked
        decision = self._gate.decide(self.name, message)
        leaves = decision not in STAYS and not self._gate.frozen
        if leaves and (message.boundary or decision in {Decision.FREEZE_AFTER, Decision.CUT_AFTER}):
            self._expect_answer(message)
        return decision

    def _expect_answer(self, message: Message) -> None:
        if message.expects_reply:
            self.unanswered[message.sequence] = message

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
        self._linger(HALF_CLOSED_LIMIT_S if self.server.finish() else HEARING_LIMIT_S)

    def _linger(self, limit_s: float) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
        self._lingering = asyncio.get_running_loop().call_later(limit_s, self.close)

    def _side(self, direction: Direction) -> Side:
        return self.processor if direction is Direction.REQUEST else self.server

    def _other(self, direction: Direction) -> Side:
        return self.server if direction is Direction.REQUEST else self.processor
