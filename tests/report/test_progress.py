"""What a drill says while it goes on: a live block on a terminal, plain lines elsewhere, at any width."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from made_run import make_run, plans
from rich.console import Console

from oncewhere.drill import (
    DrillBegan,
    DrillEvent,
    Itinerary,
    PlansMade,
    PointSet,
    TrialBegan,
    TrialJudged,
    TrialResult,
)
from oncewhere.report import DrillProgress, read_run, show_result


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrialResult, ...]:
    return read_run(make_run(tmp_path_factory.mktemp("project"), points=4)).result.versions[0].trials


def events(trials: tuple[TrialResult, ...]) -> list[DrillEvent]:
    clean, *crashed = trials
    names = ("naive", "sound")
    plan = PlansMade(
        version="naive", plans=tuple(plans(4))[1:], itinerary=Itinerary(points=(), recorded=4, left_out={})
    )
    told: list[DrillEvent] = [
        DrillBegan(versions=names, points=PointSet.ALL),
        TrialBegan(version="naive", plan=clean.plan),
    ]
    told += [TrialJudged(version="naive", trial=clean), plan]
    for trial in crashed[:2]:
        told += [TrialBegan(version="naive", plan=trial.plan), TrialJudged(version="naive", trial=trial)]
    return [*told, TrialBegan(version="naive", plan=crashed[2].plan)]


def test_elsewhere_each_trial_is_one_plain_line_however_long(trials: tuple[TrialResult, ...]) -> None:
    out = io.StringIO()
    progress = DrillProgress(Console(file=out, width=40))
    for event in events(trials):
        progress(event)
    lines = out.getvalue().splitlines()
    assert lines[0] == "drill: 2 processors, every boundary message of every commit interval"
    assert lines[1] == "[1] naive clean run: payment-settled once, bank once"
    assert lines[3] == "[2] naive after-effect: payment-settled once, bank duplicate"
    progress(PlansMade(version="sound", plans=(), itinerary=Itinerary(points=(), recorded=0, left_out={})))
    progress(TrialJudged(version="naive", trial=trials[3]))
    assert out.getvalue().splitlines()[-1].startswith("[4/6] naive "), "the total is told once it grows no more"
    assert "\x1b" not in out.getvalue()


def test_a_replay_says_which_one_trial_it_carries_out(trials: tuple[TrialResult, ...]) -> None:
    out = io.StringIO()
    progress = DrillProgress(Console(file=out), repeated="naive/after-effect, as in RUN")
    progress(DrillBegan(versions=("naive",), points=PointSet.MISSION))
    progress(TrialJudged(version="naive", trial=trials[1]))
    assert out.getvalue().splitlines() == [
        "one trial: naive/after-effect, as in RUN",
        "[1/1] naive after-effect: payment-settled once, bank duplicate",
    ]


def test_the_block_counts_and_says_how_long_it_may_still_take(trials: tuple[TrialResult, ...]) -> None:
    now = 0.0
    progress = DrillProgress(Console(file=io.StringIO()), clock=lambda: now)
    for event in events(trials):
        progress(event)
    now = 90.0
    assert progress.extent().plain == "3 of 6 or more · more than 2 min left"
    assert progress.tally().plain == "✓ 1 held · ✗ 2 violated · 2 a minute"
    progress(PlansMade(version="sound", plans=(), itinerary=Itinerary(points=(), recorded=0, left_out={})))
    assert progress.extent().plain == "3 of 6 · about 2 min left"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_live_block_fits_the_screen_and_names_what_is_under_way(
    trials: tuple[TrialResult, ...], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    progress = DrillProgress(Console(file=io.StringIO(), width=width))
    for event in events(trials):
        progress(event)
    out = io.StringIO()
    Console(file=out, width=width).print(progress)
    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert all(len(line) <= width for line in lines)
    assert "naive kafka.EndTxn.3.1.before" in lines[0]
    assert "3 of 6 or more" in out.getvalue()


@pytest.mark.parametrize("no_color", [True, False])
def test_no_color_is_heeded(trials: tuple[TrialResult, ...], no_color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    progress = DrillProgress(Console(file=out, width=80, force_terminal=True))
    for event in events(trials):
        progress(event)
    out.truncate(0)
    Console(file=out, width=80, force_terminal=True).print(progress.tally())
    progress.close()
    assert ("\x1b[32m" in out.getvalue()) is not no_color


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_result_is_never_cut_off(width: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    run = read_run(make_run(tmp_path_factory.mktemp("project"), points=5, names=("an-unprotected-processor", "sound")))
    out = io.StringIO()
    show_result(run.result, Console(file=out, width=width))
    text = out.getvalue()
    assert "…" not in text
    lines = [line for line in text.splitlines() if not line.startswith("Evidence")]
    commands = [line.strip() for line in lines if line.lstrip().startswith("again: ")]
    assert commands
    assert all(line.endswith(Path(run.result.folder).name) for line in commands), "a command is copied whole"
    assert all(len(line) <= width for line in lines if line.strip() not in commands)
    assert "✗ 5 duplicate" in text
    words = [line for line in lines if line[:1] not in "┏┃┡│├└" and not line.startswith("Exactly once, where?")]
    assert [line for line in words if line != line.rstrip()] == [], "what is copied ends in no blanks"
