"""Rows of an `observe` query come in; how often each identity was found goes out. The same for every SQL system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final

from oncewhere.drill.checks import PlaceSeen
from oncewhere.errors import ConfigurationError

EXAMPLE = "For example: select event_id, count(*) from settlement group by event_id"
TABLES_SHOWN = 8
NO_TABLE = "The trial's database has no table: does effects.{name}.schema name the file that makes them?"
_COUNTED: Final = frozenset({"delete", "update"})
"""Commands that answer how many rows they changed."""
_HARMLESS: Final = frozenset({"begin", "start", "set", "commit"})
"""Commands that forget nothing by themselves."""


def seen_in_rows(name: str, system: str, rows: Iterable[Sequence[object]], *, compare: bool = False) -> PlaceSeen:
    """Counts the rows of an effect's `observe` query: identity and count, and the value to compare if there is one.

    Raises:
        ConfigurationError: a row is not that.
    """
    counts: Counter[str] = Counter()
    unidentified = 0
    values: dict[str, str] = {}
    columns = "three columns, identity, count and value" if compare else "two columns, identity and count"
    for row in rows:
        count = _whole(row[1]) if len(row) == 2 + compare else None
        if count is None:
            raise ConfigurationError(
                f"effects.{name}.observe must answer {columns}; it answered {len(row)}.",
                hint=EXAMPLE,
            )
        if compare and row[0] is not None and row[2] is not None:
            values[str(row[0])] = str(row[2])
        if row[0] is None:
            unidentified += count
        else:
            counts[str(row[0])] += count
    return PlaceSeen(place=name, system=system, counts=dict(counts), unidentified=unidentified, values=values)


def refused_observe(name: str, why: str, columns: Iterable[tuple[object, object]]) -> ConfigurationError:
    """An `observe` query that the database does not take, with what it could have asked.

    Args:
        name: the effect's name.
        why: what the database says, in one line.
        columns: table and column of all that there are, those of one table together.
    """
    tables = [f"{table}({', '.join(str(c) for _, c in of)})" for table, of in groupby(columns, key=lambda row: row[0])]
    more = f" and {len(tables) - TABLES_SHOWN} more" if len(tables) > TABLES_SHOWN else ""
    told = f"There are {', '.join(tables[:TABLES_SHOWN])}{more}." if tables else NO_TABLE.format(name=name)
    return ConfigurationError(f"effects.{name}.observe was refused: {why}.", hint=told)


def rows_forgotten(results: Iterable[tuple[str, int]]) -> int | None:
    """How many rows a purge forgot, by what the database answered; None where that cannot be told.

    A routine (`call`, `do`, a function that is selected) answers nothing of what it deletes.

    Args:
        results: of each command, its first word and the number of rows that were answered.
    """
    told = [(word.lower(), max(0, rows)) for word, rows in results]
    forgotten = sum(rows for word, rows in told if word in _COUNTED)
    if forgotten:
        return forgotten
    return 0 if all(word in _COUNTED | _HARMLESS for word, _ in told) else None


def first_words(statements: str) -> list[str]:
    """The first word of each statement; text has no `;` in it, as in a purge."""
    return [found[0] for statement in statements.split(";") if (found := statement.split(maxsplit=1))]


def _whole(value: object) -> int | None:
    """MySQL's sum() of integers is a decimal."""
    if isinstance(value, Decimal) and value == int(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def seen_in_identities(name: str, system: str, identities: Iterable[str | None]) -> PlaceSeen:
    """Counts identities, one for each time that the effect happened; None where it had none."""
    counts = Counter(identities)
    unidentified = counts.pop(None, 0)
    known = {identity: count for identity, count in counts.items() if identity is not None}
    return PlaceSeen(place=name, system=system, counts=known, unidentified=unidentified)


def gathered_keys(rows: Iterable[tuple[object, object]]) -> dict[str, list[list[str]]]:
    """By table, its unique keys, from a catalogue's rows.

    Args:
        rows: a table and the columns of one key of it, in order; None where it has none.
    """
    found: dict[str, list[list[str]]] = {}
    for table, columns in rows:
        keys = found.setdefault(str(table).lower(), [])
        if isinstance(columns, list | tuple):
            keys.append(sorted(str(column).lower() for column in columns))
    return found
