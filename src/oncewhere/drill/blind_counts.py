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


def may_be_blind(effect: Effect) -> bool:
    """True for a plain count: what the keys of its table say of it is worth asking."""
    return effect.policy != _REFUSES and _COUNT.fullmatch(effect.observe or "") is not None


def blind_count(effect: Effect, keys: Mapping[str, Iterable[Sequence[str]]]) -> tuple[str, str] | None:
    """The table and the column by which its rows are counted, where that cannot be above one; else None.

    Args:
        effect: as it is declared.
        keys: by table, the columns of each unique key.
    """
    asked = _COUNT.fullmatch(effect.observe or "")
    if asked is None or effect.policy == _REFUSES:
        return None
    table, column = asked["table"].rpartition(".")[2].lower(), asked["column"].lower()
    known = {name.lower(): [[part.lower() for part in key] for key in found] for name, found in keys.items()}
    return (table, column) if [column] in known.get(table, []) else None
