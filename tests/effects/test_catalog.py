"""What a system's catalog says of a table's unique keys."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from oncewhere.effects.sql.table import unique_keys
from oncewhere.effects.sqlite import SqliteConnection


@pytest.mark.parametrize(
    ("constraint", "found"),
    [
        ("primary key (event_id)", {("event_id",)}),
        ("unique (event_id)", {("event_id",)}),
        ("primary key (event_id, other)", {("event_id", "other")}),
        ("unique (other, event_id), unique (other)", {("other", "event_id"), ("other",)}),
        ("check (1 = 1)", set()),
    ],
)
def test_sqlite_tells_each_unique_key_whether_it_is_the_primary_one_or_not(
    constraint: str, found: set[tuple[str, ...]]
) -> None:
    with closing(SqliteConnection(sqlite3.connect(":memory:", isolation_level=None))) as db:
        db.execute(f"create table processed_event (event_id varchar(64) not null, other text, {constraint})")
        db.execute("create unique index some on processed_event (event_id) where other is null")
        db.execute("create unique index computed on processed_event (event_id, lower(other))")
        assert set(unique_keys(db, "processed_event")) == found
