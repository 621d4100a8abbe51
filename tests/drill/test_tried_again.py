"""A point that a trial did not come by is tried again: elsewhere, or just there where only the second was missed."""

from __future__ import annotations

import asyncio
import dataclasses
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from crossing_script import Wire

from oncewhere.drill import Choice, Drill, Plan, TrialResult, load
from oncewhere.drill.itinerary import PointSet, Sighting, plan_itinerary
from oncewhere.drill.judging import unjudged
from oncewhere.drill.next_try import TRIES
from oncewhere.drill.points import CrashPoint, NamedCrash, Phase
from oncewhere.drill.scenario import Step
from oncewhere.drill.scenarios import SCENARIOS, SECOND_CRASH
from oncewhere.errors import InconclusiveError

if TYPE_CHECKING:
    from collections.abc import Sequence
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
    tried = Tried(tmp_path, monkeypatch, crashes=(CRASH,) if first_reached else ())
    plans = tried.plans_of(PLAN)
    assert [plan.steps[0].point.interval for plan in plans] == intervals
    assert {plan.steps[1].point for plan in plans} == {RECOVERY}


def test_the_last_repeat_of_a_message_is_waited_for_sooner_and_sooner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = Wire().commit_interval(effects=40).sightings
    tried = Tried(tmp_path, monkeypatch, shown=Wire().commit_interval(effects=24).sightings)
    itinerary = plan_itinerary(clean, PointSet.BOUNDARIES, has_effects=True)
    point = next(point for point in itinerary.points if (point.kind, point.nth) == ("commit", 40))
    tried.drill._roles[tried.version.name, point.id] = itinerary.roles[point.id]
    plans = tried.plans_of(Plan(steps=(Step(point=point),)))
    assert [plan.steps[0].point.nth for plan in plans] == [40, 24, 12, 2]


def test_at_last_it_is_waited_for_in_an_interval_that_each_run_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean, shown = Wire(), Wire()
    for effects in (3, 3, 9, 14, 11):
        clean.commit_interval(effects=effects)
    for effects in (1, 6, 2, 12, 11, 8):
        shown.commit_interval(effects=effects)
    tried = Tried(tmp_path, monkeypatch, shown=shown.sightings)
    itinerary = plan_itinerary(clean.sightings, PointSet.BOUNDARIES, has_effects=True)
    point = next(p for p in itinerary.points if (p.kind, p.interval, p.nth) == ("commit", 3, 9))
    tried.drill._roles[tried.version.name, point.id] = itinerary.roles[point.id]
    last = tried.plans_of(Plan(steps=(Step(point=point),)))[-1].steps[0].point
    assert (last.interval, last.nth, last.phase) == (2, 2, point.phase)


class Tried:
    """A drill in which nothing is reached; what it tries is written down."""

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        *,
        crashes: tuple[Any, ...] = (),
        shown: Sequence[Sighting] = (),
    ) -> None:
        (folder / "oncewhere.toml").write_text(DECLARATION)
        declaration = load(folder)
        (self.version,) = declaration.versions.values()
        self.drill = Drill(
            declaration,
            versions=[self.version],
            choice=Choice(),
            servers=[],
            folder=folder,
            recreate_topics=False,
            demonstration=False,
            listener=lambda _event: None,
        )
        self._plans: list[Plan] = []
        self._crashes, self._shown = crashes, shown
        monkeypatch.setattr(self.drill, "_trial", self._missed)

    def plans_of(self, plan: Plan) -> list[Plan]:
        result = asyncio.run(self.drill._crash(self.version, plan, 0))
        assert isinstance(result, TrialResult)
        assert result.tries == TRIES
        return self._plans

    async def _missed(self, _version: object, plan: Plan, name: str, _turn: object) -> tuple[TrialResult, Any]:
        self._plans.append(plan)
        result = unjudged(self.version, plan, InconclusiveError("not reached"), folder=name)
        return dataclasses.replace(result, crashes=self._crashes), SimpleNamespace(sightings=self._shown)
