"""Whether a connection can still be read: what could not be read goes in; the reason and a count come out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from oncewhere.wire.message import JSON, Direction, Message, Outbox

KIND: Final = "opaque"

MAX_TEXT: Final = 200
"""Characters of a name, a key or an address that are kept in a message; the rest is cut."""

MAX_ENTRIES: Final = 32
"""Entries of a list that are kept in a message."""


@dataclass(slots=True)
class Opacity:
    """What a link knows of its own blindness.

    A link turns opaque at most once and stays so: from there on both directions are forwarded as they come. Its last
    message is `opaque`, with the reason, so that a history does not merely fall silent.

    Attributes:
        system: the protocol.
        reason: why nothing is read any more; None while everything is.
        unknown_bytes: how many bytes were forwarded without having been understood.
    """

    system: str
    reason: str | None = None
    unknown_bytes: int = 0
    _told: bool = field(default=False, repr=False)

    def turn(self, reason: str) -> None:
        """Gives up reading; the first reason counts."""
        self.reason = self.reason or reason

    def forward(self, data: bytes, direction: Direction, number: int, out: Outbox) -> None:
        """Forwards bytes that are not read, and counts them; the first of them carry the reason.

        Args:
            data: the bytes; nothing happens where there are none.
            direction: which way they go.
            number: the sequence number that the connection's next request would have had.
            out: where they go.
        """
        if not data:
            return
        self.unknown_bytes += len(data)
        message = None
        if not self._told:
            self._told = True
            fields: dict[str, JSON] = {"reason": self.reason}
            message = Message(
                system=self.system,
                kind=KIND,
                direction=direction,
                sequence=number,
                boundary=False,
                fields=fields,
                expects_reply=False,
            )
        out.forward(data, message)


def shown(data: bytes) -> str:
    """Makes bytes readable for a message: UTF-8 where they are, escapes where not, cut to `MAX_TEXT` characters."""
    text = data[: 4 * MAX_TEXT + 4].decode(errors="backslashreplace")
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
