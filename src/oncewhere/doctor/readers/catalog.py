"""What a doctor asks a database beyond what the runtime asks: data by system, and pure reading of the answers.

Each statement takes the parameters that the dialect's `catalog.address` gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """One system.

    Attributes:
        settle: statements that make a session read only and impatient; one that the server does not know is skipped.
        keys: gives (key, column, 1 where only a part of the column counts), in order, of each unique key that is
            checked at once, for every row.
        rows: gives how many rows a table has, by estimate where counting would take long.
        seconds: what turns a column's smallest value into Unix time, with `{column}` to be filled in.
        moments: words in the types of columns that hold a moment.
    """

    settle: tuple[str, ...]
    keys: str
    rows: str
    seconds: str
    moments: tuple[str, ...] = ("timestamp", "datetime")


ANSWER_LIMIT_MS: Final = 10_000
"""How long one statement may take: nothing here is worth a production database's time."""

CATALOGS: Final[Mapping[str, Catalog]] = {
    "postgresql": Catalog(
        settle=(
            "set session characteristics as transaction read only",
            f"set statement_timeout = {ANSWER_LIMIT_MS}",
        ),
        keys="select i.indexrelid::regclass::text, a.attname, 0 from pg_index i "
        "cross join lateral unnest(i.indkey) with ordinality k(attnum, n) "
        "join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum "
        "where i.indrelid = to_regclass(%s) and i.indisunique and i.indimmediate and i.indisvalid "
        "and i.indpred is null and i.indexprs is null and k.n <= i.indnkeyatts order by 1, k.n",
        rows="select case when reltuples < 0 then null else reltuples::bigint end from pg_class "
        "where oid = to_regclass(%s)",
        seconds="extract(epoch from min({column})::timestamptz)",
    ),
    "mysql": Catalog(
        settle=(
            "set session transaction read only",
            f"set session max_statement_time = {ANSWER_LIMIT_MS // 1000}",  # MariaDB
            f"set session max_execution_time = {ANSWER_LIMIT_MS}",  # MySQL
        ),
        keys="select index_name, column_name, sub_part is not null from information_schema.statistics "
        "where table_schema = coalesce(%s, database()) and table_name = %s and non_unique = 0 "
        "order by index_name, seq_in_index",
        rows="select table_rows from information_schema.tables "
        "where table_schema = coalesce(%s, database()) and table_name = %s",
        seconds="unix_timestamp(min({column}))",
    ),
    "sqlite": Catalog(
        settle=("pragma query_only = 1",),
        # `cross join` keeps the order: SQLite asks the second function before the first otherwise, and finds nothing.
        keys="with t(name, place) as (select %s, %s) "
        "select i.name, c.name, 0 from t cross join pragma_index_list(t.name, t.place) i "
        "cross join pragma_index_info(i.name, t.place) c "
        'where i."unique" = 1 and i.partial = 0 '
        "union all select '', p.name, 0 from t cross join pragma_table_info(t.name, t.place) p where p.pk > 0",
        rows="",
        seconds="(julianday(min({column})) - 2440587.5) * 86400",  # 1970-01-01
    ),
}
"""By the dialect's name."""


def keys_of(rows: Iterable[Sequence[Any]]) -> tuple[tuple[str, ...], ...]:
    """The unique keys, each with its columns; one that looks at a part of a column only is none."""
    found: dict[str, list[str]] = {}
    partial: set[str] = set()
    for name, column, part in rows:
        found.setdefault(str(name), []).append(str(column))
        if part:
            partial.add(str(name))
    return tuple(tuple(columns) for name, columns in found.items() if name not in partial)


def moment_column(columns: Mapping[str, str], catalog: Catalog) -> str:
    """The first column that holds a moment; empty where there is none."""
    for name, kind in columns.items():
        if any(word in kind for word in catalog.moments):
            return name
    return ""
