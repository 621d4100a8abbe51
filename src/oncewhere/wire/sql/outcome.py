"""How a unit of SQL that writes ended, as far as its server has said; the field `outcome` of its reply."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of what the unit was to write."""

    COMMITTED = "committed"
    OPEN = "open"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"
    COPYING = "copying"
    UNKNOWN = "unknown"
