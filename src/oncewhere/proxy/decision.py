"""What the proxy asks and is told: a link's name and a message go to the observer, a decision comes back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from oncewhere.wire import Message


class Decision(StrEnum):
    """What becomes of the segment that carries a message.

    The three kinds of crash point in these terms: *before* is `FREEZE_BEFORE` on the request; *delivered* is
    `FREEZE_AFTER` on the request; *replied* is `FREEZE_BEFORE` on the reply. A connection that breaks while the
    processor lives is the same three with `CUT_…`: only that connection ends, and its server is still heard out.
    """

    FORWARD = "forward"
    FREEZE_BEFORE = "freeze before"
    FREEZE_AFTER = "freeze after"
    CUT_BEFORE = "cut before"
    CUT_AFTER = "cut after"
    HOLD = "hold"
    """It waits, and so does all behind it in its direction, until `Crossing.release`; everything else goes on."""
    REFUSE = "refuse"
    """Its server never hears of it, and the answer says that it leads no such partition: for Kafka's Produce only."""


@dataclass(frozen=True, slots=True)
class LinkName:
    """One connection of the processor.

    Attributes:
        place: the name under which its server was opened: `kafka`, or a declared effect such as `bank`.
        number: which connection to that place it is, from 1, over all lives of the processor.
        client_port: the processor's port, by which the operating system knows which process it is.
        server: the server's address, `host:port`.
    """

    place: str
    number: int
    client_port: int
    server: str

    def __str__(self) -> str:
        return f"{self.place}#{self.number}"


class Observer(Protocol):
    """Who is asked before a message moves; the drill."""

    def __call__(self, link: LinkName, message: Message) -> Decision:
        """Takes a message whose segment has not been forwarded; returns what is to become of it.

        Called in the event loop, once for each message, in the order of the wire; nothing moves on any link until it
        returns. Whoever kills a process does it in here. On a frozen crossing it still hears replies to what had left
        before, and its decision is ignored.
        """


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A request that had been forwarded, and that the server did not answer within the limit: its fate is unknown."""

    link: LinkName
    message: Message


@dataclass(slots=True)
class Counters:
    """What crossed to and from one place.

    Attributes:
        connections: connections that the processor opened.
        refused: those of them that the server did not take.
        bytes_to_server: bytes forwarded to the server.
        bytes_to_processor: bytes forwarded to the processor.
        bytes_dropped: bytes that arrived on a frozen crossing.
        unknown_bytes: bytes that were forwarded without having been understood.
    """

    connections: int = 0
    refused: int = 0
    bytes_to_server: int = 0
    bytes_to_processor: int = 0
    bytes_dropped: int = 0
    unknown_bytes: int = 0
