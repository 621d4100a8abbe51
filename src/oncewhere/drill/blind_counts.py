"""An effect and its database's unique keys come in; whether its `observe` can show a second time goes out. Pure.

A count of a table's rows by a column of which the database keeps one row each is never above one: whatever happened
twice, it says once. That is right where the row itself is the effect and refuses the second one (`unique-constraint`);
where the row stands beside the effect, as in a dedupe table, the effect is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from .effect import Effect

_NAME: Final = r"[\"`]?(?P<{0}>[\w$.]+)[\"`]?"
_COUNT: Final = re.compile(
    rf"\s*select\s+{_NAME.format('column')}\s*,\s*count\s*\(\s*\*\s*\)\s+from\s+{_NAME.format('table')}"
    r"\s+group\s+by\s+[\"`]?(?P=column)[\"`]?\s*;?\s*",
    re.IGNORECASE,
)
"""The plain count; of any other query nothing is claimed."""
_REFUSES: Final = "unique-constraint"


def plain_count(effect: Effect) -> tuple[str, str] | None:
    """The table and the column by which `observe` counts rows that stand beside the effect; None where it does not."""
    asked = _COUNT.fullmatch(effect.observe or "")
    if asked is None or effect.policy == _REFUSES:
        return None
    return asked["table"].rpartition(".")[2].lower(), asked["column"].lower()


def keeps_one(keys: Mapping[str, Iterable[Sequence[str]]], table: str, column: str) -> bool:
    """Whether the database keeps one row of a table for each value of a column.

    Args:
        keys: by table, the columns of each unique key.
        table: in small letters.
        column: likewise.
    """
    known = {name.lower(): [[part.lower() for part in key] for key in found] for name, found in keys.items()}
    return [column] in known.get(table, [])
