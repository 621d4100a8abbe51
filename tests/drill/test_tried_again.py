"""A point that a trial did not come by is tried again: elsewhere, or just there where only the second was missed."""

from __future__ import annotations

import asyncio
import dataclasses
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from oncewhere.drill import Choice, Drill, Plan, TrialResult, load
from oncewhere.drill.engine import TRIES
from oncewhere.drill.judging import unjudged
from oncewhere.drill.points import CrashPoint, NamedCrash, Phase
from oncewhere.drill.scenarios import SCENARIOS, SECOND_CRASH
from oncewhere.errors import InconclusiveError

if TYPE_CHECKING:
    from pathlib import Path

GAP = CrashPoint(
    place="kafka", system="kafka", kind="EndTxn", interval=4, nth=1, phase=Phase.BEFORE, name=NamedCrash.AFTER_EFFECT
)
RECOVERY = CrashPoint(place="kafka", system="kafka", kind="Produce", interval=1, nth=1, phase=Phase.DELIVERED)
PLAN = SCENARIOS[SECOND_CRASH].plan(GAP, RECOVERY)
CRASH: Any = SimpleNamespace()
DECLARATION = """
[processor]
command = ["x"]
input = "a"
output = ["b"]
group = "g"
identity = "event_id"
[drill]
inputs = "inputs.jsonl"
"""


@pytest.mark.parametrize(
    ("first_reached", "intervals"), [(True, [4, 4, 4, 4]), (False, [4, 2, 1, 1])], ids=["second missed", "both missed"]
)
def test_the_first_crash_stays_where_only_the_second_was_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first_reached: bool, intervals: list[int]
) -> None:
    (tmp_path / "oncewhere.toml").write_text(DECLARATION)
    declaration = load(tmp_path)
    (version,) = declaration.versions.values()
    drill = Drill(
        declaration,
        versions=[version],
        choice=Choice(),
        servers=[],
        folder=tmp_path,
        recreate_topics=False,
        demonstration=False,
        listener=lambda _event: None,
    )
    plans: list[Plan] = []

    async def missed(_version: object, plan: Plan, name: str) -> tuple[TrialResult, Any]:
        plans.append(plan)
        result = unjudged(version, plan, InconclusiveError("not reached"), folder=name)
        crashes = (CRASH,) if first_reached else ()
        return dataclasses.replace(result, crashes=crashes), SimpleNamespace(sightings=())

    monkeypatch.setattr(drill, "_trial", missed)
    result = asyncio.run(drill._crash(version, PLAN))
    assert isinstance(result, TrialResult)
    assert result.tries == TRIES
    assert [plan.steps[0].point.interval for plan in plans] == intervals
    assert {plan.steps[1].point for plan in plans} == {RECOVERY}
