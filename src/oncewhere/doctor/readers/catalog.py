"""What a doctor asks a database beyond what the runtime asks: data by system, and pure reading of the answers.

Each statement takes the parameters that the dialect's `catalog.address` gives; `text` takes a column's name after them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """One system.

    Attributes:
        settle: statements that make a session read only and impatient; one that the server does not know is skipped.
        rows: gives how many rows a table has, by estimate where counting would take long.
        text: gives of a column of text how many characters fit (null for any number), its collation, and 1 where that
            takes two spellings for one; nothing of a column of another type.
        seconds: what turns a column's smallest value into Unix time, with `{column}` to be filled in.
        moments: words in the types of columns that hold a moment.
    """

    settle: tuple[str, ...]
    rows: str
    text: str
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
        rows="select case when reltuples < 0 then null else reltuples::bigint end from pg_class "
        "where oid = to_regclass(%s)",
        text="select case when t.typname in ('varchar', 'bpchar') and a.atttypmod >= 4 then a.atttypmod - 4 end, "
        "case t.typname when 'citext' then 'citext' else c.collname end, "
        "(t.typname = 'citext' or not c.collisdeterministic)::int "
        "from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_collation c on c.oid = a.attcollation "
        "where a.attrelid = to_regclass(%s) and a.attname = %s and not a.attisdropped",
        seconds="extract(epoch from min({column})::timestamptz)",
    ),
    "mysql": Catalog(
        settle=(
            "set session transaction read only",
            f"set session max_statement_time = {ANSWER_LIMIT_MS // 1000}",  # MariaDB
            f"set session max_execution_time = {ANSWER_LIMIT_MS}",  # MySQL
        ),
        rows="select table_rows from information_schema.tables "
        "where table_schema = coalesce(%s, database()) and table_name = %s",
        text="select character_maximum_length, collation_name, collation_name regexp '_(ai|ci)(_|$)' "
        "from information_schema.columns where table_schema = coalesce(%s, database()) and table_name = %s "
        "and column_name = %s and collation_name is not null",
        seconds="unix_timestamp(min({column}))",
    ),
    "sqlite": Catalog(
        settle=("pragma query_only = 1",),
        rows="",
        # A length is not enforced, and what compares two rows is the index.
        text="with t(name, place, sought) as (select %s, %s, %s) select null, max(x.coll), max(x.coll) <> 'BINARY' "
        "from t cross join pragma_index_list(t.name, t.place) i cross join pragma_index_xinfo(i.name, t.place) x "
        'where i."unique" = 1 and x.key = 1 and x.name = t.sought group by x.name',
        seconds="(julianday(min({column})) - 2440587.5) * 86400",  # 1970-01-01
    ),
}
"""By the dialect's name."""


def moment_column(columns: Mapping[str, str], catalog: Catalog) -> str:
    """The first column that holds a moment; empty where there is none."""
    for name, kind in columns.items():
        if any(word in kind for word in catalog.moments):
            return name
    return ""
