"""A drill whose every scenario is left out says so, with the reason, and is no pass."""

from __future__ import annotations

import asyncio
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from oncewhere.drill import Choice, Drill, DrillResult, Finding, Keyword, TrialResult, Verdict, load
from oncewhere.drill.itinerary import Itinerary
from oncewhere.drill.lane import Lanes
from oncewhere.drill.points import CrashPoint, NamedCrash, Phase
from oncewhere.drill.scenario import CLEAN
from oncewhere.drill.scenarios import Clean
from oncewhere.report import Provenance, github_annotations, show_result

PAYMENTS = Path(__file__).parents[2] / "examples" / "payments"
GAP = CrashPoint(
    place="kafka", system="kafka", kind="EndTxn", interval=4, nth=1, phase=Phase.BEFORE, name=NamedCrash.AFTER_EFFECT
)


def held(place: str) -> Finding:
    return Finding(place=place, system="kafka", verdict=Verdict.ONCE, check=6, sentence="all held")


def drilled(
    monkeypatch: pytest.MonkeyPatch, folder: Path, version: str, scenario: str, points: Sequence[CrashPoint] = (GAP,)
) -> DrillResult:
    """A drill of which nothing is made up but its clean run; a trial would need servers, and there are none."""
    declaration = load(PAYMENTS)
    chosen = declaration.versions[version]
    found = tuple(held(place) for place in chosen.places)
    clean = TrialResult(plan=CLEAN, crashes=(), reached=True, findings=found, lives=1, duration_s=1.0, folder="clean")
    seen = Clean(points=tuple(points), first_produce=None, transaction_timeout_s=60.0, spare_brokers=False)

    async def ran(*_: Any) -> tuple[TrialResult, Itinerary, Clean]:
        return clean, Itinerary(points=tuple(points), recorded=len(points)), seen

    monkeypatch.setattr(Drill, "_clean", ran)
    monkeypatch.setattr(Lanes, "remove", lambda self: None)
    monkeypatch.setattr(Lanes, "__init__", lambda self, *_, **__: None)
    drill = Drill(
        declaration,
        versions=[chosen],
        choice=Choice(scenarios=(scenario,), keyword=Keyword("")),
        servers=[],
        folder=folder,
        recreate_topics=False,
        demonstration=False,
        listener=lambda event: None,
    )
    return asyncio.run(drill.run())


@pytest.mark.parametrize(
    ("version", "scenario", "why"),
    [
        ("offset-ledger", "upstream-duplicate", "a position tells redeliveries, not second publications"),
        ("naive", "broker-killed", "it needs three brokers that are ours to kill: --brokers 3"),
        ("naive", "dedupe-window", "no effect says what it forgets, and when: effects.NAME.purge in the declaration"),
        ("offset-ledger", "dedupe-window", "an offset ledger has nothing to forget"),
        ("naive", "withheld-answer", "none of the points that were chosen is one that it goes to"),
    ],
)
def test_it_says_why_nothing_was_crashed_and_proves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, scenario: str, why: str
) -> None:
    result = drilled(monkeypatch, tmp_path, version, scenario)
    assert result.exit_code == 3
    out = io.StringIO()
    show_result(result, Console(file=out, width=400))
    told = out.getvalue()
    assert f"No trial was made of {version}, since {scenario} is left out: " in told
    assert why in told
    assert "nothing was crashed" in told
    assert "exactly once in" not in told
    assert any(why in line for line in github_annotations(result, Provenance()))


def test_a_keyword_that_takes_nothing_of_a_version_takes_it_out_of_the_result(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert drilled(monkeypatch, tmp_path, "naive", "crash", points=()).versions == ()


def test_a_second_crash_needs_the_first_among_the_chosen_points(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = dataclasses.replace(GAP, name=NamedCrash.AFTER_COMMIT)
    coverage = drilled(monkeypatch, tmp_path, "naive", "second-crash", points=(other,)).versions[0].coverage
    assert coverage is not None
    assert coverage.scenarios["second-crash"] == (
        "it kills what recovers from after-effect, and that is not among the chosen points"
    )
