"""Reads one HTTP/1.1 message with h11: bytes split anywhere go in; its head, its content and its end come out.

h11 holds two sides to one conversation, and a proxy sees two. So each message has an h11 connection of its own, which
ends with it: what a client sends is read as a server would, what a server sends as a client would that has just asked.
Beside each event stand the bytes that it took, as they came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import h11

from oncewhere.wire.opacity import shown

MAX_HEAD_BYTES: Final = 256 * 1024
"""Bytes of a head, or of a chunk's size line, that are waited for; servers take 8 to 64 KiB by default."""

_QUOTED_BYTES: Final = re.compile(r":?\s*\b(?:bytearray\()?b['\"].*", re.DOTALL)
"""What h11 refuses it quotes: a line with its target, or with a header that nobody may read."""


class UnreadableError(Exception):
    """These bytes are no HTTP/1.1 message, or one that h11 refuses; its text quotes none of them, and is short."""


@dataclass(frozen=True, slots=True)
class Head:
    """A request's or an answer's head; of several `100 Continue` and the like each is one.

    Attributes:
        event: what h11 made of it.
        data: its bytes.
    """

    event: h11.Request | h11.InformationalResponse | h11.Response
    data: bytes


@dataclass(frozen=True, slots=True)
class Body:
    """Bytes of the content, with its framing; they may be empty where the message ends.

    Attributes:
        data: the bytes.
        ended: True where the message ends with them.
    """

    data: bytes
    ended: bool


class Reading:
    """One message that is being read.

    Args:
        connection: an h11 connection whose other side is about to send it.
        content: takes the content piece by piece, without its framing.

    Attributes:
        rest: once the message has ended, the bytes behind it.
    """

    def __init__(self, connection: h11.Connection, content: Callable[[bytes], None]) -> None:
        self.rest = b""
        self._connection = connection
        self._content = content
        self._raw = b""
        self._has_head = False

    @classmethod
    def of_request(cls, content: Callable[[bytes], None]) -> Reading:
        """Reads what a client sends."""
        return cls(h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES), content)

    @classmethod
    def of_answer(cls, method: bytes, *, upgrades: bool) -> Reading:
        """Reads what a server answers, which is framed as the request's method says.

        Args:
            method: of the request.
            upgrades: True where it asks for another protocol.
        """
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD_BYTES)
        headers = [("Host", "-")] + ([("Connection", "Upgrade"), ("Upgrade", "-")] if upgrades else [])
        connection.send(h11.Request(method=method, target=b"/", headers=headers))
        connection.send(h11.EndOfMessage())
        return cls(connection, lambda _: None)

    def drain(self) -> bytes:
        """Returns and forgets the bytes that no event has taken yet: the beginning of a head."""
        raw, self._raw = self._raw, b""
        return raw

    def feed(self, data: bytes) -> Iterator[Head | Body]:
        """Takes bytes; yields what they complete.

        Raises:
            UnreadableError: they are no such message; `drain` has what was not taken.
        """
        self._raw += data
        try:
            self._connection.receive_data(data)
            while True:
                match self._connection.next_event():
                    case h11.Request(method=b"PRI", http_version=b"2.0"):  # the preface of RFC 9113, section 3.4
                        raise UnreadableError("the connection begins as HTTP/2 (gRPC, or h2c)")
                    case h11.Request() | h11.InformationalResponse() | h11.Response() as event:
                        self._has_head = not isinstance(event, h11.InformationalResponse)
                        yield Head(event, self._taken())
                    case h11.Data(data=content):
                        self._content(bytes(content))
                    case h11.EndOfMessage():
                        taken = self._taken()
                        self.rest = self.drain()
                        yield Body(taken, ended=True)
                        return
                    case _:  # NEED_DATA, or the connection speaks another protocol now
                        break
        except (h11.ProtocolError, ValueError) as error:  # int() refuses lengths of thousands of digits
            raise UnreadableError(shown(_QUOTED_BYTES.sub("", str(error)).encode())) from error
        if self._has_head and self._raw:
            yield Body(self.drain(), ended=False)

    def _taken(self) -> bytes:
        """Returns the bytes up to where h11 stands."""
        left = len(self._connection.trailing_data[0])
        at = len(self._raw) - left
        taken, self._raw = self._raw[:at], self._raw[at:]
        return taken
