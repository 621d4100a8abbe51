"""What an SMTP server says: bytes split anywhere go in, whole replies come out; and what a reply means to a mail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from oncewhere.wire.message import JSON
from oncewhere.wire.outcome import Outcome

MAX_REPLY_BYTES: Final = 64 * 1024
"""Bytes of a reply that are waited for."""

_LINE: Final = re.compile(rb"([2-5]\d\d)(?:([ -])(.*))?\r?\n\Z", re.DOTALL)
_ENHANCED: Final = re.compile(rb"([245]\.\d{1,3}\.\d{1,3})\b")
_HIDDEN: Final = frozenset({b"STARTTLS"})


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply.

    Attributes:
        data: its bytes.
        code: 200 to 599.
        enhanced: its enhanced status code (RFC 3463), if it has one.
    """

    data: bytes
    code: int
    enhanced: str | None

    def fields(self) -> dict[str, JSON]:
        """Returns what is worth logging; the text may quote addresses."""
        return {"code": self.code} | ({"enhanced": self.enhanced} if self.enhanced else {})


class UnreadableError(Exception):
    """The server said something that is no reply; `Replies.drain` has it."""


class Replies:
    """The server's side of a connection, cut into replies."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Takes bytes; yields the replies that they complete.

        Raises:
            UnreadableError: the bytes that are held now are no reply.
        """
        self._held += data
        at = 0  # where the line begins that is looked at
        while end := self._held.find(b"\n", at) + 1:
            line = _LINE.match(self._held[at:end])
            if line is None:
                raise UnreadableError
            at = end
            if line[2] == b"-":
                continue
            whole, self._held, at = self._held[:at], self._held[at:], 0
            enhanced = _ENHANCED.match(line[3] or b"")
            yield Reply(whole, int(line[1]), enhanced[1].decode() if enhanced else None)
        if len(self._held) > MAX_REPLY_BYTES or (self._held and not self._held[:1].isdigit()):
            raise UnreadableError

    def drain(self) -> bytes:
        """Returns and forgets what is held of a reply that is not complete."""
        held, self._held = self._held, b""
        return held


def without_encryption(reply: bytes) -> bytes:
    """Takes a reply to EHLO; returns it without the offer of STARTTLS, behind which nothing could be read."""
    first, *offers = reply.splitlines(keepends=True)
    kept = [first, *(line for line in offers if line[4:].split()[:1] and line[4:].split()[0].upper() not in _HIDDEN)]
    if len(kept) == len(offers) + 1:
        return reply
    *before, last = kept
    return b"".join(before) + last[:3] + b" " + last[4:]


def outcome_of(code: int) -> Outcome:
    """Says what the reply to the end of a mail means: with 2xx the server is responsible for it (RFC 5321, 4.2.5)."""
    match code // 100:
        case 2:
            return Outcome.DONE
        case 4 | 5:
            return Outcome.NOT_DONE
        case _:
            return Outcome.UNKNOWN
