"""What a PostgreSQL client's messages say: frames go in, statements and start-up fields come out."""

from __future__ import annotations

from typing import Final

from oncewhere.wire.message import JSON
from oncewhere.wire.postgres.dialect import DIALECT
from oncewhere.wire.postgres.framing import HEAD_BYTES, STARTUP_HEAD_BYTES
from oncewhere.wire.sql.statements import UNKNOWN, Statement, classify

MAX_PREPARED: Final = 10_000
"""Prepared statements and portals that are remembered of one connection; the oldest are forgotten first."""

_STARTUP_FIELDS: Final = frozenset({"user", "database", "application_name"})
_EMPTY: Final = Statement("EMPTY")


class Prepared:
    """The prepared statements and portals of one connection, by name; the empty name is the unnamed one."""

    def __init__(self) -> None:
        self._statements: dict[str, Statement] = {}
        self._portals: dict[str, Statement] = {}

    def take(self, frame: bytes) -> list[Statement]:
        """Takes a Parse, Bind, Execute, Close or Describe; returns the statement that it runs, if it runs one."""
        match frame[:1]:
            case b"P":
                name, query = _texts(frame, HEAD_BYTES, 2)
                _remember(self._statements, name, next(iter(classify(query, DIALECT)), _EMPTY))
            case b"B":
                portal, name = _texts(frame, HEAD_BYTES, 2)
                _remember(self._portals, portal, self._statements.get(name, UNKNOWN))
            case b"E":
                (portal,) = _texts(frame, HEAD_BYTES, 1)
                return [self._resolved(self._portals.get(portal, UNKNOWN))]
            case b"C":
                (name,) = _texts(frame, HEAD_BYTES + 1, 1)
                known = self._statements if frame[HEAD_BYTES : HEAD_BYTES + 1] == b"S" else self._portals
                known.pop(name, None)
            case _:
                pass
        return []

    def query(self, frame: bytes) -> list[Statement]:
        """Takes a simple Query; returns its statements."""
        (text,) = _texts(frame, HEAD_BYTES, 1)
        return [self._resolved(statement) for statement in classify(text, DIALECT)]

    def _resolved(self, statement: Statement) -> Statement:
        """SQL's own PREPARE and EXECUTE share their names with Parse and Bind."""
        if statement.name is None:
            return statement
        if statement.body is not None:
            _remember(self._statements, statement.name, statement.body)
            return statement
        return self._statements.get(statement.name, statement)


def startup_fields(frame: bytes) -> dict[str, JSON]:
    """Takes a StartupMessage; returns who connects to what. Nothing else of it is kept."""
    parts = [part.decode(errors="replace") for part in frame[STARTUP_HEAD_BYTES:].split(b"\0")]
    given = dict(zip(parts[::2], parts[1::2], strict=False))
    return {name: given[name] for name in sorted(_STARTUP_FIELDS & given.keys())}


def _remember(known: dict[str, Statement], name: str, statement: Statement) -> None:
    known.pop(name, None)
    known[name] = statement
    if len(known) > MAX_PREPARED:
        del known[next(iter(known))]


def _texts(frame: bytes, at: int, count: int) -> list[str]:
    """Reads zero-terminated texts; missing ones are empty, the last one may be cut."""
    parts = frame[at:].split(b"\0", count)[:count]
    return [part.decode(errors="replace") for part in parts] + [""] * (count - len(parts))
