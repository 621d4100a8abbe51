"""Each half of a replay is a life of its own: with the whole time for it, and also where the last one has ended."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from oncewhere.drill.checks import PlaceSeen
from oncewhere.drill.courses import Replay, replaying


class Forgets:
    name = "bank"
    forgets = True

    def __init__(self, done: list[str], *, observes_the_purged: bool) -> None:
        self.done = done
        self.observes_the_purged = observes_the_purged

    def now(self) -> str:
        self.done.append("cutoff")
        return "12:00"

    def seen(self, _events: Any) -> PlaceSeen:
        purged = self.observes_the_purged and any(done.startswith("purge") for done in self.done)
        return PlaceSeen(place="bank", system="postgresql", counts={} if purged else {"e1": 1})

    def purge(self, cutoff: str) -> int | None:
        self.done.append(f"purge before {cutoff}")
        return 3


@pytest.mark.parametrize("blinded", [False, True])
def test_the_second_half_is_published_and_replayed_while_the_processor_is_away(
    monkeypatch: pytest.MonkeyPatch, *, blinded: bool
) -> None:
    monkeypatch.setattr(replaying, "AGEING_S", 0.0)
    done: list[str] = []

    def said(what: str) -> Any:
        return lambda *_given, **_more: done.append(what)

    told: dict[str, dict[str, Any]] = {}

    def happened(what: str, **fields: Any) -> None:
        done.append("told")
        told[what] = fields

    async def pause() -> None:
        done.append("pause")

    kafka = SimpleNamespace(ends={0: 10}, group="g", publish=said("publish"), rewind_group=said("rewind"))
    lives = SimpleNamespace(
        lane=SimpleNamespace(kafka=kafka, worlds=[Forgets(done, observes_the_purged=blinded)]),
        history=SimpleNamespace(happened=happened),
        watch=SimpleNamespace(again=said("again")),
        later=(),
        pause=pause,
        start=said("start"),
    )

    async def play() -> list[bool]:
        course = Replay(cast("Any", lives))
        return [await course.goes_on(finished=finished) for finished in (False, True, False, True, False, True)]

    assert asyncio.run(play()) == [True, True, True, True, False, False]
    assert done[:5] == ["pause", "cutoff", "publish", "again", "start"]
    assert told["purged"] == {"place": "bank", "rows": 3, "cutoff": "12:00", "blinded": blinded}
    assert done[5:] == ["pause", "purge before 12:00", "told", "rewind", "told", "again", "start"]
