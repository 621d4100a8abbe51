"""Cuts one direction of a Redis connection into values: bytes split anywhere go in, whole values come out in order.

Both RESP2 and RESP3 are read, as type bytes tell them apart. Only the outline of a value is kept: its type, its first
line, and the front of its first few leaves. Source: the Redis serialization protocol specification.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

MAX_LINE_BYTES: Final = 64 * 1024
"""A line without an end after this many bytes is none (PROTO_INLINE_MAX_SIZE of the server)."""

MAX_LEAVES: Final = 128
"""Leaves of one value whose front is kept: a command's name and arguments."""

MAX_LEAF_BYTES: Final = 1024
"""Bytes of a leaf that are kept."""

MAX_DEPTH: Final = 64
"""Aggregates inside of aggregates; a deeper value is not understood."""

_MAX_LENGTH: Final = 1 << 40

_LINES: Final = frozenset(b"+-:,#_(")
_BULKS: Final = frozenset(b"$!=")
_AGGREGATES: Final = {ord("*"): 1, ord("~"): 1, ord(">"): 1, ord("%"): 2, ord("|"): 2}
_ERRORS: Final = frozenset(b"-!")
_ATTRIBUTE: Final = ord("|")
_LENGTH: Final = re.compile(rb"-?\d{1,15}\Z")
_INLINE: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|\S+')
_INLINE_STARTS: Final = frozenset(b"\t\r\n ") | frozenset(range(ord("A"), ord("Z") + 1)) | frozenset(range(97, 123))


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a value that is not complete and no longer held."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Value:
    """A complete value.

    Attributes:
        data: its bytes, without the parts that went before.
        whole: True where it is no longer than what was to be held.
        kind: its type byte; 0 for an inline command.
        nil: True for a null of either protocol.
        line: its first line without the type byte, cut to `MAX_LEAF_BYTES`; of a blob error its text.
        leaves: the front of what is not an aggregate in it, in order, at most `MAX_LEAVES`.
        size: how many leaves there were.
        errors: how many of its direct elements are errors.
    """

    data: bytes
    whole: bool
    kind: int
    nil: bool
    line: bytes
    leaves: tuple[bytes, ...]
    size: int
    errors: int


@dataclass(frozen=True, slots=True)
class Unread:
    """Bytes behind the place where the stream could no longer be cut."""

    data: bytes


Piece = Part | Value | Unread


class Values:
    """One direction of a connection, cut into values.

    Args:
        hold: takes the type byte at which a value begins; returns how many of its bytes to hold until it is complete.
            It is asked only after the caller has dealt with everything before.
        commands: True for what clients send: arrays of bulk strings, or inline commands.
    """

    def __init__(self, hold: Callable[[int], int], *, commands: bool) -> None:
        self._hold = hold
        self._commands = commands
        self._tail = b""
        self._lost = False
        self._held: list[bytes] = []
        self._bytes = 0  # of the value so far, without an unfinished line
        self._limit = 0
        self._skip = 0  # bytes of a bulk that are to come, with its line end
        self._text = 0  # of these, bytes that belong to its text
        self._open: list[int] = []  # elements that are still to come, by depth
        self._attributes: list[bool] = []  # likewise, whether they are an attribute's
        self._begun = False
        self._reset()

    @property
    def lost(self) -> bool:
        """True when the stream is no longer cut."""
        return self._lost

    def lose(self) -> None:
        """Stops cutting: from here on everything, what is held included, comes out as `Unread`."""
        self._lost = True

    def drain(self) -> bytes:
        """Returns and forgets what is held of a value that will not be completed."""
        tail, self._tail = self._tail, b""
        return self._take_held(tail)

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Takes bytes; yields what they complete. Must be exhausted before the next call."""
        if self._tail:
            data, self._tail = self._tail + data, b""
        at = start = 0
        end = len(data)
        while at < end and not self._lost:
            if not self._begun:
                self._begin(data[at])
            if self._skip:
                to = min(end, at + self._skip)
                self._take_bulk(data, at, to)
            elif (to := data.find(b"\n", at) + 1) and to - at <= MAX_LINE_BYTES:
                if not self._take_line(data[at : to - 1].removesuffix(b"\r")):
                    self._lost = True
                    break
            elif end - at > MAX_LINE_BYTES or self._cannot_begin(data[at]):
                self._lost = True
                break
            else:
                self._tail, end = data[at:], at
                break
            at = to
            if not self._begun:
                yield self._complete(data[start:at])
                start = at
        if self._lost:
            yield Unread(self._take_held(data[start:]))
        elif start < end:
            self._held.append(data[start:end])
            self._bytes += end - start
            if self._bytes > self._limit:
                yield Part(self._take_held(b""))

    # ---- one value

    def _reset(self) -> None:
        self._kind, self._nil, self._line = 0, False, b""
        self._leaves: list[bytes] = []
        self._size = self._errors = 0

    def _begin(self, kind: int) -> None:
        self._reset()
        self._begun = True
        self._bytes = 0
        self._limit = self._hold(kind)
        self._kind = 0 if self._commands and kind != ord("*") else kind

    def _complete(self, last: bytes) -> Value:
        whole = self._bytes + len(last) <= self._limit
        data = self._take_held(last)
        return Value(data, whole, self._kind, self._nil, self._line, tuple(self._leaves), self._size, self._errors)

    def _take_held(self, last: bytes) -> bytes:
        data = b"".join(self._held) + last
        self._held = []
        return data

    def _cannot_begin(self, kind: int) -> bool:
        """Says so before a line is complete, so that nobody waits for the end of something else's."""
        if self._commands:
            return kind not in (b"$" if self._open else _INLINE_STARTS | {ord("*")})
        return kind not in _LINES and kind not in _BULKS and kind not in _AGGREGATES

    def _take_line(self, line: bytes) -> bool:
        """Takes a line; returns False where it cannot stand here."""
        if self._commands and not self._open and not line.startswith(b"*"):
            return self._take_inline(line)
        if not line or (self._commands and line[:1] != (b"$" if self._open else b"*")):
            return False
        kind, rest, depth = line[0], line[1:], len(self._open)
        if depth == 0:
            self._kind, self._line = kind, rest[:MAX_LEAF_BYTES]
        if kind in _ERRORS and depth == 1:
            self._errors += 1
        if kind in _LINES:
            self._nil = self._nil or (depth == 0 and kind == ord("_"))
            self._leaf(rest)
            self._end_element()
            return True
        if not _LENGTH.match(rest) or (length := int(rest)) > _MAX_LENGTH:
            return False
        if kind in _BULKS:
            return self._begin_bulk(length, depth)
        if kind in _AGGREGATES:
            return self._begin_aggregate(kind, length, depth)
        return False

    def _begin_bulk(self, length: int, depth: int) -> bool:
        if length < 0:
            self._nil = self._nil or depth == 0
            self._leaf(b"")
            self._end_element()
            return length == -1 and not self._commands
        self._leaf(b"")
        self._text, self._skip = length, length + 2
        return True

    def _begin_aggregate(self, kind: int, length: int, depth: int) -> bool:
        if length < 0:
            self._nil = self._nil or depth == 0
            self._end_element()
            return length == -1
        if depth >= MAX_DEPTH:
            return False
        self._open.append(length * _AGGREGATES[kind])
        self._attributes.append(kind == _ATTRIBUTE)
        self._close_full()
        return True

    def _take_inline(self, line: bytes) -> bool:
        if line and line[0] not in _INLINE_STARTS:
            return False
        words = _INLINE.findall(line)
        self._kind, self._size = 0, len(words)
        self._leaves = [word[:MAX_LEAF_BYTES].strip(b"\"'") for word in words[:MAX_LEAVES]]
        self._begun = False
        return True

    def _take_bulk(self, data: bytes, at: int, to: int) -> None:
        text = data[at : min(to, at + self._text)]
        self._text -= len(text)
        if self._size <= MAX_LEAVES and len(self._leaves[-1]) < MAX_LEAF_BYTES:
            self._leaves[-1] = (self._leaves[-1] + text)[:MAX_LEAF_BYTES]
        if not self._open and self._kind == ord("!"):
            self._line = self._leaves[-1]
        self._skip -= to - at
        if not self._skip:
            self._end_element()

    def _leaf(self, front: bytes) -> None:
        self._size += 1
        if self._size <= MAX_LEAVES:
            self._leaves.append(front[:MAX_LEAF_BYTES])

    def _end_element(self) -> None:
        if self._open:
            self._open[-1] -= 1
            self._close_full()
        else:
            self._begun = False

    def _close_full(self) -> None:
        """Closes aggregates whose last element has come, and with the outermost one the value."""
        while self._open and self._open[-1] == 0:
            self._open.pop()
            if self._attributes.pop():  # no element: the value that it belongs to comes next
                if not self._open:
                    self._reset()
                return
            if self._open:
                self._open[-1] -= 1
        self._begun = bool(self._open)
