"""The same event published twice upstream: no more is said of it than its owner, the library or a drill has said."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from committed_facts import committed

from oncewhere.document import as_markdown, compose, drilled, from_declaration
from oncewhere.document.check import differences
from oncewhere.document.facts import Committed
from oncewhere.document.promises import BY_HAND, GUARANTEES
from oncewhere.document.sections.limits import limits
from oncewhere.drill import Finding, Plan, TrialResult, Verdict, VersionResult, load

EXAMPLE = Path(__file__).parents[2] / "examples" / "payments"


def told(facts) -> str:
    return " ".join(str(block) for block in limits(facts).blocks if "twice upstream" in str(block))


def by_hand(facts, with_effect):
    """The same policy in code that is not written with the library."""
    return with_effect(facts, functions=[], key=None, dedupe_table=None, dedupe_column=None)


def test_what_the_library_does_is_said_of_the_library_only(dedupe, with_effect):
    assert "is suppressed: it is known by its identity" in told(dedupe)
    plain = told(by_hand(dedupe, with_effect))
    assert "suppressed" not in plain
    assert "finds its row in `bank` only if the row bears the event's identity" in plain


def test_an_owner_who_says_by_what_the_row_is_known_has_said_it():
    assert "finds its row in `bank` and is not done again there" in told(committed("recorded", "java"))


def test_a_policy_of_a_known_name_promises_by_hand_what_any_dedupe_row_gives():
    version = load(EXAMPLE).versions["dedupe-table"]
    (effect,) = from_declaration(version, "oncewhere.toml", {}).effects
    assert "is the code's matter" in str(effect.guarantee)
    assert "recorded result" not in str(effect.guarantee)


def test_a_document_with_the_earlier_words_of_that_policy_still_agrees(dedupe, with_effect):
    before = with_effect(dedupe, guarantee=GUARANTEES["dedupe-table"])
    text, today = as_markdown(compose(before)), datetime(2026, 12, 1, tzinfo=UTC)

    def found(guarantee: str) -> list[str]:
        now = with_effect(dedupe, guarantee=guarantee)
        return [one.subject for one in differences(Committed(facts=before), text, now, today=today)]

    assert found(BY_HAND["dedupe-table"]) == []
    assert found("Nothing.") == ["guarantee of bank"]


@pytest.mark.parametrize("verdict", [Verdict.DUPLICATE, Verdict.ONCE])
def test_what_a_drill_found_stands_above_what_is_declared(dedupe, changed, verdict: Verdict):
    version = load(EXAMPLE).versions["dedupe-table"]
    plan = Plan(steps=(), scenario="upstream-duplicate")
    findings = tuple(
        Finding(place=p, system="kafka", check="effect", verdict=verdict, sentence="20 inputs were twice")
        for p in version.places
    )
    trial = TrialResult(plan=plan, crashes=(), reached=True, findings=findings, lives=1, duration_s=1, folder="f")
    places = drilled(VersionResult(version=version, trials=(trial,)), run="r", made_with={}).places
    facts = changed(dedupe, "drilled", places=places)
    assert ("is suppressed" in told(facts)) is (verdict is Verdict.ONCE)
    assert ("was found `duplicate` in `bank`" in told(facts)) is (verdict is Verdict.DUPLICATE)
    earlier = [msgspec.structs.replace(place, scenarios={}) for place in places]
    assert ("is suppressed" in told(changed(dedupe, "drilled", places=earlier))) is (verdict is Verdict.ONCE)
