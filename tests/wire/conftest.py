"""Scripts in the order of the wire: what either side sends goes in, a transcript of messages and bytes comes out."""

from __future__ import annotations

import asyncio
import io
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from kio.serial import entity_writer

from oncewhere.proxy import Crossing, Decision, LinkName, Unanswered
from oncewhere.wire import Direction, Link, Message, Segment

LIMIT_S = 20.0

Step = tuple[str, bytes]
"""`>>` and what the processor sends, or `<<` and what the server sends."""


@dataclass
class Transcript:
    """What a link made of a script."""

    messages: list[Message] = field(default_factory=list)
    to_server: bytes = b""
    to_processor: bytes = b""

    def take(self, direction: Direction, segments: Sequence[Segment]) -> None:
        for segment in segments:
            assert segment.data, "no segment is empty"
            if segment.message is not None:
                assert segment.message.direction is direction
                self.messages.append(segment.message)
            if (direction is Direction.REQUEST) is not segment.answer:
                self.to_server += segment.data
            else:
                self.to_processor += segment.data

    def lines(self, *names: str) -> list[str]:
        """One line a message: its way, its kind and number, `!` for a boundary, and the named fields that it has."""
        arrows = {Direction.REQUEST: ">>", Direction.REPLY: "<<"}
        return [
            " ".join(
                [
                    arrows[message.direction],
                    f"{message.kind}#{message.sequence}{'!' * message.boundary}",
                    *(f"{name}={message.fields[name]}" for name in names if name in message.fields),
                ]
            )
            for message in self.messages
        ]


class Wire:
    """Plays scripts, and makes the bytes for them."""

    def play(
        self, link: Link, script: Sequence[Step], *, split: Callable[[bytes], Iterator[bytes]] | None = None
    ) -> Transcript:
        transcript = Transcript()
        for arrow, data in script:
            for part in split(data) if split else (data,):
                if arrow == ">>":
                    transcript.take(Direction.REQUEST, link.from_processor(part))
                else:
                    transcript.take(Direction.REPLY, link.from_server(part))
        return transcript

    def assert_every_split_is_the_same(self, make: Callable[[], Link], script: Sequence[Step]) -> None:
        """Plays the script whole, byte by byte, and with every step cut once at every byte."""
        whole = self.play(make(), script)
        assert self.play(make(), script, split=lambda data: (data[at : at + 1] for at in range(len(data)))) == whole
        longest = max(len(data) for _, data in script)
        for at in range(1, longest):
            cut = self.play(make(), script, split=lambda data, at=at: (part for part in (data[:at], data[at:]) if part))
            assert cut == whole, f"cut at byte {at}"

    def assert_untouched(self, link: Link, script: Sequence[Step]) -> Transcript:
        """Plays the script and the end of both sides; every byte came out once, in order and unchanged."""
        transcript = self.play(link, script)
        for direction in Direction:
            transcript.take(direction, link.ended(direction))
        assert transcript.to_server == b"".join(data for arrow, data in script if arrow == ">>")
        assert transcript.to_processor == b"".join(data for arrow, data in script if arrow == "<<")
        return transcript

    def mutated(self, data: bytes, edits: Sequence[tuple[int, int]]) -> bytes:
        """Returns the bytes with single ones of them replaced."""
        out = bytearray(data)
        for at, value in edits:
            out[at % len(out)] = value
        return bytes(out)

    # ---- Kafka

    def request(self, body: Any, correlation_id: int, *, client_id: str | None = "app") -> bytes:
        head = struct.pack(">hhi", body.__api_key__, body.__version__, correlation_id)
        name = struct.pack(">h", -1) if client_id is None else struct.pack(">h", len(client_id)) + client_id.encode()
        return self._frame(head + name, body)

    def reply(self, body: Any, correlation_id: int) -> bytes:
        return self._frame(struct.pack(">i", correlation_id), body)

    def _frame(self, head: bytes, body: Any) -> bytes:
        out = io.BytesIO()
        entity_writer(type(body))(out, body)
        tags = b"\0" if body.__header_schema__.__flexible__ else b""
        frame = head + tags + out.getvalue()
        return struct.pack(">i", len(frame)) + frame

    def batch(
        self,
        records: int,
        *,
        producer_id: int = 7,
        epoch: int = 0,
        transactional: bool = True,
        payload: bytes = b"x" * 20,
    ) -> bytes:
        """A record batch, magic 2; its records are not to be looked at, so they are no records."""
        attributes = 0x10 if transactional else 0
        tail = struct.pack(">hiqqqhii", attributes, max(records - 1, 0), 0, 0, producer_id, epoch, 0, records) + payload
        body = struct.pack(">ibI", 0, 2, 0) + tail
        return struct.pack(">qi", 0, len(body)) + body

    # ---- PostgreSQL

    def startup(self, **parameters: str) -> bytes:
        pairs = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items()) + b"\0"
        return self.packet(196608, pairs)

    def packet(self, code: int, rest: bytes = b"") -> bytes:
        return struct.pack(">ii", 8 + len(rest), code) + rest

    def pg(self, kind: str, body: bytes | str = b"") -> bytes:
        data = body.encode() if isinstance(body, str) else body
        return kind.encode() + struct.pack(">i", 4 + len(data)) + data

    def query(self, sql: str) -> bytes:
        return self.pg("Q", sql + "\0")

    def parse(self, sql: str, name: str = "") -> bytes:
        return self.pg("P", f"{name}\0{sql}\0".encode() + b"\0\0")

    def bind(self, name: str = "", portal: str = "") -> bytes:
        return self.pg("B", f"{portal}\0{name}\0".encode() + bytes(6))

    def execute(self, portal: str = "") -> bytes:
        return self.pg("E", f"{portal}\0".encode() + bytes(4))

    def sync(self) -> bytes:
        return self.pg("S")

    def tag(self, text: str) -> bytes:
        return self.pg("C", text + "\0")

    def ready(self, status: str) -> bytes:
        return self.pg("Z", status)

    def error(self, sqlstate: str, **extra: str) -> bytes:
        given = {"S": "ERROR", "V": "ERROR", "C": sqlstate, "M": "secret value 4711"} | extra
        return self.pg("E", b"".join(f"{code}{text}\0".encode() for code, text in given.items()) + b"\0")


@pytest.fixture(scope="session")
def wire() -> Wire:
    return Wire()


@dataclass
class Passage:
    """What passed between a real client and a real server."""

    messages: list[Message] = field(default_factory=list)
    unknown_bytes: int = 0
    unanswered: tuple[Unanswered, ...] = ()

    def replies(self, *names: str) -> list[str]:
        """One line a reply: its kind and the named fields."""
        return [
            " ".join([message.kind, *(str(message.fields.get(name)) for name in names)])
            for message in self.messages
            if message.direction is Direction.REPLY
        ]


PHASES: dict[str, tuple[Direction, Decision]] = {
    "before": (Direction.REQUEST, Decision.FREEZE_BEFORE),
    "delivered": (Direction.REQUEST, Decision.FREEZE_AFTER),
    "replied": (Direction.REPLY, Decision.FREEZE_BEFORE),
}


def _through(
    server_port: int, link: Callable[[], Link], work: Callable[[int], Any], *, at: tuple[str, str] | None = None
) -> Passage:
    """Runs a client's work on a port that leads through the real proxy to a server.

    Args:
        server_port: the server's, on this machine.
        link: makes the wire layer's state of one connection.
        work: what the client does; takes the port that it is to use.
        at: the kind of message and the phase at which everything freezes; the work then sees its connections end.
    """
    passage = Passage()
    freeze = (at[0], *PHASES[at[1]]) if at else None

    def observer(_: LinkName, message: Message) -> Decision:
        passage.messages.append(message)
        return freeze[2] if freeze and (message.kind, message.direction) == freeze[:2] else Decision.FORWARD

    async def main() -> None:
        async with Crossing(observer) as crossing:
            _, port = await crossing.open("place", "127.0.0.1", server_port, link)
            client = asyncio.create_task(asyncio.to_thread(work, port))
            if freeze:
                while not crossing.frozen and not client.done():  # noqa: ASYNC110 - the observer freezes it
                    await asyncio.sleep(0.001)
                assert crossing.frozen, "the message was never seen"
                passage.unanswered = await crossing.reset()
            await client
            assert crossing.failure is None
            passage.unknown_bytes = crossing.counters["place"].unknown_bytes

    asyncio.run(asyncio.wait_for(main(), LIMIT_S))
    return passage


@pytest.fixture(scope="session", params=list(PHASES))
def phase(request: pytest.FixtureRequest) -> str:
    """Every place of a kill around a message."""
    return str(request.param)


@pytest.fixture(scope="session")
def through() -> Callable[..., Passage]:
    return _through
