"""What a system's catalog says of a table's unique keys."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from oncewhere.effects.sql.dialect import SQLITE


@pytest.mark.parametrize(
    ("constraint", "found"),
    [
        ("primary key (event_id)", ["event_id"]),
        ("unique (event_id)", ["event_id"]),
        ("primary key (event_id, other)", []),
        ("unique (event_id, other)", []),
        ("check (1 = 1)", []),
    ],
)
def test_sqlite_tells_a_key_of_one_column_whether_it_is_the_primary_one_or_not(
    constraint: str, found: list[str]
) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"create table processed_event (event_id varchar(64) not null, other text, {constraint})")
        statement = SQLITE.catalog.unique.replace("%s", "?")
        rows = db.execute(statement, SQLITE.catalog.address("processed_event")).fetchall()
    assert [row[0] for row in rows] == found
