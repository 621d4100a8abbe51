"""What a PostgreSQL server's messages say: tags and errors go in, what is worth logging and the outcome come out.

Of an error only its code and the names in it are kept: message, detail and hint may quote the row's values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from oncewhere.wire.message import JSON
from oncewhere.wire.postgres.framing import HEAD_BYTES
from oncewhere.wire.sql.outcome import Outcome, error_class
from oncewhere.wire.sql.statement import Control, Statement

_ERROR_FIELDS: Final = {"C": "sqlstate", "V": "severity", "s": "schema", "t": "table", "n": "constraint"}
_COMMITTING_TAGS: Final = frozenset({"COMMIT", "COMMIT PREPARED", "PREPARE TRANSACTION"})


def tag_of(frame: bytes) -> str:
    """Takes a CommandComplete; returns its tag: `INSERT 0 3`."""
    return frame[HEAD_BYTES:].split(b"\0", 1)[0].decode(errors="replace")


def error_fields(frame: bytes) -> dict[str, JSON]:
    """Takes an ErrorResponse; returns its SQLSTATE, what class of error that is, and the names in it."""
    fields: dict[str, JSON] = {}
    for part in frame[HEAD_BYTES:].split(b"\0"):
        text = part.decode(errors="replace")
        if text and (name := _ERROR_FIELDS.get(text[0])):
            fields.setdefault(name, text[1:])
    state = fields.get("sqlstate")
    if isinstance(state, str):
        fields["error"] = error_class(state)
    return fields


def outcome_of(statements: Sequence[Statement], tags: Sequence[str], *, failed: bool, status: str | None) -> Outcome:
    """Says how a writing unit ended.

    Args:
        statements: what it was to run.
        tags: the tags of what did run.
        failed: True when an error ended it.
        status: the status of its ReadyForQuery, or None where the server was gone before.
    """
    if any(tag in _COMMITTING_TAGS for tag in tags):
        return Outcome.COMMITTED  # whatever failed behind it
    if status is None:
        return Outcome.UNKNOWN
    if failed or status == "E":
        return Outcome.FAILED
    if "ROLLBACK" in tags and any(statement.control is Control.COMMIT for statement in statements):
        return Outcome.ROLLED_BACK  # COMMIT of a failed transaction
    return Outcome.OPEN if status == "T" else Outcome.COMMITTED
