"""Nothing that was not put to the test is called held: the gap after an effect, and each scenario's own question."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from oncewhere.drill import Crash, Finding, NamedCrash, Verdict, testimony, untried
from oncewhere.drill.checks import Evidence, PlaceSeen, ProgressSeen
from oncewhere.drill.history import Event, Happened, Wire
from oncewhere.drill.judging import not_proved

RELEASED = {"link": "kafka#1", "reached": True}
BANK = "bank"


def witness(
    plan: str = "crash",
    *events: Event,
    name: NamedCrash | None = None,
    effects: bool = True,
    system: str = "postgresql",
    crashes: tuple[Crash, ...] = (),
    reached: bool = True,
) -> testimony.Testimony:
    subject = testimony.TrialSubject(
        version="v", plan=plan, point=None, name=name, noun="inputs", input_topic="in", group="g", judged=(BANK, "out")
    )
    systems = {BANK: system, "out": "kafka"} if effects else {"out": "kafka"}
    places = tuple(PlaceSeen(place=place, system=system, counts={}) for place, system in systems.items())
    evidence = Evidence(inputs=(), places=places, progress=ProgressSeen(committed=0, total=0))
    return testimony.Testimony(subject=subject, evidence=evidence, crashes=crashes, reached=reached, events=events)


def told(what: str, **fields: Any) -> Happened:
    return Happened(t=0, what=what, fields=fields)


@pytest.mark.parametrize(
    ("name", "effects", "effects_before", "crossed"),
    [
        (NamedCrash.AFTER_EFFECT, True, 1, True),
        (NamedCrash.AFTER_EFFECT, True, 0, False),
        (NamedCrash.AFTER_EFFECT, False, 0, True),
        (NamedCrash.BEFORE_EFFECT, True, 0, True),
        (None, True, 0, True),
    ],
)
def test_what_comes_after_the_effect_without_an_effect_does_not_cross_the_gap(
    name: NamedCrash | None, effects: bool, effects_before: int, crossed: bool
) -> None:
    sprung = told("sprung", point="kafka.EndTxn.1.1.before", action="watch", effects_before=effects_before)
    said = untried.untried(witness("broker-killed@after-effect", sprung, name=name, effects=effects), "out")
    assert said == (None if crossed else untried.NOT_CROSSED)
    earlier = told("sprung", point="kafka.EndTxn.1.1.before", action="kill")
    crash = Crash(message="EndTxn", outcome="dropped", effects_before=effects_before)
    said = untried.untried(witness("after-effect", earlier, name=name, effects=effects, crashes=(crash,)), "out")
    assert said == (None if crossed else untried.NOT_CROSSED), "a history of an earlier release says it of its kills"


COMMIT = Wire(
    t=0.0,
    life=2,
    link="bank#1",
    interval=1,
    system="sqlite",
    kind="commit",
    direction="request",
    sequence=1,
    boundary=True,
    outcome="forwarded",
)
LATE_ANSWER = msgspec.structs.replace(COMMIT, direction="reply")
LAST_REQUEST = msgspec.structs.replace(COMMIT, life=1)  # the stopped one's own, on its way
STOPPED = Happened(t=0, what="stopped", fields={"life": 1})
EXITED = Happened(t=0, what="exited", fields={"life": 2, "exit": 1})


def woken(*, finished: bool, reached: bool = True) -> Happened:
    return told("woken", link="bank#1", reached=reached, successor_had_finished=finished)


WITHOUT_STEPS = (
    "SQLite has no wire, and no commit in bank was announced (pass steps=, see docs/guides/effects-in-a-drill.md), so "
    "the gap after it was not tried"
)


@pytest.mark.parametrize(
    ("system", "announced", "why"),
    [
        ("sqlite", [], WITHOUT_STEPS),
        ("sqlite", [COMMIT], untried.NOT_CROSSED),
        ("postgresql", [], untried.NOT_CROSSED),
    ],
)
def test_a_gap_that_cannot_be_seen_since_sqlite_announces_nothing_is_told_with_the_cure(
    system: str, announced: list[Event], why: str
) -> None:
    sprung = told("sprung", point="kafka.EndTxn.1.1.before", action="kill", effects_before=0)
    seen = witness("after-effect", sprung, *announced, name=NamedCrash.AFTER_EFFECT, system=system)
    assert untried.untried(seen, BANK) == why


@pytest.mark.parametrize(
    ("plan", "events", "said"),
    [
        ("two-instances@x", [told("released", **RELEASED, joined=True)], None),
        ("two-instances@x", [told("released", **RELEASED, joined=False)], untried.NOT_JOINED),
        ("two-instances@x", [], untried.NEVER_RELEASED),
        ("withheld-answer@x", [told("released", **RELEASED, given_up=True)], None),
        ("withheld-answer@x", [told("released", **RELEASED, given_up=False)], untried.NOT_GIVEN_UP),
        ("withheld-answer@x", [told("released", link="kafka#1", reached=False, given_up=True)], None),
        ("late-request@x", [told("released", **RELEASED, given_up=True)], None),
        ("late-request@x", [told("released", **RELEASED, given_up=False)], untried.NOT_GIVEN_UP),
        ("late-request@x", [told("released", link="kafka#1", reached=False, given_up=True)], untried.NEVER_CAME),
        ("slow-effect@x", [told("released", **RELEASED, given_up=False)], None),
        ("slow-effect@x", [told("released", **RELEASED, given_up=True, outlasted=True)], None),
        ("slow-effect@x", [told("released", **RELEASED, given_up=True, outlasted=False)], untried.TOO_EARLY),
        (
            "two-instances@x",
            [told("released", **RELEASED, joined=False, exit=1)],
            untried.SECOND_ENDED.format(exit=1),
        ),
        ("slow-effect@x", [], untried.NEVER_RELEASED),
        ("zombie@x", [STOPPED, woken(finished=True)], None),
        ("zombie@x", [STOPPED, woken(finished=True, reached=False)], None),
        ("zombie@x", [STOPPED, EXITED, woken(finished=True)], None),
        ("zombie@x", [STOPPED, EXITED, woken(finished=True, reached=False)], untried.SUCCESSOR_ENDED),
        ("zombie@x", [STOPPED, COMMIT, EXITED, woken(finished=False)], untried.SUCCESSOR_ENDED),
        ("zombie@x", [STOPPED, COMMIT, woken(finished=False)], None),
        ("zombie@x", [COMMIT, STOPPED, woken(finished=False), COMMIT], untried.NO_SUCCESSOR),
        ("zombie@x", [STOPPED, LATE_ANSWER, woken(finished=False)], untried.NO_SUCCESSOR),
        ("zombie@x", [STOPPED, LAST_REQUEST, woken(finished=False)], untried.NO_SUCCESSOR),
        ("zombie@x", [], untried.NEVER_RELEASED),
        ("dedupe-window", [told("purged", place=BANK, rows=3), told("rewound", group="g")], None),
        ("dedupe-window", [told("purged", place=BANK, rows=0), told("rewound", group="g")], untried.NOTHING_FORGOTTEN),
        ("dedupe-window", [told("purged", place="other", rows=0), told("rewound", group="g")], None),
        ("dedupe-window", [told("purged", place=BANK, rows=None), told("rewound", group="g")], untried.NOT_TOLD),
        ("dedupe-window", [], untried.NOT_REPLAYED),
        ("topic-recreated", [told("recreated", topic="in", inputs=5)], None),
        ("topic-recreated", [], untried.NOT_RECREATED),
        ("clean-stop@x", [], None),
    ],
)
def test_a_scenario_whose_question_was_not_asked_proves_nothing(
    plan: str, events: list[Event], said: str | None
) -> None:
    assert untried.untried(witness(plan, *events), BANK) == said


def test_a_place_whose_count_cannot_be_above_one_is_not_held() -> None:
    blind = told("counted-blindly", place=BANK, table="processed", column="event_id")
    said = untried.untried(witness("after-effect", blind), BANK)
    assert said == untried.BLIND.format(table="processed", column="event_id")
    assert untried.untried(witness("after-effect", blind), "out") is None


def test_a_point_that_was_not_reached_proves_nothing() -> None:
    assert untried.untried(witness(reached=False), BANK) == untried.NOT_REACHED


@pytest.mark.parametrize("verdict", list(Verdict))
def test_only_a_pass_becomes_unknown_where_nothing_was_tried(verdict: Verdict) -> None:
    finding = Finding(place="bank", system="postgresql", check=6, verdict=verdict, sentence="as judged")
    changed = not_proved(finding, untried.NOT_CROSSED)
    assert changed.verdict is (Verdict.UNKNOWN if verdict is Verdict.ONCE else verdict)
