"""Several versions take turns at the lanes: a time limit takes the named crashes of none."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from crossing_script import Wire

from oncewhere.drill import Choice, Drill, Version, engine, load
from oncewhere.drill.itinerary import PointSet
from oncewhere.drill.judging import unjudged
from oncewhere.drill.lane import AT_ONCE, Lanes, Servers
from oncewhere.errors import InconclusiveError

DECLARATION = """
[processor]
command = ["x"]
input = "a"
output = ["b"]
group = "g"
identity = "event_id"
[effects.bank]
system = "postgresql"
policy = "none"
observe = "select 1, 1"
[drill]
inputs = "inputs.jsonl"
[versions.one]
command = ["one"]
[versions.two]
command = ["two"]
"""
ANY: Any = SimpleNamespace()


@pytest.fixture
def lanes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lanes:
    monkeypatch.setattr(Lanes, "_kafka", lambda *_: None)
    monkeypatch.setattr(Lanes, "_of_effects", lambda *_: ())
    return Lanes([Servers(bootstrap_servers="x:1", dsns={})], tmp_path, recreate_topics=False)


def test_whose_turn_is_earlier_has_the_lane_whoever_asked_first(lanes: Lanes) -> None:
    had: list[str] = []

    async def trial(name: str, turn: tuple[int, int]) -> None:
        async with lanes.take(ANY, turn):
            had.append(name)
            await asyncio.sleep(0)

    async def all_of_them() -> None:
        waiting = [
            asyncio.create_task(trial(name, turn))
            for name, turn in (("A clean", AT_ONCE), ("A 1", (0, 1)), ("A 2", (0, 2)), ("A 1 again", (1, 1)),
                               ("gone", (0, 0)), ("B 0", (0, 0)), ("B 1", (0, 1)), ("B clean", AT_ONCE))
        ]  # fmt: skip
        await asyncio.sleep(0)
        waiting[4].cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(all_of_them())
    assert had == ["A clean", "B clean", "B 0", "A 1", "B 1", "A 2", "A 1 again"]
    assert lanes._free == [0]


@pytest.mark.parametrize("cancelled_first", [True, False])
def test_a_lane_that_was_given_to_what_is_cancelled_is_free_again(lanes: Lanes, cancelled_first: bool) -> None:
    async def given_too_late() -> None:
        async with lanes.take(ANY, AT_ONCE):
            task = asyncio.create_task(contextlib.AsyncExitStack().enter_async_context(lanes.take(ANY, AT_ONCE)))
            await asyncio.sleep(0)
            if cancelled_first:
                task.cancel()
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(given_too_late())
    assert lanes._free == [0]


def test_the_named_crashes_of_all_versions_come_first_and_then_the_versions_take_turns(
    lanes: Lanes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "oncewhere.toml").write_text(DECLARATION)
    (tmp_path / "inputs.jsonl").write_text('{"value": {"event_id": "e1"}}\n')
    declaration = load(tmp_path)
    evidence = tmp_path / "run"
    evidence.mkdir()
    begun: list[tuple[str, bool]] = []
    shown = Wire().commit_interval(effects=3).commit_interval(effects=3).sightings

    class Trial:
        sightings, recovery, transaction_timeout_s = shown, (), None

        def __init__(self, *, version: Version, plan: Any, name: str, **_: Any) -> None:
            self.version, self.plan, self.name = version, plan, name

        async def run(self) -> Any:
            if not self.plan.is_clean:
                begun.append((self.version.name, self.plan.is_named_crash))
            await asyncio.sleep(0)
            result = unjudged(self.version, self.plan, InconclusiveError("a fake"), folder=self.name)
            return dataclasses.replace(result, reached=True)

    monkeypatch.setattr(engine, "Trial", Trial)
    drill = Drill(
        declaration,
        versions=[*declaration.versions.values()],
        choice=Choice(points=PointSet.BOUNDARIES),
        servers=[],
        folder=evidence,
        recreate_topics=False,
        demonstration=False,
        listener=lambda _event: None,
    )
    drill._lanes = lanes
    asyncio.run(drill.run())
    assert len(begun) > 12
    assert begun == [
        (name, named)
        for named, number in ((True, 3), (False, len(begun) // 2 - 3))
        for _ in range(number)
        for name in ("one", "two")
    ]
