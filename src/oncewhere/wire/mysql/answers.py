"""Follows a MySQL server's answer to one command: packets go in one by one; its end, and what it said, come out.

A *result* is an OK, or columns and rows; an answer has several where a text held several statements, or a procedure
returned several. The status that each result ends with says whether a transaction is open.

Source: MySQL Internals, "Text Resultset", "COM_STMT_PREPARE response", "OK_Packet", "ERR_Packet", "EOF_Packet".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from oncewhere.wire.message import JSON
from oncewhere.wire.mysql.framing import ERROR, LOCAL_INFILE, OK, is_eof, lenenc

IN_TRANSACTION: Final = 0x0001
AUTOCOMMIT: Final = 0x0002
MORE_RESULTS: Final = 0x0008
CURSOR_EXISTS: Final = 0x0040

DEADLOCK: Final = 1213
"""The error with which InnoDB has rolled back the whole transaction, and not only the statement."""
_PROGRESS: Final = 0xFFFF
"""MariaDB's progress report looks like an error and is none."""


class Shape(StrEnum):
    """How an answer is built."""

    ONE = "one packet"
    TEXT = "one packet without a status"
    RESULTS = "results"
    PREPARED = "a prepared statement and its columns"
    ROWS = "packets up to an EOF"
    LOGIN = "an exchange that ends with OK or an error"


class _State(StrEnum):
    FIRST = "first"
    COLUMNS = "columns"
    ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error packet: its number and SQLSTATE; its text may quote values and is not kept."""

    number: int
    sqlstate: str

    def fields(self) -> dict[str, JSON]:
        """Returns what is worth logging."""
        return {"errno": self.number, "sqlstate": self.sqlstate}


@dataclass(slots=True)
class Answer:
    """What is known of the answer to one command.

    Attributes:
        shape: how it is built.
        results: how many results are complete.
        status: of the last result; None as long as there is none.
        error: what ended it, if an error did.
        wants_file: True where the server asks for a local file's content instead of answering.
        prepared: the number of the statement that was prepared.
    """

    shape: Shape
    results: int = 0
    status: int | None = None
    error: Refusal | None = None
    wants_file: bool = False
    prepared: int | None = None
    _state: _State = _State.FIRST
    _left: int = 0

    @property
    def in_rows(self) -> bool:
        """True where rows may come next."""
        return self._state is _State.ROWS

    def take(self, payload: bytes, size: int) -> bool:
        """Takes the front of a packet's payload and the packet's size in bytes; returns whether the answer is complete.

        A packet that continues another is not to be given.
        """
        first = payload[0] if payload else OK
        if first == ERROR and self._state is not _State.COLUMNS:
            return self._fail(payload)
        match self._state, self.shape:
            case _State.COLUMNS, _:
                return self._column(payload)
            case (_State.ROWS, _) | (_, Shape.ROWS):
                return self._row(payload, size)
            case _, Shape.TEXT:
                return True
            case _, Shape.PREPARED:
                return self._prepare(payload)
            case _, Shape.RESULTS:
                return self._result(payload, first)
            case _, Shape.LOGIN:
                return first == OK and self._end(_status_of_ok(payload))
            case _:
                self._end(_status_of_eof(payload) if is_eof(payload, size) else _status_of_ok(payload))
                return True

    def _fail(self, payload: bytes) -> bool:
        number = int.from_bytes(payload[1:3], "little")
        if number == _PROGRESS:
            return False
        marked = payload[3:4] == b"#"
        self.error = Refusal(number, payload[4:9].decode(errors="replace") if marked else "HY000")
        return True

    def _result(self, payload: bytes, first: int) -> bool:
        if first == OK:
            return self._end(_status_of_ok(payload))
        if first == LOCAL_INFILE:
            self.wants_file = True
            return True
        self._left = lenenc(payload, 0)[0] + 1  # each column, and an EOF
        self._state = _State.COLUMNS
        return False

    def _column(self, payload: bytes) -> bool:
        self._left -= 1
        if self._left:
            return False
        if self.shape is Shape.PREPARED:
            return True
        status = _status_of_eof(payload)
        if status & CURSOR_EXISTS:  # rows come when they are fetched
            return self._end(status)
        self._state = _State.ROWS
        return False

    def _row(self, payload: bytes, size: int) -> bool:
        return is_eof(payload, size) and self._end(_status_of_eof(payload))

    def _prepare(self, payload: bytes) -> bool:
        self.prepared = int.from_bytes(payload[1:5], "little")
        columns, parameters = (int.from_bytes(payload[at : at + 2], "little") for at in (5, 7))
        self._left = sum(count + 1 for count in (columns, parameters) if count)
        self._state = _State.COLUMNS if self._left else _State.FIRST
        return not self._left

    def _end(self, status: int) -> bool:
        self.results += 1
        self.status = status
        self._state = _State.FIRST
        return not (self.shape is Shape.RESULTS and status & MORE_RESULTS)


def _status_of_ok(payload: bytes) -> int:
    _, at = lenenc(payload, 1)  # rows
    _, at = lenenc(payload, at)  # the last number that was generated
    return int.from_bytes(payload[at : at + 2], "little")


def _status_of_eof(payload: bytes) -> int:
    return int.from_bytes(payload[3:5], "little")
