"""One MySQL or MariaDB connection: its bytes go in, segments come out; each command that runs SQL is told.

A *unit* is one command and the whole answer to it: a query with one or several statements, or the execution of a
prepared one. It is held until it is complete; above `MAX_HELD_BYTES` it passes in parts and is told with its last
piece, before which the server runs nothing. The answer to a unit that writes is held until its end: a processor that
is killed *replied* must not have seen that its COMMIT succeeded, not even by half.

LOAD DATA LOCAL takes two units, as COPY does in PostgreSQL: one asks, and is answered by a request for the file; the
other is the file's end. The file itself passes as it comes.

The server's greeting is not as it came: see `handshake`.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from oncewhere.wire.frames import Frames, Front, Rest, Unframed
from oncewhere.wire.message import Direction, Outbox, Segment
from oncewhere.wire.mysql import packets
from oncewhere.wire.mysql.commands import Commands
from oncewhere.wire.mysql.dialect import MYSQL, MYSQL_WITHOUT_ESCAPES
from oncewhere.wire.mysql.handshake import DEPRECATE_EOF, greeting, login
from oncewhere.wire.mysql.packets import HEAD_BYTES, LARGEST
from oncewhere.wire.mysql.response import (
    AUTOCOMMIT,
    IN_TRANSACTION,
    NO_BACKSLASH_ESCAPES,
    Form,
    Response,
    State,
    skip_rows,
)
from oncewhere.wire.mysql.unit import SYSTEM, Unit
from oncewhere.wire.opacity import Opacity
from oncewhere.wire.sql.statement import Effect, Statement
from oncewhere.wire.sql.transaction import Transaction

MAX_PENDING_UNITS: Final = 100_000
"""Commands without an answer that are remembered; a stream with more of them is not understood."""

_DEADLOCK: Final = 1213  # the one error that rolls back the whole transaction
_ERROR: Final = 0xFF


class MysqlLink:
    """The state of one connection between a MySQL or MariaDB client and its server, from protocol 4.1 on.

    Message kinds of a unit are those of PostgreSQL's link: `commit` when it makes writes durable, be it by COMMIT, by
    a definition that commits, or by itself where autocommit is on; `write` when it writes inside of a transaction;
    `begin`, `rollback`, and `query` for the rest. `commit` and `write` are boundaries. Logins are told as `startup`.
    Commands that run no SQL are not told.
    """

    def __init__(self) -> None:
        self._requests = Frames(HEAD_BYTES, self._measure_request, packets.collect_request)
        self._replies = Frames(HEAD_BYTES, self._measure_reply, packets.collect_reply, self._skip_replies)
        self._opacity = Opacity(SYSTEM)
        self._commands = Commands()
        self._transaction = Transaction()
        self._open = False  # as the server said last
        self._dialect = MYSQL
        self._short = False
        self._greeted = False
        self._count = 0
        self._pending: deque[Unit] = deque()
        # The client's side: the command that is coming, what is held of it, what its packet lacks.
        self._unit: Unit | None = None
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._lacking = 0
        self._goes_on = False
        self._copying: Unit | None = None
        # The server's side.
        self._reply_goes_on = False
        self._reply_held: list[bytes] = []
        self._reply_held_bytes = 0

    def __repr__(self) -> str:
        state = f"opaque: {self._opacity.reason}" if self._opacity.reason else "framed"
        return f"<MysqlLink {state} units={self._count} pending={len(self._pending)} {self._transaction}>"

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
        if not self._greeted and not self._opacity.reason:
            self._turn("the client speaks first")
        for piece in self._requests.feed(data):
            match piece:
                case Front():
                    self._packet(piece, out)
                case Rest(more):
                    self._lacking -= len(more)
                    self._more(more, out)
                case Unframed(more):
                    self._turn("packets that are none")
                    self._opacity.forward(self._take_held() + more, Direction.REQUEST, self._count, out)
        return out.segments()

    def from_server(self, data: bytes) -> list[Segment]:
        """Takes bytes that the server sent; returns what to forward to the processor, in order."""
        out = Outbox()
        for piece in self._replies.feed(data):
            match piece:
                case Front():
                    self._reply(piece, out)
                case Rest(more):
                    self._pass_reply(more)
                case Unframed(more):
                    self._turn("packets that are none")
                    self._opacity.forward(self._take_reply() + more, Direction.REPLY, self._count, out)
        if not (self._pending and self._pending[0].hold_reply):
            out.forward(self._take_reply())
        return out.segments()

    def ended(self, direction: Direction) -> list[Segment]:
        """Takes the end of what one side sends; returns what was held of it, told as far as it can be."""
        out = Outbox()
        if direction is Direction.REQUEST:
            out.forward(self._take_held() + self._requests.drain())
        else:
            held = self._take_reply() + self._replies.drain()
            unit = self._pending.popleft() if self._pending else None
            told = unit is not None and unit.meaning.boundary
            if held:
                out.forward(held, unit.reply(complete=False) if unit and told else None)
        return out.segments()

    def _turn(self, reason: str) -> None:
        self._opacity.turn(reason)
        self._requests.lose()
        self._replies.lose()
        self._pending.clear()
        self._unit = self._copying = None

    # ---- the processor's side

    @property
    def _logging_in(self) -> bool:
        return bool(self._pending) and self._pending[-1].form is Form.LOGIN

    def _measure_request(self, head: bytes) -> int | None:
        """A command's packet has the number 0, the login's has 1: so nobody waits for the rest of what is neither."""
        size = packets.measure(head)
        if self._goes_on or self._copying is not None or self._logging_in:
            return size
        if not self._count:
            return size if head[3] == 1 and size <= packets.MAX_READ_BYTES else None
        return size if head[3] == 0 else None

    def _packet(self, front: Front, out: Outbox) -> None:
        continues, self._goes_on = self._goes_on, front.size - HEAD_BYTES == LARGEST
        self._lacking = front.size - len(front.data)
        if self._copying is not None:
            self._file(front, out, ended=front.size == HEAD_BYTES and not continues)
        elif continues:
            self._more(front.data, out)
        elif not self._count:
            self._login(front, out)
        elif self._logging_in:
            out.forward(front.data)  # a password, or a challenge that is answered
        else:
            self._command(front, out)

    def _more(self, data: bytes, out: Outbox) -> None:
        """Takes more of a command, a file or a login."""
        unit = self._unit
        if unit is None:
            out.forward(data)
            return
        self._held.append(data)
        self._held_bytes += len(data)
        if not self._lacking and not self._goes_on:
            self._complete(unit, out)
        elif self._held_bytes > packets.MAX_HELD_BYTES or unit.partial:
            unit.partial = True
            out.forward(self._take_held())

    def _refuse(self, reason: str, data: bytes, out: Outbox) -> None:
        self._turn(reason)
        self._opacity.forward(data, Direction.REQUEST, self._count, out)

    def _login(self, front: Front, out: Outbox) -> None:
        given = login(front.data) if front.whole else None
        if given is None:
            self._refuse("encryption, compression or an old protocol", front.data, out)
            return
        self._short = bool(given.capabilities & DEPRECATE_EOF)
        unit = self._new(Form.LOGIN)
        unit.kind, unit.told, unit.login = "startup", True, given.fields
        self._pending.append(unit)
        out.forward(front.data, unit.request())

    def _command(self, front: Front, out: Outbox) -> None:
        command = self._commands.read(front.data, self._dialect)
        if command is None:
            self._refuse("a command that cannot be followed", front.data, out)
            return
        unit = self._unit = self._new(command.form)
        unit.prepares = command.prepares
        if command.statements is not None:
            unit.statements, unit.told = command.statements, True
        if command.user is not None:
            unit.kind, unit.told, unit.login = "startup", True, {"user": command.user}
        unit.partial = not front.whole
        self._more(front.data, out)

    def _new(self, form: Form | None) -> Unit:
        unit = Unit(self._count, Response(form or Form.SINGLE, short=self._short), form)
        self._count += 1
        return unit

    def _complete(self, unit: Unit, out: Outbox) -> None:
        """The command is complete: what is held of it is forwarded and told."""
        self._unit = None
        unit.foresee(self._transaction)
        if unit.form is not None:
            unit.hold_reply = unit.meaning.boundary
            self._pending.append(unit)
        out.forward(self._take_held(), unit.request() if unit.told else None)
        if len(self._pending) > MAX_PENDING_UNITS:
            self._turn("too many commands without an answer")

    def _file(self, front: Front, out: Outbox, *, ended: bool) -> None:
        """A file that was asked for; an empty packet ends it."""
        asked = self._copying
        if not ended or asked is None:
            out.forward(front.data)
            return
        self._copying = None
        unit = Unit(self._count, asked.response, Form.RESULTS, told=True, results_before=asked.response.results)
        self._count += 1
        at = asked.response.results
        loaded = asked.statements[at : at + 1] or asked.statements[-1:]
        targets = loaded[0].targets if loaded else ()
        unit.statements = (Statement("LOAD END", Effect.WRITES, targets=targets), *asked.statements[at + 1 :])
        unit.response.file_sent()
        self._held.append(front.data)
        self._complete(unit, out)

    def _take_held(self) -> bytes:
        data = b"".join(self._held)
        self._held, self._held_bytes = [], 0
        return data

    # ---- the server's side

    def _measure_reply(self, head: bytes) -> int | None:
        size = packets.measure(head)
        return size if self._greeted or (head[3] == 0 and size <= packets.MAX_GREETING_BYTES) else None

    def _skip_replies(self, buffer: bytes, at: int) -> int:
        if self._reply_goes_on or not self._pending or self._pending[0].response.state is not State.ROWS:
            return at
        return skip_rows(buffer, at)

    def _reply(self, front: Front, out: Outbox) -> None:
        continues, self._reply_goes_on = self._reply_goes_on, front.size - HEAD_BYTES == LARGEST
        if continues:
            self._pass_reply(front.data)
        elif not self._greeted:
            self._greet(front, out)
        elif not self._pending:
            if front.data[HEAD_BYTES : HEAD_BYTES + 1] == bytes([_ERROR]):
                out.forward(front.data)  # a server that ends an idle connection says why
            else:
                self._lose("an answer that nothing asked for", front.data, out)
        else:
            self._answer(self._pending[0], front, out)

    def _greet(self, front: Front, out: Outbox) -> None:
        self._greeted = True
        given = greeting(front.data) if front.whole else None
        if given is None:
            self._lose("no greeting of protocol 4.1", front.data, out)
            return
        out.forward(given.data)
        self._transaction.autocommit = bool(given.status & AUTOCOMMIT)

    def _lose(self, reason: str, data: bytes, out: Outbox) -> None:
        held = self._take_reply()
        self._turn(reason)
        self._opacity.forward(held + data, Direction.REPLY, self._count, out)

    def _answer(self, unit: Unit, front: Front, out: Outbox) -> None:
        match unit.response.take(front.data, front.size):
            case State.BROKEN:
                self._lose("an answer that is not understood", front.data, out)
            case State.FILE:
                self._pending.popleft()
                self._copying = unit
                out.forward(self._take_reply() + front.data, unit.wants_file() if unit.meaning.boundary else None)
            case State.DONE:
                self._pending.popleft()
                if unit.prepares is not None and unit.response.prepared is not None:
                    self._commands.prepared(unit.response.prepared, unit.prepares)
                self._correct(unit)
                out.forward(self._take_reply() + front.data, unit.reply() if unit.told else None)
            case _:
                self._pass_reply(front.data)

    def _pass_reply(self, data: bytes) -> None:
        """Takes what the end of an answer may follow; where it is not held, it leaves with the end of this chunk."""
        self._reply_held.append(data)
        self._reply_held_bytes += len(data)
        if self._reply_held_bytes > packets.MAX_HELD_REPLY_BYTES and self._pending and self._pending[0].hold_reply:
            self._pending[0].hold_reply = False
            self._pending[0].partial = True

    def _take_reply(self) -> bytes:
        data = b"".join(self._reply_held)
        self._reply_held, self._reply_held_bytes = [], 0
        return data

    def _correct(self, unit: Unit) -> None:
        """Corrects what was foreseen of the transaction by the status that the answer told."""
        status, error = unit.response.status, unit.response.error
        autocommit = self._transaction.autocommit
        is_open = self._open
        if status is not None:
            autocommit = bool(status & AUTOCOMMIT)
            is_open = bool(status & IN_TRANSACTION) or not autocommit
            self._dialect = MYSQL_WITHOUT_ESCAPES if status & NO_BACKSLASH_ESCAPES else MYSQL
        elif error is not None and error["errno"] == _DEADLOCK:
            is_open = not autocommit
        self._open = is_open
        if is_open == unit.open_after and autocommit == self._transaction.autocommit:
            if not is_open and not self._pending:
                self._transaction.effect = Effect.READS
            return
        unsettled = unit.effect if is_open and unit.meaning.boundary else Effect.READS
        self._transaction = Transaction(open=is_open, autocommit=autocommit, effect=unsettled)
        for later in self._pending:
            later.foresee(self._transaction)
