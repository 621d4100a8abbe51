"""One PostgreSQL connection: its bytes go in, segments come out; every unit of work comes with a message.

A *unit* is what the server answers with one ReadyForQuery: a simple Query, or the extended messages up to a Sync. The
bytes of an extended unit are held back until its Sync, so that a crash before it is a crash before all of it. Flush
releases what is held (the driver waits for an answer), and so does `MAX_HELD_BYTES`; the unit is then told in parts.

The reply to a unit that writes is held as well until its ReadyForQuery: a processor that is killed *replied* must not
have seen that its COMMIT succeeded, not even by half.

COPY … FROM STDIN takes two units: one asks, and is answered by CopyInResponse; the other is the end of the rows. The
rows themselves pass as they come. The Sync that an extended COPY sends along is void, as the server ignores it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from oncewhere.wire.frames import Frames, Front, Rest, Unframed
from oncewhere.wire.message import JSON, Direction, Outbox, Segment
from oncewhere.wire.opacity import Opacity
from oncewhere.wire.postgres import framing
from oncewhere.wire.postgres.replies import error_fields, tag_of
from oncewhere.wire.postgres.requests import Prepared, startup_fields
from oncewhere.wire.postgres.unit import Unit
from oncewhere.wire.sql.statements import Control, Effect, Statement
from oncewhere.wire.sql.transaction import Meaning, Transaction, strongest

SYSTEM: Final = "postgresql"

MAX_PENDING_UNITS: Final = 100_000
"""Units without a reply that are remembered; a stream with more of them is not understood."""

_CANCEL: Final = 80877102
_ENCRYPT: Final = frozenset({80877103, 80877104})  # SSLRequest, GSSENCRequest
_REFUSED: Final = b"N"
_PROTOCOL_3: Final = 3
_NO_MESSAGE: Final = "bytes that are no message of PostgreSQL's, such as those of TLS"
_FUNCTION_CALL: Final = Statement("FUNCTION CALL", Effect.WRITES)


class PostgresLink:
    """The state of one connection between a PostgreSQL client and its server.

    Message kinds of a unit: `commit` when it makes writes durable, be it by COMMIT or by the end of a unit without a
    transaction block; `write` when it writes inside an open one; `begin`, `rollback`, and `query` for the rest.
    `commit` and `write` are boundaries. What a SELECT does inside the functions that it calls cannot be seen: one that
    calls a function outside PostgreSQL's common own ones counts as a write with `effect: maybe`; a COMMIT after nothing
    but plain SELECTs is a `query`. Connections open with `startup` or `cancel`.
    """

    def __init__(self) -> None:
        self._requests = Frames(framing.STARTUP_HEAD_BYTES, framing.measure_startup, framing.collect_startup)
        self._replies = Frames(framing.HEAD_BYTES, framing.measure, framing.collect_reply, framing.skip_replies)
        self._prepared = Prepared()
        self._transaction = Transaction()
        self._pending: deque[Unit] = deque()
        self._unit = Unit(0)
        self._part: list[Statement] = []
        self._part_is_partial = False
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._copying: Unit | None = None
        self._reply_held: list[bytes] = []
        self._reply_held_bytes = 0
        self._unread_bytes = 0
        self._opacity = Opacity(SYSTEM)
        self._started = False

    def __repr__(self) -> str:
        state = f"opaque: {self._opacity.reason}" if self._opacity.reason else "framed"
        return f"<PostgresLink {state} units={self._unit.number} pending={len(self._pending)} {self._transaction}>"

    @property
    def unknown_bytes(self) -> int:
        """How many bytes were forwarded untouched because they could not be understood."""
        return self._unread_bytes + self._opacity.unknown_bytes

    @property
    def opaque(self) -> str | None:
        """Why nothing is read any more; None while everything is."""
        return self._opacity.reason

    def from_processor(self, data: bytes) -> list[Segment]:
        """Takes bytes that the processor sent; returns what to forward to the server, in order."""
        out = Outbox()
        for piece in self._requests.feed(data):
            match piece:
                case Front() if self._started:
                    self._request(piece, out)
                case Front():
                    self._startup(piece, out)
                case Rest(more):
                    out.forward(more)
                case Unframed(more):
                    self._lose(_NO_MESSAGE, out)
                    self._opacity.forward(more, Direction.REQUEST, self._unit.number, out)
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
                    self._opacity.turn(_NO_MESSAGE)
                    self._requests.lose()
                    self._pending.clear()
                    out.forward(self._take_reply())
                    self._opacity.forward(more, Direction.REPLY, self._unit.number, out)
        if not (self._pending and self._pending[0].hold_reply):
            out.forward(self._take_reply())
        return out.segments()

    def ended(self, direction: Direction) -> list[Segment]:
        """Takes the end of what one side sends; returns what was held of it, told as far as it can be."""
        out = Outbox()
        if direction is Direction.REQUEST:
            self._release(out)
            out.forward(self._requests.drain())
        else:
            unit = self._pending.popleft() if self._pending else None
            told = unit is not None and unit.meaning.boundary and bool(self._reply_held)
            out.forward(self._take_reply(), unit.reply(None) if unit and told else None)
            out.forward(self._replies.drain())
        return out.segments()

    # ---- the processor's side

    def _startup(self, front: Front, out: Outbox) -> None:
        code = int.from_bytes(front.data[4:8], "big")
        if code in _ENCRYPT:
            out.answer(_REFUSED)
            return
        unit = self._unit
        fields: dict[str, JSON] = {}
        if code == _CANCEL:
            unit.kind = "cancel"  # its secret key is nobody's business; the server never answers
        elif code >> 16 == _PROTOCOL_3:
            unit.kind = "startup"
            fields = startup_fields(front.data)
            self._pending.append(unit)
        else:
            self._lose("a start-up packet of another protocol", out)
            self._opacity.forward(front.data, Direction.REQUEST, unit.number, out)
            return
        unit.sent = unit.complete = True
        out.forward(front.data, unit.opened(fields))
        self._started = True
        self._requests.head_bytes = framing.HEAD_BYTES
        self._requests.measure = framing.measure
        self._requests.collect = framing.collect_request
        self._unit = Unit(unit.number + 1)

    def _request(self, front: Front, out: Outbox) -> None:
        kind = front.data[:1]
        if front.data[0] not in framing.REQUEST_TYPES:
            self._unread_bytes += front.size
        if front.data[0] not in framing.REQUEST_TYPES - framing.PASSING_REQUEST_TYPES:
            self._release(out)  # whoever sends something else first does not wait for a Sync
            out.forward(front.data)
            return
        self._hold(front, out)
        match kind:
            case b"Q":
                self._unit.simple = True
                self._part += self._prepared.query(front.data)
                self._complete(out)
            case b"F":
                self._part.append(_FUNCTION_CALL)
                self._complete(out)
            case b"S":
                self._complete(out)
            case b"H":
                self._release(out)
            case b"c" | b"f":
                self._end_copy(out, succeeds=kind == b"c")
            case _:
                self._part += self._prepared.take(front.data)
                if not front.whole:
                    self._release(out)

    def _hold(self, front: Front, out: Outbox) -> None:
        if self._held_bytes + front.size > framing.MAX_HELD_BYTES:
            self._part_is_partial = bool(self._held)
            self._release(out)
        self._held.append(front.data)
        self._held_bytes += front.size
        self._part_is_partial = self._part_is_partial or not front.whole

    def _end_copy(self, out: Outbox, *, succeeds: bool) -> None:
        copying, self._copying = self._copying, None
        if copying is None:  # of a copy that was not seen to begin (CopyBoth): nobody may have to wait for a Sync
            self._release(out)
            return
        self._unit.copy_ended = True
        targets = copying.statements[-1].targets
        if succeeds:
            self._part.append(Statement("COPY DONE", Effect.WRITES, targets=targets))
        else:  # an error: without a block nothing is left of the rows, and a block can only be rolled back
            failed = Statement("COPY FAIL", control=Control.ROLLBACK, targets=targets, chain=self._transaction.open)
            self._part.append(failed)
        if copying.simple:
            self._unit.simple = True
            self._complete(out)

    def _complete(self, out: Outbox) -> None:
        """Ends the unit: its last part is forwarded, and one ReadyForQuery will answer it."""
        self._unit.complete = True
        self._release(out)
        self._unit = Unit(self._unit.number + 1)

    def _release(self, out: Outbox) -> None:
        """Forwards what is held, told as one message where it runs something."""
        if not self._held:
            return
        unit, part, partial = self._unit, self._part, self._part_is_partial
        data = b"".join(self._held)
        self._held, self._held_bytes, self._part, self._part_is_partial = [], 0, [], False
        meaning, effect = self._foresee(unit, part)
        unit.parts += 1
        unit.meaning = max(unit.meaning, meaning)
        unit.hold_reply = unit.complete and unit.parts == 1 and unit.meaning.boundary
        if not unit.sent:
            unit.sent = True
            self._pending.append(unit)
        told = unit.complete or bool(part)
        out.forward(data, unit.request(part, meaning, effect, partial=partial) if told else None)
        if len(self._pending) > MAX_PENDING_UNITS:
            self._lose("too many units of work without an answer", out)

    def _foresee(self, unit: Unit, part: list[Statement]) -> tuple[Meaning, Effect]:
        meanings = [Meaning.QUERY]
        effects = [Effect.READS]
        for statement in part:
            settled = self._transaction.effect if statement.control is not Control.NONE else Effect.READS
            effects += settled, statement.effect
            meanings.append(self._transaction.run(statement))
        unit.statements += part
        unit.copies_in = unit.copies_in or any(statement.copies_in for statement in part)
        if unit.waits_for_rows:
            self._copying = unit
        elif unit.complete:
            effects.append(self._transaction.effect if not self._transaction.open else Effect.READS)
            meanings.append(self._transaction.end_unit())
        unit.open_after = self._transaction.open
        return max(meanings), strongest(*effects)

    def _lose(self, reason: str, out: Outbox) -> None:
        """Gives up reading both directions; what was held is forwarded first."""
        self._opacity.turn(reason)
        self._opacity.forward(b"".join(self._held), Direction.REQUEST, self._unit.number, out)
        self._held, self._held_bytes, self._part = [], 0, []
        self._pending.clear()
        self._requests.lose()
        self._replies.lose()

    # ---- the server's side

    def _reply(self, front: Front, out: Outbox) -> None:
        kind = front.data[:1]
        if front.data[0] not in framing.REPLY_TYPES:
            self._unread_bytes += front.size
        if self._pending:
            unit = self._pending[0]
            if kind == b"Z" and front.whole and front.size > framing.HEAD_BYTES:
                self._ready(unit, front.data, out)
                return
            if kind == b"G" and front.whole and unit.complete and not unit.copy_ended:
                self._pending.popleft()
                out.forward(self._take_reply() + front.data, unit.wants_rows())
                return
            if kind == b"C":
                unit.ran(tag_of(front.data))
            elif kind == b"E":
                unit.error = error_fields(front.data)
        self._pass_reply(front.data)

    def _pass_reply(self, data: bytes) -> None:
        """Takes what a ReadyForQuery may follow; where it is not held, it leaves with the end of this chunk."""
        self._reply_held.append(data)
        self._reply_held_bytes += len(data)
        if self._reply_held_bytes > framing.MAX_HELD_REPLY_BYTES and self._pending and self._pending[0].hold_reply:
            self._pending[0].hold_reply = False
            self._pending[0].parts += 1  # told as partial

    def _take_reply(self) -> bytes:
        data = b"".join(self._reply_held)
        self._reply_held, self._reply_held_bytes = [], 0
        return data

    def _ready(self, unit: Unit, data: bytes, out: Outbox) -> None:
        """ReadyForQuery: the unit has run; what was foreseen of the transaction is corrected."""
        self._pending.popleft()
        if unit.waits_for_rows:  # it was refused; the server ignores the rows' end, if that was sent already
            while self._pending and self._pending[0].copy_ended and self._pending[0].simple:
                self._pending.popleft()
            self._copying = None if self._copying is unit else self._copying
        status = chr(data[framing.HEAD_BYTES])
        self._correct(unit, is_open=status != "I")
        out.forward(self._take_reply() + data, unit.reply(status))

    def _correct(self, unit: Unit, *, is_open: bool) -> None:
        if is_open == unit.open_after:
            return
        self._transaction = Transaction(open=is_open)
        for later in self._pending:
            for statement in later.statements:
                self._transaction.run(statement)
            if later.complete and not later.waits_for_rows:
                self._transaction.end_unit()
            later.open_after = self._transaction.open
