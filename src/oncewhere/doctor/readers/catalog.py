"""What a doctor asks a database beyond what the runtime asks: data by system, and pure reading of the answers.

Each statement takes the parameters that the dialect's `catalog.address` gives.
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
        seconds: what turns a column's smallest value into Unix time, with `{column}` to be filled in.
        moments: words in the types of columns that hold a moment.
    """

    settle: tuple[str, ...]
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
        rows="select table_rows from information_schema.tables "
        "where table_schema = coalesce(%s, database()) and table_name = %s",
        seconds="unix_timestamp(min({column}))",
    ),
    "sqlite": Catalog(
        settle=("pragma query_only = 1",),
        rows="",
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
