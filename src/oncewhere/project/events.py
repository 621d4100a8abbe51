"""A JSON Lines file of inputs comes in; by what its records may be told apart goes out. Nothing is kept of it.

A field names the business event where every record has it, and no two have the same value there.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from .schemas import plain

RECORDS_READ = 1_000
KEY = "key"


def identities(file: Path, columns: Collection[str] = ()) -> tuple[str, ...]:
    """What may name the business event, the likeliest first: `event_id`, a table's column, what ends in `id`.

    Args:
        file: one record a line, as a drill takes them.
        columns: of the tables that the effects are written to.
    """
    try:
        with file.open(encoding="utf-8") as lines:
            records = list(_records(islice(lines, RECORDS_READ)))
    except (OSError, ValueError):
        return ()
    fields = [name for name in _fields(records) if _tells_apart(_values(records, name))]
    known = {plain(column) for column in columns}
    found = sorted(
        fields, key=lambda name: (name != "event_id", plain(name) not in known, not name.lower().endswith("id"))
    )
    keys = [record.get(KEY) for record in records]
    return (*found, *([KEY] if _tells_apart(keys) else []))


def _records(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        if line.strip():
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError(line)
            yield record


def _fields(records: list[Mapping[str, Any]]) -> list[str]:
    """Those of the first record; what it has not, not all have."""
    value = records[0].get("value") if records else None
    return list(value) if isinstance(value, dict) else []


def _values(records: list[Mapping[str, Any]], name: str) -> list[Any]:
    return [record["value"].get(name) if isinstance(record.get("value"), dict) else None for record in records]


def _tells_apart(values: list[Any]) -> bool:
    """True where all are texts or whole numbers, each once."""
    plain = [value for value in values if isinstance(value, str | int) and not isinstance(value, bool)]
    return len(plain) == len(values) == len(set(plain)) and bool(values)
