"""What a MySQL client's commands ask for: a command goes in; its statements, and the shape of its answer, come out.

Source: MySQL Internals, "Command Phase"; MariaDB knowledge base, "3 - Text Protocol" and "3 - Binary Protocol".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from oncewhere.wire.mysql.answers import Shape
from oncewhere.wire.mysql.dialect import DIALECT
from oncewhere.wire.sql.statements import UNKNOWN, Control, Effect, Statement, classify

MAX_PREPARED: Final = 10_000
"""Prepared statements that are remembered of one connection; the oldest are forgotten first."""

_LAST_PREPARED: Final = 0xFFFFFFFF
"""MariaDB: the statement whose PREPARE was sent last, so that no answer has to be waited for."""


class Code(IntEnum):
    """A command's first byte."""

    QUIT = 0x01
    INIT_DB = 0x02
    QUERY = 0x03
    FIELD_LIST = 0x04
    CREATE_DB = 0x05
    DROP_DB = 0x06
    REFRESH = 0x07
    SHUTDOWN = 0x08
    STATISTICS = 0x09
    PROCESS_INFO = 0x0A
    PROCESS_KILL = 0x0C
    DEBUG = 0x0D
    PING = 0x0E
    CHANGE_USER = 0x11
    STMT_PREPARE = 0x16
    STMT_EXECUTE = 0x17
    STMT_SEND_LONG_DATA = 0x18
    STMT_CLOSE = 0x19
    STMT_RESET = 0x1A
    SET_OPTION = 0x1B
    STMT_FETCH = 0x1C
    RESET_CONNECTION = 0x1F
    STMT_BULK_EXECUTE = 0xFA


UNANSWERED: Final = frozenset({Code.QUIT, Code.STMT_SEND_LONG_DATA, Code.STMT_CLOSE})

_SHAPES: Final = {
    Code.QUERY: Shape.RESULTS,
    Code.STMT_EXECUTE: Shape.RESULTS,
    Code.STMT_BULK_EXECUTE: Shape.RESULTS,
    Code.PROCESS_INFO: Shape.RESULTS,
    Code.STMT_PREPARE: Shape.PREPARED,
    Code.STMT_FETCH: Shape.ROWS,
    Code.FIELD_LIST: Shape.ROWS,
    Code.STATISTICS: Shape.TEXT,
    Code.CHANGE_USER: Shape.LOGIN,
}
"""All others are answered by one packet."""

_STATEMENTS: Final = {
    Code.CREATE_DB: Statement("CREATE", Effect.WRITES, Control.COMMIT),
    Code.DROP_DB: Statement("DROP", Effect.WRITES, Control.COMMIT),
    Code.RESET_CONNECTION: Statement("RESET CONNECTION", control=Control.ROLLBACK),
    Code.CHANGE_USER: Statement("CHANGE USER", control=Control.ROLLBACK),
}


@dataclass(frozen=True, slots=True)
class Command:
    """What one command asks for.

    Attributes:
        code: its first byte.
        shape: of its answer; None where it has none.
        statements: what it runs, in order.
        prepares: what it prepares.
    """

    code: int
    shape: Shape | None
    statements: Sequence[Statement] = ()
    prepares: Statement | None = None


class Prepared:
    """The prepared statements of one connection, by the number that the server gave them."""

    def __init__(self) -> None:
        self._known: dict[int, Statement] = {}
        self._last = UNKNOWN

    def read(self, payload: bytes) -> Command | None:
        """Takes a command's payload, perhaps cut; returns what it asks for, or None where it is not understood."""
        try:
            code = Code(payload[0])
        except (ValueError, IndexError):
            return None
        shape = None if code in UNANSWERED else _SHAPES.get(code, Shape.ONE)
        match code:
            case Code.QUERY:
                return Command(code, shape, classify(_text(payload), DIALECT))
            case Code.STMT_PREPARE:
                self._last = next(iter(classify(_text(payload), DIALECT)), UNKNOWN)
                return Command(code, shape, prepares=self._last)
            case Code.STMT_EXECUTE | Code.STMT_BULK_EXECUTE:
                return Command(code, shape, (self._found(_number(payload)),))
            case Code.STMT_CLOSE:
                self._known.pop(_number(payload), None)
            case Code.RESET_CONNECTION | Code.CHANGE_USER:
                self._known.clear()
        return Command(code, shape, (_STATEMENTS[code],) if code in _STATEMENTS else ())

    def remember(self, number: int, statement: Statement) -> None:
        """Takes the number under which the server has prepared a statement."""
        self._known.pop(number, None)
        self._known[number] = statement
        if len(self._known) > MAX_PREPARED:
            del self._known[next(iter(self._known))]

    def _found(self, number: int) -> Statement:
        return self._last if number == _LAST_PREPARED else self._known.get(number, UNKNOWN)


def _text(payload: bytes) -> str:
    return payload[1:].decode(errors="replace")


def _number(payload: bytes) -> int:
    return int.from_bytes(payload[1:5], "little")
