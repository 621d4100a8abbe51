"""A second instance has joined when the group has a member that it had not before; one that ended never will."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from oncewhere.drill.courses import Company, company

LINK = "kafka#1"


class Stand:
    """What the course sees of a trial, by hand."""

    def __init__(self) -> None:
        self.group = ["a", "b"]  # the first instance has two members of its own
        self.exit_code: int | None = None
        self.told: list[dict[str, Any]] = []
        self.settings = SimpleNamespace(deadline_s=30.0)
        self.trap = self.crossing = self.victim = self.history = self.watch = self

    async def members(self) -> list[Any]:
        return [SimpleNamespace(member_id=name) for name in self.group]

    def newest_exited(self) -> int | None:
        return self.exit_code

    def start_beside(self, *, instance: int) -> None:
        assert instance == 1

    def grant(self, more_s: float) -> None:
        assert more_s > 0

    def release(self, link: object) -> bool:
        return link == LINK

    def happened(self, _what: str, **fields: Any) -> None:
        self.told.append(fields)

    def again(self) -> None:
        pass


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    time = [100.0]
    monkeypatch.setattr(company.time, "monotonic", lambda: time[0])
    return time


def after(stand: Stand, now: list[float], seconds: float, **changes: Any) -> list[dict[str, Any]]:
    """What is told when so much time has passed, and the group or the second process has changed."""

    async def play() -> None:
        course = Company(cast("Any", stand))
        await course.follow(cast("Any", SimpleNamespace(link=LINK)))
        assert await course.goes_on(finished=False)
        for name, value in changes.items():
            setattr(stand, name, value)
        now[0] += seconds
        assert await course.goes_on(finished=False)

    asyncio.run(play())
    return stand.told


@pytest.mark.parametrize(
    ("seconds", "changes", "told"),
    [
        (1.0, {}, None),
        (1.0, {"group": ["a"]}, None),
        (1.0, {"group": ["a", "b", "c"]}, {"joined": True, "exit": None}),
        (1.0, {"exit_code": 1}, {"joined": False, "exit": 1}),
        (20.0, {}, {"joined": False, "exit": None}),
    ],
    ids=["not yet", "one left", "joined", "ended", "too late"],
)
def test_the_first_instance_goes_on_when_there_is_a_member_that_was_not_there_before(
    now: list[float], seconds: float, changes: dict[str, Any], told: dict[str, Any] | None
) -> None:
    found = after(Stand(), now, seconds, **changes)
    assert found == ([] if told is None else [{"link": LINK, "reached": True, **told}])
