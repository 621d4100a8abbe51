"""One Redis connection: its bytes go in, segments come out; writing commands and their answers come with a message.

A command is held until it is complete; a larger one than `MAX_HELD_BYTES` passes in parts and is told with its last
piece, since the server runs nothing before that. The answer to a writing command is held until it is complete too: a
processor that is killed *replied* must not have seen it, not even by half.

MULTI, the commands that the server queues, and EXEC are one unit. Nothing happens before EXEC, so what is queued passes
at once, and EXEC is the message; it tells what the transaction writes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from oncewhere.wire.identity import MAX_IDENTITIES, IdentifyCommand
from oncewhere.wire.message import JSON, Direction, Message, Outbox, Segment
from oncewhere.wire.opacity import MAX_ENTRIES, Opacity, shown
from oncewhere.wire.outcome import Outcome
from oncewhere.wire.redis.answers import answer_fields, outcome_of
from oncewhere.wire.redis.commands import MAX_KEYS, Command, Effect, read
from oncewhere.wire.redis.values import MAX_LEAVES, Part, Unread, Value, Values

SYSTEM: Final = "redis"

MAX_HELD_BYTES: Final = 8 * 1024 * 1024
"""Bytes of a command that are held back; above it they pass in parts, the last piece last."""

MAX_HELD_REPLY_BYTES: Final = 1024 * 1024
"""Bytes of the answer to a writing command that are held back; above it they pass in parts."""

MAX_PENDING_COMMANDS: Final = 100_000
"""Commands without an answer that are remembered; a stream with more of them is not understood."""

_LISTENING: Final = frozenset(
    {"MONITOR", "PSUBSCRIBE", "PSYNC", "PUNSUBSCRIBE", "SSUBSCRIBE", "SUBSCRIBE", "SUNSUBSCRIBE", "SYNC", "UNSUBSCRIBE"}
)
"""From here on the server talks unasked, and answers can no longer be told from what it says."""

_PUSH: Final = ord(">")
_ERROR: Final = ord("-")
_QUEUED: Final = b"QUEUED"


@dataclass(slots=True)
class _Queue:
    """What a transaction has queued so far."""

    effect: Effect = Effect.READS
    names: list[str] = field(default_factory=list)
    left_out: int = 0
    keys: dict[bytes, None] = field(default_factory=dict)
    identities: list[str | None] = field(default_factory=list)
    open: bool = True

    def take(self, command: Command, identities: Sequence[str | None]) -> None:
        if len(self.identities) <= MAX_IDENTITIES:
            self.identities += identities
        if command.effect is not Effect.READS and self.effect is not Effect.WRITES:
            self.effect = command.effect
        if len(self.names) < MAX_ENTRIES:
            self.names.append(command.name)
        else:
            self.left_out += 1
        for key in command.keys:
            if len(self.keys) < MAX_KEYS:
                self.keys[key] = None

    def fields(self) -> dict[str, JSON]:
        fields: dict[str, JSON] = {"commands": list(self.names)}
        if self.left_out:
            fields["commands_left_out"] = self.left_out
        return fields


@dataclass(slots=True)
class _Pending:
    """A command that the server is to answer."""

    number: int
    command: Command
    boundary: bool = False
    told: bool = False
    queue: _Queue | None = None


class RedisLink:
    """The state of one connection between a Redis (or Valkey) client and its server.

    A message's kind is the command's name. Writing commands, publishing ones and scripts are boundaries, with `keys`
    and `effect`; so is an EXEC whose transaction holds one of them, with the `commands` in it. A DISCARD, and an EXEC
    that only reads, are told without being boundaries; other commands are not told.

    Answers are matched with commands in order; what a RESP3 server pushes is no answer. After CLIENT REPLY OFF or SKIP
    there is none, and the request says at once that its `outcome` is unknown. Where a connection begins to listen
    (SUBSCRIBE, MONITOR, replication), the link turns opaque.

    Args:
        identify: finds the business identities of a command, for the field `identities` of a request that has any; at
            most `MAX_IDENTITIES` are told, and None stands for those that are left out.
    """

    def __init__(self, identify: IdentifyCommand | None = None) -> None:
        self._identify = identify
        self._requests = Values(lambda _: MAX_HELD_BYTES, commands=True)
        self._replies = Values(self._hold_reply, commands=False)
        self._opacity = Opacity(SYSTEM)
        self._pending: deque[_Pending] = deque()
        self._count = 0
        self._queue: _Queue | None = None
        self._watching = False
        self._silent = False
        self._skips = False

    def __repr__(self) -> str:
        state = f"opaque: {self._opacity.reason}" if self._opacity.reason else "read"
        return f"<RedisLink {state} commands={self._count} pending={len(self._pending)}>"

    @property
    def unknown_bytes(self) -> int:
        """How many bytes were forwarded untouched because they could not be understood."""
        return self._opacity.unknown_bytes

    @property
    def opaque(self) -> str | None:
        """Why nothing is read any more; None while everything is."""
        return self._opacity.reason

    def from_processor(self, data: bytes) -> list[Segment]:
        """Takes bytes that the processor sent; returns what to forward to the server, in order."""
        out = Outbox()
        for piece in self._requests.feed(data):
            match piece:
                case Value():
                    self._request(piece, out)
                case Part(more):
                    out.forward(more)
                case Unread(more):
                    self._turn("a command that is none")
                    self._opacity.forward(more, Direction.REQUEST, self._count, out)
        return out.segments()

    def from_server(self, data: bytes) -> list[Segment]:
        """Takes bytes that the server sent; returns what to forward to the processor, in order."""
        out = Outbox()
        for piece in self._replies.feed(data):
            match piece:
                case Value():
                    self._reply(piece, out)
                case Part(more):
                    out.forward(more)
                case Unread(more):
                    self._turn("an answer that is none")
                    self._opacity.forward(more, Direction.REPLY, self._count, out)
        return out.segments()

    def ended(self, direction: Direction) -> list[Segment]:
        """Takes the end of what one side sends; returns what was held of it, told as far as it can be."""
        out = Outbox()
        if direction is Direction.REQUEST:
            out.forward(self._requests.drain())
        elif held := self._replies.drain():
            pending = self._pending.popleft() if self._pending else None
            told = pending is not None and pending.told and pending.boundary
            fields: dict[str, JSON] = {"outcome": Outcome.UNKNOWN.value, "partial": True}
            out.forward(held, _message(Direction.REPLY, pending, fields) if pending and told else None)
        return out.segments()

    def _turn(self, reason: str) -> None:
        self._opacity.turn(reason)
        self._requests.lose()
        self._replies.lose()
        self._pending.clear()
        self._queue = None

    # ---- requests

    def _request(self, value: Value, out: Outbox) -> None:
        if not value.leaves or not value.leaves[0]:
            out.forward(value.data)  # an empty line or array is no command, and is not answered
            return
        pending = _Pending(self._count, read(value.leaves))
        self._count += 1
        identities = self._identify(value.leaves) if self._identify else ()
        fields = self._take(pending, identities)
        answered = self._is_answered(pending.command, value.leaves)
        if answered:
            self._pending.append(pending)
        if fields is None:
            out.forward(value.data)
        else:
            pending.told = True
            if value.size > MAX_LEAVES and pending.command.name != "EXEC":
                fields["arguments"] = value.size - 1
            if not value.whole:
                fields["partial"] = True
            if not answered:
                fields["outcome"] = Outcome.UNKNOWN.value
            out.forward(value.data, _message(Direction.REQUEST, pending, fields, expects_reply=answered))
        if pending.command.name in _LISTENING:
            self._turn(f"the connection listens ({pending.command.name})")
        elif pending.command.name == "CLIENT REPLY" and self._queue is not None:
            self._turn("CLIENT REPLY inside of a transaction")  # it counts once EXEC is answered, or never
        elif len(self._pending) > MAX_PENDING_COMMANDS:
            self._turn("too many commands without an answer")

    def _take(self, pending: _Pending, identities: Sequence[str | None]) -> dict[str, JSON] | None:
        """Takes a command into the connection's state; returns the fields to tell, or None."""
        command, queue = pending.command, self._queue
        match command.name:
            case "MULTI":
                if queue is None:
                    self._queue = pending.queue = _Queue()
                return None
            case "EXEC" | "DISCARD" | "RESET":
                watched, self._watching, self._queue = self._watching, False, None
                if queue is None or command.name == "RESET":
                    return None
                pending.queue = queue
                if command.name == "DISCARD":
                    return queue.fields()
                pending.command = Command("EXEC", queue.effect, tuple(queue.keys))
                pending.boundary = queue.effect is not Effect.READS
                fields = _told(pending.command, queue.identities) | queue.fields()
                return fields | ({"watched": True} if watched else {})
            case "WATCH":
                self._watching = True
            case "UNWATCH":
                self._watching = False
        if queue is not None:
            queue.take(command, identities)
            pending.queue = queue
            return None
        pending.boundary = command.effect is not Effect.READS
        return _told(command, identities) if pending.boundary else None

    def _is_answered(self, command: Command, arguments: tuple[bytes, ...]) -> bool:
        """Says whether the server will answer; CLIENT REPLY counts from its own answer on."""
        if command.name == "RESET":
            self._silent = self._skips = False
        elif command.name == "CLIENT REPLY" and len(arguments) == 3 and self._queue is None:
            match arguments[2].upper():
                case b"ON":
                    self._silent = self._skips = False
                case b"OFF":
                    self._silent = True
                case b"SKIP" if not self._silent:
                    self._skips = True
                    return False
        answered = not (self._silent or self._skips)
        self._skips = False
        return answered

    # ---- answers

    def _hold_reply(self, kind: int) -> int:
        pending = self._pending[0] if self._pending else None
        return MAX_HELD_REPLY_BYTES if pending and pending.told and kind != _PUSH else 0

    def _reply(self, value: Value, out: Outbox) -> None:
        if value.kind == _PUSH:
            out.forward(value.data)
            return
        if not self._pending:
            self._turn("an answer that nothing asked for")
            self._opacity.forward(value.data, Direction.REPLY, self._count, out)
            return
        pending = self._pending.popleft()
        if not pending.told:
            out.forward(value.data, self._untold(pending, value))
            return
        fields = answer_fields(pending.command, value)
        if pending.boundary:
            fields["outcome"] = outcome_of(pending.command, value).value
            if not value.whole:
                fields["partial"] = True
        out.forward(value.data, _message(Direction.REPLY, pending, fields))

    def _untold(self, pending: _Pending, value: Value) -> Message | None:
        """Corrects what was foreseen of a transaction that the server refused to begin."""
        queue, command = pending.queue, pending.command
        if queue is None or value.line == _QUEUED:
            return None
        if command.name == "MULTI":
            if value.kind == _ERROR:
                queue.open = False
                if self._queue is queue:
                    self._queue = None
            return None
        if queue.open or command.effect is Effect.READS:
            return None
        pending.boundary = True  # it ran by itself: the answer is the first that is told of it
        fields: dict[str, JSON] = _told(command) | answer_fields(command, value)
        fields["outcome"] = outcome_of(command, value).value
        return _message(Direction.REPLY, pending, fields)


def _told(command: Command, identities: Sequence[str | None] = ()) -> dict[str, JSON]:
    fields: dict[str, JSON] = {"keys": [shown(key) for key in command.keys], "effect": command.effect.value}
    if identities:
        kept = [None if text is None else shown(text.encode(errors="replace")) for text in identities[:MAX_IDENTITIES]]
        fields["identities"] = [*kept, *([None] * (len(identities) > MAX_IDENTITIES))]
    return fields


def _message(
    direction: Direction, pending: _Pending, fields: dict[str, JSON], *, expects_reply: bool = True
) -> Message:
    return Message(
        system=SYSTEM,
        kind=pending.command.name,
        direction=direction,
        sequence=pending.number,
        boundary=pending.boundary,
        fields=fields,
        expects_reply=expects_reply,
    )
