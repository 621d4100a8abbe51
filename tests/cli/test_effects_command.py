"""`oncewhere effects in-doubt`: what a crash left behind is listed, and a person takes it off the list."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from oncewhere import AtMostOnce, Compensate, Function, OffsetLedger, Sqlite, effect
from oncewhere.cli import main
from oncewhere.effects.place import Batch, Call, Span, Start
from oncewhere.errors import EffectInDoubt, OutcomeUnknown
from oncewhere.records import Partition

if TYPE_CHECKING:
    from pathlib import Path

APP = """
from oncewhere import AtMostOnce, Function, OffsetLedger, Processor, Sqlite, effect

claims = Sqlite("claims.db", name="claims", policy=OffsetLedger())
app = Processor({"bootstrap.servers": "127.0.0.1:1"}, group_id="g", transactional_id="g-0")
safe = Processor({"bootstrap.servers": "127.0.0.1:1"}, group_id="g", transactional_id="g-0")

@effect(Function("machine", policy=AtMostOnce(claims=claims)))
def punch(key: str) -> None: ...

@app.consume("payments", dict, identity="id")
def handle(record, tx):
    tx.run(punch)
"""
COMPENSATING = """
from oncewhere import Compensate, Function, OffsetLedger, Processor, Sqlite, effect

journal = Sqlite("claims.db", name="claims", policy=OffsetLedger())
app = Processor({"bootstrap.servers": "127.0.0.1:1"}, group_id="g", transactional_id="g-0")

@effect(Function("hotel", policy=Compensate(journal=journal)), undo=lambda *_: None)
def reserve(key: str, guest: str) -> str: ...

@app.consume("payments", dict)
def handle(record, tx):
    tx.run(reserve, "ada")
"""
PARTITION = Partition("payments", 3, "id-1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "doubtful.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "doubtful", raising=False)
    return tmp_path


def leave_in_doubt(folder: Path, offset: int) -> str:
    """A call whose outcome nobody knows; gives its key."""
    claims = Sqlite(folder / "claims.db", name="claims", policy=OffsetLedger())

    @effect(Function("machine", policy=AtMostOnce(claims=claims)))
    def punch(key: str) -> None:
        raise OutcomeUnknown("the machine went silent")

    opened = punch.place.open("g")
    with pytest.raises(EffectInDoubt) as doubt:
        opened.begin(Batch([Span(PARTITION, offset, offset + 1)])).run(
            Call(punch, PARTITION, offset, 0, f"e{offset}"),
            (),
            {},
        )
    opened.close()
    return doubt.value.key


def test_calls_in_doubt_are_listed_until_somebody_has_looked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = leave_in_doubt(folder, 7), leave_in_doubt(folder, 9)
    assert main(["effects", "in-doubt", "doubtful:app"]) == 3
    listed = capsys.readouterr().out
    assert one in listed
    assert "payments[3]@7" in listed
    assert "payments[3]@9" in listed

    assert main(["effects", "in-doubt", "doubtful:app", "--reviewed", one]) == 3
    assert one not in capsys.readouterr().out
    assert main(["effects", "in-doubt", "doubtful:app", "--reviewed", two]) == 0
    assert capsys.readouterr().out == "Nothing is in doubt.\n"
    assert main(["effects", "in-doubt", "doubtful:app", "--reviewed", two]) == 2
    assert "is in doubt" in capsys.readouterr().err


def test_what_was_looked_at_is_not_repeated_for_all_that(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = leave_in_doubt(folder, 7)
    main(["effects", "in-doubt", "doubtful:app", "--reviewed", key])
    capsys.readouterr()
    assert leave_in_doubt(folder, 7) == key


def test_undos_in_doubt_are_listed_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "doubtful.py").write_text(COMPENSATING)
    journal = Sqlite(folder / "claims.db", name="claims", policy=OffsetLedger())

    @effect(Function("hotel", policy=Compensate(journal=journal)), undo=lambda *_: None)
    def reserve(key: str, guest: str) -> str:
        return key + guest

    opened: Any = reserve.place.open("g")
    opened.assigned({PARTITION: Start(0, committed=False)})
    opened.begin(Batch([Span(PARTITION, 7, 8)])).run(Call(reserve, PARTITION, 7, 0, None), ("ada",), {})
    with closing(sqlite3.connect(folder / "claims.db")) as db, db:
        db.execute("update oncewhere_intents set state = 'undoing'")
    opened.assigned({PARTITION: Start(0, committed=False)})
    assert opened.undo() == (0, 1)
    opened.close()
    assert main(["effects", "in-doubt", "doubtful:app"]) == 3
    listed = capsys.readouterr().out
    assert "hotel  reserve  payments[3]@7" in listed
    key = listed.splitlines()[1].split()[0]
    assert main(["effects", "in-doubt", "doubtful:app", "--reviewed", key]) == 0


def test_a_processor_without_the_policy_is_told_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["effects", "in-doubt", "doubtful:safe"]) == 2
    assert "no place with policy at-most-once or compensate" in " ".join(capsys.readouterr().err.split())
    assert not (folder / "claims.db").exists()
