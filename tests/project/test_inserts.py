"""Statements in the code that add rows: they name the tables where no SQL file does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oncewhere.project.inserts import counting, inserts_of

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = """
connection.execute("insert into seen (payment_id) values (%s) on conflict do nothing", (payment["paymentId"],))
connection.execute(
    "INSERT INTO booking (account, payment_id, amount) "
    "VALUES (%s, %s, %s)",
    row,
)
# what we insert into the ledger is kept
connection.execute(f"insert into {table} (payment_id) values (%s)")
"""
JAVA = """
var statement = connection.prepareStatement("insert into settlement " +
    "(event_id, amount) " +
    "values (?, ?)");
"""
GO = """
db.Exec("INSERT IGNORE INTO `done` VALUES (?)", id)
db.Exec(`
    insert into audit select * from settlement where event_id = $1`, id)
"""


def query(folder: Path, name: str, text: str, identity: str) -> str | None:
    (folder / name).write_text(text)
    found = counting(inserts_of(folder), identity)
    if found is not None:
        assert found.source.startswith(f"a guess: {name} inserts into ")
    return None if found is None else found.value


@pytest.mark.parametrize(
    ("name", "text", "identity", "asked"),
    [
        ("worker.py", PYTHON, "paymentId", "select payment_id, count(*) from booking group by payment_id"),
        ("worker.py", PYTHON, "orderId", "select payment_id, count(*) from booking group by payment_id"),
        ("Worker.java", JAVA, "eventId", "select event_id, count(*) from settlement group by event_id"),
        ("main.go", GO, "id", "select id, count(*) from audit group by id"),
        ("main.go", GO.partition("\n")[2].splitlines()[0], "id", "select id, count(*) from done group by id"),
        ("worker.py", "# nothing to insert into the table", "id", None),
    ],
)
def test_the_query_counts_what_the_code_adds(tmp_path: Path, name: str, text: str, identity: str, asked: str) -> None:
    assert query(tmp_path, name, text, identity) == asked
