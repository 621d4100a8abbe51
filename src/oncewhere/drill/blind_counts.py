"""A trial's history and what was declared come in; each `observe` that can show no second time goes out. Pure.

A count of a table's rows by a column of which the database keeps one row each is never above one: whatever happened
twice, it says once. That is right where the row itself is the effect and refuses the second one (`unique-constraint`);
where the row stands beside the effect, as in a dedupe table, the effect is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from .history import Event, Happened
from .observation import Declared, Kind, Observation

_NAME: Final = r"[\"`]?(?P<{0}>[\w$.]+)[\"`]?"
_COUNT: Final = re.compile(
    rf"\s*select\s+{_NAME.format('column')}\s*,\s*count\s*\(\s*\*\s*\)\s+from\s+{_NAME.format('table')}"
    r"\s+group\s+by\s+[\"`]?(?P=column)[\"`]?\s*;?\s*",
    re.IGNORECASE,
)
"""The plain count; of any other query nothing is claimed."""
_REFUSES: Final = "unique-constraint"


def blind_counts(events: Iterable[Event], declared: Declared) -> Iterator[Observation]:
    """Says which places are asked by a count that cannot be above one.

    Args:
        events: the trial's history; a clean run's tells the unique keys.
        declared: what the declaration says.
    """
    for event in events:
        if not isinstance(event, Happened) or event.what != "unique-keys":
            continue
        place = str(event.fields.get("place"))
        effect = declared.effects.get(place)
        asked = None if effect is None or effect.policy == _REFUSES else _COUNT.fullmatch(effect.observe or "")
        if asked is None:
            continue
        table, column = asked["table"].rpartition(".")[2].lower(), asked["column"].lower()
        keys = {str(name).lower(): found for name, found in event.fields.get("tables", {}).items()}.get(table, ())
        if [column] in [[str(name).lower() for name in key] for key in keys]:
            yield Observation(
                kind=Kind.BLIND_COUNT,
                place=place,
                sentence=f"observe counts the rows of {table}, of which the database keeps one for each {column}: a "
                "second time cannot show there; let it count rows that the effect itself writes",
                count=1,
                examples=(f"{table}.{column}",),
            )
