"""What a PostgreSQL server's messages say: tags and errors go in, what is worth logging and the outcome come out.

Of an error only its code and the names in it are kept: message, detail and hint may quote the row's values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from oncewhere.wire.message import JSON
from oncewhere.wire.postgres.framing import HEAD_BYTES
from oncewhere.wire.sql.outcome import Outcome
from oncewhere.wire.sql.statements import UNKNOWN, Control, Statement

_ERROR_FIELDS: Final = {"C": "sqlstate", "V": "severity", "s": "schema", "t": "table", "n": "constraint"}
_CLASSES: Final = {
    "08": "connection exception",
    "0A": "feature not supported",
    "21": "cardinality violation",
    "22": "data exception",
    "23": "integrity constraint violation",
    "25": "invalid transaction state",
    "26": "invalid SQL statement name",
    "28": "invalid authorization specification",
    "34": "invalid cursor name",
    "3D": "invalid catalog name",
    "40": "transaction rollback",
    "42": "syntax error or access rule violation",
    "53": "insufficient resources",
    "54": "program limit exceeded",
    "55": "object not in prerequisite state",
    "57": "operator intervention",
    "58": "system error",
    "P0": "PL/pgSQL error",
    "XX": "internal error",
}  # PostgreSQL documentation, appendix A
_MAY_COMMIT_INSIDE: Final = frozenset({"CALL", "DO", UNKNOWN.verb})
"""Outside a block they may have committed some of their work before they failed."""

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
        fields["error"] = _CLASSES.get(state[:2], "error")
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
    if failed and status == "I" and any(statement.verb in _MAY_COMMIT_INSIDE for statement in statements):
        return Outcome.UNKNOWN
    if failed or status == "E":
        return Outcome.FAILED
    if "ROLLBACK" in tags and any(statement.control is Control.COMMIT for statement in statements):
        return Outcome.ROLLED_BACK  # COMMIT of a failed transaction
    return Outcome.OPEN if status == "T" else Outcome.COMMITTED
