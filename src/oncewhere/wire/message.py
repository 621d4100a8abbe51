"""What every wire layer speaks: bytes come in, segments come out; some segments carry a message.

In: bytes of one connection, in the order of the wire, split anywhere.
Out: the same bytes (addresses rewritten where they must be) as a sequence of `Segment`; a segment that completes a
message says so, and is never forwarded before the proxy's observer has seen that message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

Scalar = str | int | float | bool | None
JSON = Scalar | Sequence["JSON"] | Mapping[str, "JSON"]


class Direction(StrEnum):
    """Which way a message travels, seen from the processor."""

    REQUEST = "request"
    REPLY = "reply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One protocol message that means something to the guarantee.

    Attributes:
        system: the protocol: `kafka`, `postgresql`.
        kind: the protocol's own name of the message (`EndTxn`, `Produce`) or the unit's meaning (`commit`, `write`).
        direction: a request of the processor, or the server's reply to one.
        sequence: number of the request on its connection, from 0; a reply carries its request's number. A request that
            is forwarded in parts (a PostgreSQL unit cut by Flush) has one message for each part, all with its number.
        boundary: True when a crash before or after it can change where the work happened.
        fields: decoded fields worth logging, JSON-able, bounded in size, never payloads or secrets.
        expects_reply: False for a request that the server never answers (Produce with acks 0).
    """

    system: str
    kind: str
    direction: Direction
    sequence: int
    boundary: bool
    fields: Mapping[str, JSON] = field(default_factory=dict)
    expects_reply: bool = True


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes to forward, and the message that they complete, if they complete one.

    Attributes:
        data: the bytes; never empty.
        message: what they complete.
        answer: True when they go back to the side that sent, because the link itself answers (PostgreSQL's refusal of
            encryption); the other side never hears of that request.
    """

    data: bytes
    message: Message | None = None
    answer: bool = False


class Link(Protocol):
    """The sans-IO state of one connection between a processor and a server."""

    def from_processor(self, data: bytes) -> list[Segment]:
        """Takes bytes that the processor sent; returns what to forward to the server, in order."""

    def from_server(self, data: bytes) -> list[Segment]:
        """Takes bytes that the server sent; returns what to forward to the processor, in order."""

    def ended(self, direction: Direction) -> list[Segment]:
        """Takes the end of what one side sends; returns what was still held of it, to be forwarded before that end."""

    @property
    def unknown_bytes(self) -> int:
        """How many bytes were forwarded untouched because they could not be understood."""


@runtime_checkable
class Refusing(Protocol):
    """A link whose server may be made to refuse: Kafka's, where a broker does not lead a partition yet."""

    def refuse(self, segment: Segment) -> None:
        """Takes a request that is not forwarded; the refusal comes out among the replies, where its place is.

        Raises:
            ValueError: it is none that its server could refuse.
        """

    def overdue(self) -> list[Segment]:
        """Returns refusals that no later reply has brought along."""


class Outbox:
    """Collects segments in order; neighbours without a message become one, so that they cost one write."""

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._plain: list[bytes] = []

    def forward(self, data: bytes, message: Message | None = None) -> None:
        """Adds bytes to forward, and what they complete."""
        if message is None:
            if data:
                self._plain.append(data)
            return
        self._close_plain()
        self._segments.append(Segment(data, message))

    def answer(self, data: bytes) -> None:
        """Adds bytes that go back to the side that sent."""
        self._close_plain()
        self._segments.append(Segment(data, answer=True))

    def segments(self) -> list[Segment]:
        """Returns all that was added."""
        self._close_plain()
        return self._segments

    def _close_plain(self) -> None:
        if self._plain:
            self._segments.append(Segment(b"".join(self._plain)))
            self._plain = []
