"""One MySQL or MariaDB connection: its bytes go in, segments come out; commands that run SQL come with a message.

A command is held until it is complete; above `MAX_HELD_BYTES` it passes in parts, and is told with its last piece,
since the server runs nothing before that. The answer to a command that writes is held until it is complete: a processor
that is killed *replied* must not have seen that its COMMIT succeeded, not even by half.

The one thing that is changed is the server's greeting, which loses what could not be read afterwards (`handshake`).

LOAD DATA LOCAL takes two units: one asks, and is answered by the server's wish for the file; the other is the end of
its content, which passes as it comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from oncewhere.wire.frames import Frames, Front, Rest, Unframed
from oncewhere.wire.message import Direction, Outbox, Segment
from oncewhere.wire.mysql import framing, handshake
from oncewhere.wire.mysql.answers import Answer, Shape
from oncewhere.wire.mysql.commands import Code, Command, Prepared
from oncewhere.wire.mysql.unit import SYSTEM, Unit
from oncewhere.wire.opacity import Opacity
from oncewhere.wire.sql.statements import Effect, Statement
from oncewhere.wire.sql.transaction import Transaction

MAX_PENDING_UNITS: Final = 100_000
"""Commands without an answer that are remembered; a stream with more of them is not understood."""

STARTUP: Final = "startup"


class _Phase(StrEnum):
    """What the client's packets are."""

    GREETING = "nothing yet: the server speaks first"
    LOGIN = "the login"
    AUTHENTICATION = "answers to the server's questions"
    COMMANDS = "commands"
    FILE = "a local file's content"


class MysqlLink:
    """The state of one connection between a MySQL client and its server.

    Message kinds are those of PostgreSQL's link: `commit` when a command makes writes durable, be it by COMMIT, by
    autocommit or by a statement that commits implicitly; `write` when it writes inside an open transaction; `begin`,
    `rollback`, and `query` for the rest. `commit` and `write` are boundaries. Commands that run no SQL are not told.
    Connections open with `startup`.

    What the server does not offer (`handshake`) and a client uses all the same, and replication, turn the link opaque.
    """

    def __init__(self) -> None:
        self._requests = Frames(framing.HEAD_BYTES, framing.measure, self._collect_request)
        self._replies = Frames(framing.HEAD_BYTES, framing.measure, self._collect_reply, self._skip_reply)
        self._opacity = Opacity(SYSTEM)
        self._phase = _Phase.GREETING
        self._prepared = Prepared()
        self._transaction = Transaction(begin_commits=True)
        self._pending: deque[Unit] = deque()
        self._count = 0
        self._payload = b""  # the front of the command that is being collected
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._parts = False
        self._request_left = 0
        self._request_continues = False
        self._begun = False  # a command has begun and is not complete
        self._loading: Statement | None = None
        self._reply_left = 0
        self._reply_continues = False
        self._reply_held: list[bytes] = []
        self._reply_held_bytes = 0

    def __repr__(self) -> str:
        state = f"opaque: {self._opacity.reason}" if self._opacity.reason else self._phase.name.lower()
        return f"<MysqlLink {state} commands={self._count} pending={len(self._pending)} {self._transaction}>"

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
        if self._phase is _Phase.GREETING and data:
            self._turn("the client speaks first")
        for piece in self._requests.feed(data):
            match piece:
                case Front():
                    self._request_left = piece.size - len(piece.data)
                    self._request(piece, out)
                case Rest(more):
                    self._request_left -= len(more)
                    self._request_rest(more, out)
                case Unframed(more):
                    self._opacity.forward(more, Direction.REQUEST, self._count, out)
        return out.segments()

    def from_server(self, data: bytes) -> list[Segment]:
        """Takes bytes that the server sent; returns what to forward to the processor, in order."""
        out = Outbox()
        for piece in self._replies.feed(data):
            match piece:
                case Front():
                    self._reply_left = piece.size - len(piece.data)
                    self._reply(piece, out)
                case Rest(more):
                    self._reply_left = max(self._reply_left - len(more), 0)
                    self._pass_reply(more)
                case Unframed(more):
                    out.forward(self._take_reply())
                    self._opacity.forward(more, Direction.REPLY, self._count, out)
        if not (self._pending and self._pending[0].hold_reply):
            out.forward(self._take_reply())
        return out.segments()

    def ended(self, direction: Direction) -> list[Segment]:
        """Takes the end of what one side sends; returns what was held of it, told as far as it can be."""
        out = Outbox()
        if direction is Direction.REQUEST:
            out.forward(self._take_held() + self._requests.drain())
        else:
            unit = self._pending.popleft() if self._pending else None
            told = unit is not None and unit.meaning.boundary and bool(self._reply_held)
            out.forward(self._take_reply(), unit.reply(complete=False) if unit and told else None)
            out.forward(self._replies.drain())
        return out.segments()

    def _turn(self, reason: str) -> None:
        self._opacity.turn(reason)
        self._requests.lose()
        self._replies.lose()
        self._pending.clear()

    # ---- the processor's side

    def _collect_request(self, _: bytes, size: int) -> int:
        if self._phase is _Phase.FILE:
            return framing.HEAD_BYTES
        return size if size <= framing.MAX_HELD_BYTES else framing.MAX_READ_BYTES

    def _request(self, front: Front, out: Outbox) -> None:
        match self._phase:
            case _Phase.GREETING:  # cannot be: the link is opaque
                out.forward(front.data)
            case _Phase.LOGIN:
                self._login(front, out)
            case _Phase.AUTHENTICATION:
                out.forward(front.data)
            case _Phase.FILE:
                self._file(front, out)
            case _Phase.COMMANDS:
                if not self._begun:
                    self._begun, self._parts = True, False
                    self._payload = front.data[framing.HEAD_BYTES :]
                self._request_continues = front.size - framing.HEAD_BYTES == framing.FULL_PAYLOAD_BYTES
                self._hold(front.data, out)

    def _request_rest(self, data: bytes, out: Outbox) -> None:
        if self._begun:
            self._hold(data, out)
        else:
            out.forward(data)

    def _hold(self, data: bytes, out: Outbox) -> None:
        """Holds a piece of a command, and ends the command with its last one."""
        if self._held_bytes + len(data) > framing.MAX_HELD_BYTES and self._held:
            out.forward(self._take_held())
            self._parts = True
        self._held.append(data)
        self._held_bytes += len(data)
        if not self._request_left and not self._request_continues:
            self._begun = False
            self._command(out)

    def _take_held(self) -> bytes:
        data = b"".join(self._held)
        self._held, self._held_bytes = [], 0
        return data

    def _login(self, front: Front, out: Outbox) -> None:
        if not front.whole or not handshake.can_be_read(front.data):
            self._turn("a login that asks for what was not offered")
            self._opacity.forward(front.data, Direction.REQUEST, self._count, out)
            return
        unit = self._next_unit(Shape.LOGIN)
        unit.kind, unit.told = STARTUP, True
        unit.fields = handshake.login_fields(front.data)
        self._phase = _Phase.AUTHENTICATION
        out.forward(front.data, unit.request())

    def _file(self, front: Front, out: Outbox) -> None:
        """Passes a local file's content; an empty packet ends it, and the server answers."""
        if front.size > framing.HEAD_BYTES:
            out.forward(front.data)
            return
        self._phase = _Phase.COMMANDS
        loading, self._loading = self._loading, None
        targets = loading.targets if loading else ()
        done = Statement("LOAD DONE", Effect.WRITES, targets=targets)
        self._run(self._next_unit(Shape.RESULTS, (done,)), front.data, out)

    def _command(self, out: Outbox) -> None:
        command = self._prepared.read(self._payload)
        data, self._payload = self._take_held(), b""
        if command is None:
            self._turn("a command that is not understood, or replication")
            self._opacity.forward(data, Direction.REQUEST, self._count, out)
        elif command.shape is None:
            self._count += 1
            out.forward(data)
        else:
            self._ask(command, command.shape, data, out)

    def _ask(self, command: Command, shape: Shape, data: bytes, out: Outbox) -> None:
        unit = self._next_unit(shape, command.statements)
        unit.prepares = command.prepares
        unit.partial = self._parts
        if command.code == Code.CHANGE_USER:
            self._phase = _Phase.AUTHENTICATION
        if command.statements:
            self._run(unit, data, out)
        else:
            out.forward(data)
        if len(self._pending) > MAX_PENDING_UNITS:
            self._turn("too many commands without an answer")

    def _next_unit(self, shape: Shape, statements: Sequence[Statement] = ()) -> Unit:
        unit = Unit(self._count, Answer(shape), self._transaction, statements)
        self._count += 1
        self._pending.append(unit)
        return unit

    def _run(self, unit: Unit, data: bytes, out: Outbox) -> None:
        """Forwards a command that runs SQL, told, with what it means to the transaction as it is foreseen."""
        copies = bool(unit.statements) and unit.statements[-1].copies_in
        self._transaction = unit.run()
        unit.told = True
        unit.hold_reply = unit.meaning.boundary and not copies
        out.forward(data, unit.request())

    # ---- the server's side

    def _collect_reply(self, _: bytes, size: int) -> int:
        opening = self._phase in {_Phase.GREETING, _Phase.LOGIN, _Phase.AUTHENTICATION}
        return min(size, framing.MAX_READ_BYTES if opening else framing.FRONT_BYTES)

    def _skip_reply(self, buffer: bytes, at: int) -> int:
        in_rows = self._pending and self._pending[0].answer.in_rows and not self._reply_continues
        return framing.skip_rows(buffer, at) if in_rows else at

    def _reply(self, front: Front, out: Outbox) -> None:
        continues = self._reply_continues
        self._reply_continues = front.size - framing.HEAD_BYTES == framing.FULL_PAYLOAD_BYTES
        if self._phase is _Phase.GREETING:
            self._greet(front, out)
        elif not self._pending:
            if front.data[framing.HEAD_BYTES : framing.HEAD_BYTES + 1] == bytes([framing.ERROR]):
                self._pass_reply(front.data)  # the server says why it ends the connection
            else:
                self._turn("an answer that nothing asked for")
                self._opacity.forward(self._take_reply() + front.data, Direction.REPLY, self._count, out)
        elif continues or not self._pending[0].answer.take(front.data[framing.HEAD_BYTES :], front.size):
            self._pass_reply(front.data)
        else:
            self._answered(self._pending.popleft(), front.data, out)

    def _greet(self, front: Front, out: Outbox) -> None:
        greeting = handshake.restrained(front.data) if front.whole else None
        if greeting is not None:
            self._phase = _Phase.LOGIN
            out.forward(greeting)
        elif front.data[framing.HEAD_BYTES : framing.HEAD_BYTES + 1] == bytes([framing.ERROR]):
            out.forward(front.data)  # too many connections, a host that is not allowed
        else:
            self._turn("a greeting that is not understood")
            self._opacity.forward(front.data, Direction.REPLY, self._count, out)

    def _answered(self, unit: Unit, data: bytes, out: Outbox) -> None:
        answer = unit.answer
        if unit.prepares is not None and answer.prepared is not None:
            self._prepared.remember(answer.prepared, unit.prepares)
        if answer.shape is Shape.LOGIN:
            self._phase = _Phase.COMMANDS
        if answer.wants_file:
            self._phase, self._loading = _Phase.FILE, unit.statements[-1] if unit.statements else None
        self._settle(unit)
        out.forward(self._take_reply() + data, unit.reply(complete=True) if unit.told else None)

    def _settle(self, unit: Unit) -> None:
        """Corrects what was foreseen of the transaction, for the commands that were sent since."""
        foreseen = self._pending[0].before if self._pending else self._transaction
        found = unit.after()
        if found == foreseen:
            return
        for later in self._pending:
            later.before = found
            kind, effect = later.meaning, later.effect
            found = later.run()
            later.meaning, later.effect = kind, effect  # as they were told
        self._transaction = found

    def _pass_reply(self, data: bytes) -> None:
        """Takes what more may follow; where it is not held, it leaves with the end of this chunk."""
        self._reply_held.append(data)
        self._reply_held_bytes += len(data)
        unit = self._pending[0] if self._pending else None
        if unit and unit.hold_reply and self._reply_held_bytes > framing.MAX_HELD_REPLY_BYTES:
            unit.hold_reply, unit.partial = False, True

    def _take_reply(self) -> bytes:
        data = b"".join(self._reply_held)
        self._reply_held, self._reply_held_bytes = [], 0
        return data
