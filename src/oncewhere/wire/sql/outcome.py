"""How a unit of SQL ended: what a server says goes in, words for it come out."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

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
}  # of ISO/IEC 9075-2 and PostgreSQL's documentation, appendix A


class Outcome(StrEnum):
    """How a writing unit ended, as far as the server has said."""

    COMMITTED = "committed"
    OPEN = "open"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"
    COPYING = "copying"
    UNKNOWN = "unknown"


def error_class(sqlstate: str) -> str:
    """Returns what class of error a SQLSTATE belongs to, in words."""
    return _CLASSES.get(sqlstate[:2], "error")
