"""Sweeps of one example are held against each other by what followed each kind of message, wherever it stood."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from oncewhere.drill import (
    Coverage,
    Crash,
    CrashPoint,
    DrillResult,
    Finding,
    Phase,
    Plan,
    PointSet,
    Step,
    TrialResult,
    Verdict,
    VersionResult,
    load,
)

ROOT = Path(__file__).resolve().parents[2]
_SPEC = importlib.util.spec_from_file_location("sweeps", ROOT / "tools" / "sweeps.py")
assert _SPEC is not None
assert _SPEC.loader is not None
sweeps = importlib.util.module_from_spec(_SPEC)
sys.modules["sweeps"] = sweeps
_SPEC.loader.exec_module(sweeps)


def trial(
    kind: str, interval: int, nth: int, bank: Verdict, *, reached: bool = True, before: int = 0, on_their_way: int = 0
) -> TrialResult:
    point = CrashPoint(
        place="bank", system="postgresql", kind=kind, interval=interval, nth=nth, phase=Phase.BEFORE, name=None
    )
    crash = Crash(message=kind, outcome="dropped", effects_before=before, effects_on_their_way=on_their_way)
    finding = Finding(place="bank", system="postgresql", check=3, verdict=bank, sentence="…")
    return TrialResult(
        plan=Plan(steps=(Step(point=point),)),
        crashes=(crash,),
        reached=reached,
        findings=(finding,),
        lives=2,
        duration_s=1.0,
        folder="naive/x",
    )


def swept(*trials: TrialResult) -> object:
    version = load(ROOT / "examples" / "payments").versions["naive"]
    reached = sum(t.reached for t in trials)
    coverage = Coverage(points=PointSet.BOUNDARIES, inputs=80, chosen=len(trials), reached=reached, recorded=9)
    result = VersionResult(version=version, trials=trials, coverage=coverage)
    drilled = DrillResult(versions=(result,), demonstration=False, folder="runs/x", duration_s=1.0, control=None)
    return sweeps.Swept(example="payments", took_s=1.0, result=drilled)


def test_the_same_verdicts_at_other_addresses_agree() -> None:
    first = swept(trial("commit", 5, 1, Verdict.DUPLICATE), trial("write", 5, 1, Verdict.ONCE))
    second = swept(trial("write", 3, 1, Verdict.ONCE), trial("commit", 3, 2, Verdict.DUPLICATE))
    assert sweeps.compare([first, second, first]) == sweeps.Compared(apart=(), alone=())


def test_another_verdict_after_the_same_kind_of_message_is_told() -> None:
    runs = [swept(trial("commit", 5, 1, verdict)) for verdict in (Verdict.ONCE, Verdict.ONCE, Verdict.DUPLICATE)]
    at = "naive, crash@bank.commit before, no effect confirmed"
    assert sweeps.compare(runs).apart == (f"{at}: bank is once, then once, then duplicate",)
    assert sweeps.compare(runs).exit_code == 1


def test_what_had_been_done_when_it_died_belongs_to_the_moment() -> None:
    before = swept(trial("Produce", 3, 1, Verdict.ONCE))
    between = swept(trial("Produce", 3, 1, Verdict.DUPLICATE, on_their_way=1))
    after = swept(trial("Produce", 3, 1, Verdict.DUPLICATE, before=4))
    compared = sweeps.compare([before, between, after])
    assert (compared.apart, len(compared.alone), compared.exit_code) == ((), 3, 3)


def test_a_kind_of_message_that_one_run_did_not_come_by_is_told_and_never_agreement() -> None:
    both = swept(trial("commit", 5, 1, Verdict.ONCE), trial("write", 5, 1, Verdict.ONCE))
    one = swept(trial("commit", 5, 1, Verdict.ONCE), trial("write", 5, 1, Verdict.ONCE, reached=False))
    alone = ("naive, crash@bank.write before, no effect confirmed: bank is once, in 1 of 2 runs",)
    compared = sweeps.compare([both, one])
    assert compared == sweeps.Compared(apart=(), alone=alone)
    assert compared.exit_code == 3
    assert one.open_points == 1  # type: ignore[attr-defined]


def test_the_table_shows_every_run_with_its_points_and_verdicts() -> None:
    rows = sweeps.table([swept(trial("commit", 5, 1, Verdict.DUPLICATE))] * 2)
    assert [list(column.cells) for column in rows.columns] == [
        ["payments", ""],
        ["naive", ""],
        ["1", "2"],
        ["1", "1"],
        ["1 of 1", "1 of 1"],
        ["1 duplicate", "1 duplicate"],
    ]
