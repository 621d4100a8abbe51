"""One PostgreSQL connection: its bytes go in, segments come out; every unit of work comes with a message.

A *unit* is what the server answers with one ReadyForQuery: a simple Query, or the extended messages up to a Sync. The
bytes of an extended unit are held back until its Sync, so that a crash before it is a crash before all of it. Flush
releases what is held (the driver waits for an answer), and so does `MAX_HELD_BYTES`; the unit is then told in parts.

The reply to a unit that writes is held as well until its ReadyForQuery: a processor that is killed *replied* must not
have seen that its COMMIT succeeded, not even by half.

COPY … FROM STDIN takes two units: one asks, and is answered by CopyInResponse; the other is the end of the rows, and
asks for those of the next COPY where one Query holds several. The rows themselves pass as they come. The Sync that an
extended COPY sends along is void, as the server ignores it. So is the rows' end where the COPY failed before it: a
simple one has ended with its ReadyForQuery, an extended one ends with the Sync that follows.
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
_UNSEEN_COPY: Final = Statement("COPY", Effect.WRITES, copies_in=True)


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
        # The end of a copy that failed, or that was not seen to begin (CopyBoth), is void.
        void = kind in {b"c", b"f"} and self._copying is None
        if void or front.data[0] not in framing.REQUEST_TYPES - framing.PASSING_REQUEST_TYPES:
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
                if self._copying and self._copying.error:  # nobody sends the rows' end of a COPY that failed
                    self._end_copy(self._copying, succeeds=False)
                self._complete(out)
            case b"H":
                self._release(out)
            case b"c" | b"f":
                if self._copying:
                    simple = self._copying.simple
                    self._end_copy(self._copying, succeeds=kind == b"c")
                    if simple:
                        self._unit.simple = True
                        self._complete(out)
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

    def _end_copy(self, copying: Unit, *, succeeds: bool) -> None:
        """Takes the end of the rows that a unit asked for; a Query may hold a COPY whose rows come next."""
        self._copying = None
        ended, *others = copying.copies
        self._unit.copy_ended = True
        self._unit.copies = others if succeeds else ()
        self._unit.error = self._unit.error or copying.error
        if succeeds:
            self._part.append(Statement("COPY DONE", Effect.WRITES, targets=ended.targets))
        else:  # an error: without a block nothing is left of the rows, and a block can only be rolled back
            chain, targets = self._transaction.open, ended.targets
            self._part.append(Statement("COPY FAIL", control=Control.ROLLBACK, targets=targets, chain=chain))

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
        unit.unsettled = strongest(unit.unsettled, self._transaction.effect, *(statement.effect for statement in part))
        for statement in part:
            settled = self._transaction.effect if statement.control is not Control.NONE else Effect.READS
            effects += settled, statement.effect
            meanings.append(self._transaction.run(statement))
        unit.statements += part
        unit.copies = [*unit.copies, *(statement for statement in part if statement.copies_in)]
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
                self._ready(self._pending.popleft(), front.data, out)
                return
            if kind == b"G" and front.whole and unit.complete and (unit.waits_for_rows or self._is_unseen_copy(unit)):
                self._pending.popleft()
                out.forward(self._take_reply() + front.data, unit.wants_rows())
                return
            if kind == b"C":
                unit.ran(tag_of(front.data))
            elif kind == b"E":
                unit.error = error_fields(front.data)
            elif kind in {b"G", b"W"}:
                self._hold_no_more(unit)  # the server waits for the client
        elif copying := self._copying or (self._unit if self._unit.copy_ended else None):
            if kind == b"E":  # while the rows are sent
                copying.error = error_fields(front.data)
            elif kind == b"Z" and copying.simple and front.whole and front.size > framing.HEAD_BYTES:
                self._ready(copying, front.data, out)
                return
        self._pass_reply(front.data)

    def _is_unseen_copy(self, unit: Unit) -> bool:
        """Takes a unit that asks for rows, though its text did not tell; False where something was sent since."""
        if len(self._pending) > 1 or self._held or self._copying:
            return False
        unit.copies = (_UNSEEN_COPY,)
        self._copying = unit
        return True

    def _pass_reply(self, data: bytes) -> None:
        """Takes what a ReadyForQuery may follow; where it is not held, it leaves with the end of this chunk."""
        self._reply_held.append(data)
        self._reply_held_bytes += len(data)
        if self._reply_held_bytes > framing.MAX_HELD_REPLY_BYTES and self._pending:
            self._hold_no_more(self._pending[0])

    def _hold_no_more(self, unit: Unit) -> None:
        if unit.hold_reply:
            unit.hold_reply = False
            unit.parts += 1  # told as partial

    def _take_reply(self) -> bytes:
        data = b"".join(self._reply_held)
        self._reply_held, self._reply_held_bytes = [], 0
        return data

    def _ready(self, unit: Unit, data: bytes, out: Outbox) -> None:
        """ReadyForQuery: the unit has run; what was foreseen of the transaction is corrected."""
        status = chr(data[framing.HEAD_BYTES])
        if unit.waits_for_rows:
            self._copy_no_more(unit)
        self._correct(unit, is_open=status != "I")
        out.forward(self._take_reply() + data, unit.reply(status))

    def _copy_no_more(self, unit: Unit) -> None:
        """A COPY was refused, or failed before its rows ended; the server ignores their end, if that was sent already.

        Behind an extended one a Sync follows, whose unit tells the error: nothing in it has run.
        """
        unit.copies = ()
        refused = [unit]
        while self._pending and self._pending[0].copy_ended and self._pending[0].simple:
            refused.append(self._pending.popleft())
        if any(self._copying is one for one in refused):
            self._copying = None
        end = self._pending[0] if self._pending else self._unit
        if end.copy_ended and not end.simple:
            end.error = unit.error
        if not self._pending:
            self._transaction.end_unit()

    def _correct(self, unit: Unit, *, is_open: bool) -> None:
        if is_open == unit.open_after:
            return
        self._transaction = Transaction(open=is_open, effect=unit.unsettled if is_open else Effect.READS)
        for later in self._pending:
            later.unsettled = strongest(self._transaction.effect, *(statement.effect for statement in later.statements))
            for statement in later.statements:
                self._transaction.run(statement)
            if later.complete and not later.waits_for_rows:
                self._transaction.end_unit()
            later.open_after = self._transaction.open
