"""What a MySQL client's commands say: packets go in, the statements that they run and the form of answers come out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from oncewhere.wire.mysql.packets import HEAD_BYTES, number, text_at
from oncewhere.wire.mysql.response import Form
from oncewhere.wire.opacity import shown
from oncewhere.wire.sql.classify import Dialect, classify
from oncewhere.wire.sql.statement import UNKNOWN, Control, Effect, Statement

MAX_PREPARED: Final = 10_000
"""Prepared statements that are remembered of one connection; the oldest are forgotten first."""

_LAST_PREPARED: Final = 0xFFFFFFFF  # MariaDB: the statement that was prepared last, whose number is not known yet
_EMPTY: Final = Statement("EMPTY")

_QUIT, _INIT_DB, _QUERY, _FIELD_LIST, _CREATE_DB, _DROP_DB = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
_CHANGE_USER, _PREPARE, _EXECUTE, _LONG_DATA, _CLOSE = 0x11, 0x16, 0x17, 0x18, 0x19
_FETCH, _RESET_CONNECTION, _BULK_EXECUTE = 0x1C, 0x1F, 0xFA

_FORMS: Final[dict[int, Form | None]] = {
    _QUIT: None,
    _INIT_DB: Form.SINGLE,
    _QUERY: Form.RESULTS,
    _FIELD_LIST: Form.ROWS,
    _CREATE_DB: Form.SINGLE,
    _DROP_DB: Form.SINGLE,
    0x07: Form.SINGLE,  # COM_REFRESH
    0x08: Form.SINGLE,  # COM_SHUTDOWN
    0x09: Form.SINGLE,  # COM_STATISTICS
    0x0A: Form.RESULTS,  # COM_PROCESS_INFO
    0x0C: Form.SINGLE,  # COM_PROCESS_KILL
    0x0D: Form.SINGLE,  # COM_DEBUG
    0x0E: Form.SINGLE,  # COM_PING
    _CHANGE_USER: Form.LOGIN,
    _PREPARE: Form.PREPARED,
    _EXECUTE: Form.RESULTS,
    _LONG_DATA: None,
    _CLOSE: None,
    0x1A: Form.SINGLE,  # COM_STMT_RESET
    0x1B: Form.SINGLE,  # COM_SET_OPTION
    _FETCH: Form.ROWS,
    _RESET_CONNECTION: Form.SINGLE,
    _BULK_EXECUTE: Form.RESULTS,
}
"""The form of each command's answer; replication and what else is not here cannot be followed."""


_OLD_DEFINITIONS: Final = {
    _CREATE_DB: Statement("CREATE", Effect.WRITES, Control.COMMIT),
    _DROP_DB: Statement("DROP", Effect.WRITES, Control.COMMIT),
}


@dataclass(frozen=True, slots=True)
class Command:
    """What a packet asks for.

    Attributes:
        form: of the answer; None where there is none.
        statements: what it runs, or None where it runs no SQL.
        prepares: the statement that it prepares, or None.
        user: of a command that begins another session, or None.
    """

    form: Form | None
    statements: tuple[Statement, ...] | None = None
    prepares: Statement | None = None
    user: str | None = None


class Commands:
    """Reads commands; remembers prepared statements by number."""

    def __init__(self) -> None:
        self._prepared: dict[int, Statement] = {}
        self._last = UNKNOWN

    def read(self, packet: bytes, dialect: Dialect) -> Command | None:
        """Takes a command's packet, or its front; returns None where the answer to it could not be followed."""
        code = packet[HEAD_BYTES] if len(packet) > HEAD_BYTES else -1
        if code not in _FORMS:
            return None
        form = _FORMS[code]
        statements: tuple[Statement, ...] | None = None
        prepares = None
        if code == _QUERY:
            statements = classify(_text(packet), dialect)
        elif code == _PREPARE:
            self._last = prepares = next(iter(classify(_text(packet), dialect)), _EMPTY)
        elif code in {_EXECUTE, _BULK_EXECUTE}:
            at = number(packet, HEAD_BYTES + 1, 4)
            statements = (self._last if at == _LAST_PREPARED else self._prepared.get(at, UNKNOWN),)
        elif code == _CLOSE:
            self._prepared.pop(number(packet, HEAD_BYTES + 1, 4), None)
        elif code in _OLD_DEFINITIONS:
            statements = (_OLD_DEFINITIONS[code],)
        elif code in {_RESET_CONNECTION, _CHANGE_USER}:
            self.forget()
            statements = (Statement("RESET CONNECTION", control=Control.ROLLBACK),)
        user = shown(text_at(packet, HEAD_BYTES + 1)[0].encode()) if code == _CHANGE_USER else None
        return Command(form, statements, prepares, user)

    def prepared(self, at: int, statement: Statement) -> None:
        """The server has given a prepared statement its number."""
        self._prepared.pop(at, None)
        self._prepared[at] = statement
        if len(self._prepared) > MAX_PREPARED:
            del self._prepared[next(iter(self._prepared))]

    def forget(self) -> None:
        """Another session begins."""
        self._prepared.clear()
        self._last = UNKNOWN


def _text(packet: bytes) -> str:
    return packet[HEAD_BYTES + 1 :].decode(errors="replace")
