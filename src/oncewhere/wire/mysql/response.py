"""How a server answers one command: its packets go in, in order; how far the answer is and what it says come out."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from oncewhere.wire.message import JSON
from oncewhere.wire.mysql.packets import HEAD_BYTES, LARGEST, encoded, number
from oncewhere.wire.sql.outcome import error_class

IN_TRANSACTION: Final = 1 << 0
AUTOCOMMIT: Final = 1 << 1
MORE_RESULTS: Final = 1 << 3
CURSOR_EXISTS: Final = 1 << 6
NO_BACKSLASH_ESCAPES: Final = 1 << 9

_OK: Final = 0x00
_FILE: Final = 0xFB
_END: Final = 0xFE
_ERROR: Final = 0xFF
_PROGRESS: Final = 0xFFFF  # MariaDB's reports of progress look like errors
_EOF_BYTES: Final = 5


class Form(Enum):
    """Which packets answer a command."""

    SINGLE = auto()  # one, whatever it is
    LOGIN = auto()  # any number, until one says OK or an error
    RESULTS = auto()  # OK, rows or a request for a file; several of them where the status says so
    ROWS = auto()  # rows only: of a cursor, or definitions of fields
    PREPARED = auto()  # OK with numbers of definitions, then these


class State(Enum):
    """What comes next."""

    FIRST = auto()
    DEFINITIONS = auto()
    END_OF_DEFINITIONS = auto()
    ROWS = auto()
    FILE = auto()  # the client sends a file before anything else comes
    DONE = auto()
    BROKEN = auto()


class Response:
    """The answer to one command, while it comes.

    Args:
        form: which packets answer the command.
        short: True where CLIENT_DEPRECATE_EOF was agreed on, which leaves out the packets that end definitions.

    Attributes:
        state: what comes next.
        results: how many results are complete.
        status: the status flags that came last, or None.
        error: what is worth logging of the error that ended it; its text may quote values.
        affected: rows that were changed, of all results.
        prepared: the number of the statement that was prepared, or None.
    """

    def __init__(self, form: Form, *, short: bool) -> None:
        self.state = State.ROWS if form is Form.ROWS else State.FIRST
        self.results = 0
        self.status: int | None = None
        self.error: dict[str, JSON] | None = None
        self.affected = 0
        self.prepared: int | None = None
        self._form = form
        self._short = short
        self._blocks: list[int] = []  # numbers of definitions that are still to come

    def take(self, packet: bytes, size: int) -> State:
        """Takes a packet, or its front; returns what comes next.

        Args:
            packet: with its head, at least its first `MAX_READ_BYTES`.
            size: of the whole packet, in bytes.
        """
        first = packet[HEAD_BYTES] if len(packet) > HEAD_BYTES else -1
        if first == _ERROR and self.state is not State.DEFINITIONS:
            self._take_error(packet)
        else:
            match self.state:
                case State.FIRST:
                    self._take_first(first, packet, size)
                case State.DEFINITIONS:
                    self._blocks[0] -= 1
                    self._end_block()
                case State.END_OF_DEFINITIONS:
                    self._take_end_of_definitions(first, packet, size)
                case State.ROWS:
                    if first == _END and size < LARGEST:
                        self._take_end_of_rows(packet, size)
                case _:
                    self.state = State.BROKEN
        return self.state

    def _take_error(self, packet: bytes) -> None:
        code = number(packet, HEAD_BYTES + 1, 2)
        if code == _PROGRESS:
            return
        self.error = {"errno": code}
        if packet[HEAD_BYTES + 3 : HEAD_BYTES + 4] == b"#":
            state = packet[HEAD_BYTES + 4 : HEAD_BYTES + 9].decode(errors="replace")
            self.error |= {"sqlstate": state, "error": error_class(state)}
        self.state = State.DONE

    def _take_first(self, first: int, packet: bytes, size: int) -> None:
        match self._form:
            case Form.SINGLE:
                if first == _OK:
                    self._take_ok(packet)
                elif first == _END:
                    self._take_status(packet, size)
                self.state = State.DONE
            case Form.LOGIN:
                if first == _OK:
                    self._take_ok(packet)
                    self.state = State.DONE
            case Form.PREPARED if first == _OK:
                self.prepared = number(packet, HEAD_BYTES + 1, 4)
                counts = number(packet, HEAD_BYTES + 7, 2), number(packet, HEAD_BYTES + 5, 2)
                self._begin_blocks([count for count in counts if count])
            case Form.RESULTS if first == _OK:
                self._take_ok(packet)
                self._end_result()
            case Form.RESULTS if first == _FILE:
                self.state = State.FILE
            case Form.RESULTS if first >= 0:
                columns, _ = encoded(packet, HEAD_BYTES)
                self._begin_blocks([columns] if columns else [])
            case _:
                self.state = State.BROKEN

    def file_sent(self) -> None:
        """The client has sent the file that was asked for."""
        self.state = State.FIRST

    def _begin_blocks(self, blocks: list[int]) -> None:
        self._blocks = blocks
        self.state = State.DEFINITIONS if blocks else State.DONE

    def _end_block(self) -> None:
        if not self._blocks[0]:
            self._blocks.pop(0)
            self.state = State.END_OF_DEFINITIONS
            if self._short:
                self._after_definitions()

    def _take_end_of_definitions(self, first: int, packet: bytes, size: int) -> None:
        if first != _END or size - HEAD_BYTES != _EOF_BYTES:
            self.state = State.BROKEN
            return
        self._take_status(packet, size)
        if self._form is Form.RESULTS and (self.status or 0) & CURSOR_EXISTS:
            self._end_result()  # its rows are fetched later
        else:
            self._after_definitions()

    def _after_definitions(self) -> None:
        if self._blocks:
            self.state = State.DEFINITIONS
        else:
            self.state = State.DONE if self._form is Form.PREPARED else State.ROWS

    def _take_end_of_rows(self, packet: bytes, size: int) -> None:
        if size - HEAD_BYTES <= _EOF_BYTES:
            self._take_status(packet, size)
        elif self._short:
            self._take_ok(packet)
        else:
            return  # a row whose first value is longer than 16 MB
        self._end_result()

    def _end_result(self) -> None:
        self.results += 1
        more = self._form is Form.RESULTS and (self.status or 0) & MORE_RESULTS
        self.state = State.FIRST if more else State.DONE

    def _take_ok(self, packet: bytes) -> None:
        affected, at = encoded(packet, HEAD_BYTES + 1)
        _, at = encoded(packet, at)
        self.affected += affected
        self.status = number(packet, at, 2)

    def _take_status(self, packet: bytes, size: int) -> None:
        if size - HEAD_BYTES == _EOF_BYTES:
            self.status = number(packet, HEAD_BYTES + 3, 2)


def skip_rows(buffer: bytes, at: int) -> int:
    """Returns the place behind all whole packets that can only be rows; rows may come by the million."""
    end = len(buffer)
    while end - at > HEAD_BYTES:
        size = int.from_bytes(buffer[at : at + 3], "little")
        if not 0 < size <= end - at - HEAD_BYTES or size == LARGEST or buffer[at + HEAD_BYTES] >= _END:
            break
        at += size + HEAD_BYTES
    return at
