"""What is held is released when the processor has given it up, and no sooner; the history says whether it had."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from oncewhere.drill.courses import Held, Patience, holding
from oncewhere.proxy import LinkName

LINK = LinkName("kafka", 1, 0, "127.0.0.1:1")


@dataclass
class Stand:
    """What a course sees of a trial, by hand."""

    producers_begun: int = 1
    asked_again: bool = False
    transaction_timeout_s: float = 1.0
    left: bool = False
    exit_code: int | None = None
    link: LinkName = LINK
    told: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.trap = self.crossing = self.victim = self.history = self.watch = self

    def exited(self) -> int | None:
        return self.exit_code

    def is_left(self, link: LinkName) -> bool:
        return self.left and link == LINK

    def release(self, link: LinkName) -> bool:
        return link == LINK

    def happened(self, what: str, **fields: Any) -> None:
        self.told.append({"what": what, **fields})

    def again(self) -> None:
        pass

    def grant(self, more_s: float) -> None:
        assert more_s > 0


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    time = [100.0]
    monkeypatch.setattr(holding.time, "monotonic", lambda: time[0])
    return time


def held(stand: Stand, course: type[Held] = Held) -> Held:
    made = course(cast("Any", stand))
    asyncio.run(made.follow(cast("Any", stand)))
    assert released(made, stand) is None
    return made


def released(course: Held, stand: Stand) -> bool | None:
    """What `given_up` says of its release; None while it waits."""
    assert asyncio.run(course.goes_on(finished=False))
    return stand.told[-1]["given_up"] if stand.told else None


@pytest.mark.parametrize("change", [{"producers_begun": 2}, {"asked_again": True}, {"exit_code": 1}])
def test_it_is_released_at_once_when_the_processor_begins_anew_or_commits_again_or_ends(
    now: list[float], change: dict[str, Any]
) -> None:
    stand = Stand()
    course = held(stand)
    for name, value in change.items():
        setattr(stand, name, value)
    assert released(course, stand) is True
    assert now == [100.0]


def test_a_connection_that_the_processor_has_closed_is_given_up_when_no_next_step_comes(now: list[float]) -> None:
    stand = Stand()
    course = held(stand)
    stand.left = True
    assert released(course, stand) is None, "a new epoch may follow, and what is late is to come behind it"
    now[0] += holding.LEFT_S
    assert released(course, stand) is True


def test_a_next_step_after_the_connection_is_closed_releases_at_once(now: list[float]) -> None:
    stand = Stand(left=True)
    course = held(stand)
    stand.producers_begun += 1
    assert released(course, stand) is True
    assert now == [100.0]


def test_who_waits_to_the_end_of_the_hold_has_not_given_up(now: list[float]) -> None:
    stand = Stand()
    course = held(stand)
    now[0] += holding.HOLD_LIMIT_S
    assert released(course, stand) is False


def test_patience_is_not_shortened_by_what_the_processor_does(now: list[float]) -> None:
    stand = Stand(asked_again=True, left=True)
    course = held(stand, Patience)
    now[0] += holding.PATIENCE_MARGIN_S
    assert released(course, stand) is None
    now[0] += stand.transaction_timeout_s
    assert released(course, stand) is not None
