"""`oncewhere schema`: what it prints is what the policies look for."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from oncewhere import OffsetLedger, Sqlite
from oncewhere.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("system", ["postgresql", "mysql", "sqlite"])
def test_the_tables_of_each_system_are_printed(system: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", system]) == 0
    printed = capsys.readouterr().out
    assert printed.count("create table if not exists") == printed.count("\n-- ") + 1
    assert ("engine = InnoDB" in printed) == (system == "mysql")


def test_what_is_printed_can_be_migrated_with_and_is_taken(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["schema", "sqlite", "--name", "oncewhere_ledger=my ledger"]) == 0
    with sqlite3.connect(tmp_path / "bank.db") as db:
        db.executescript(capsys.readouterr().out)
    db.close()
    policy = OffsetLedger(table="my ledger", create=False)
    Sqlite(tmp_path / "bank.db", name="bank", policy=policy).open("g").close()


def test_a_table_that_there_is_not_cannot_be_renamed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "sqlite", "--name", "ledger=mine"]) == 2
    assert "There is no table 'ledger'. There are oncewhere_ledger" in " ".join(capsys.readouterr().err.split())
