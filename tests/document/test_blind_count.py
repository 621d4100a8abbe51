"""A count that can never be above one proves no time to be the only one, whatever the drill called it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from oncewhere.document import as_markdown, comparison, compose, drilled
from oncewhere.document.check import disagreements
from oncewhere.document.claim import claims, sentence
from oncewhere.document.observed import Seen
from oncewhere.document.statement import Standing
from oncewhere.drill import CLEAN, Finding, Plan, Step, TrialResult, Verdict, VersionResult, load, parse_id
from oncewhere.drill.observation import Kind, Observation

EXAMPLE = Path(__file__).parents[2] / "examples" / "payments"
WHY = "no second time can show in what `observe` counts"
SEEN = Observation(kind=Kind.BLIND_COUNT, place="bank", sentence="observe counts the rows of t", count=1)


def result(verdict: Verdict, *observations: Observation) -> VersionResult:
    version = load(EXAMPLE).versions["offset-ledger"]
    point = parse_id("kafka.EndTxn.2.1.before", {"kafka": "kafka"})

    def trial(plan: Plan, found: Verdict, *seen: Observation) -> TrialResult:
        findings = tuple(
            Finding(
                place=place,
                verdict=found if place == "bank" else Verdict.ONCE,
                sentence="20 inputs were twice",
                system="kafka",
                check="effect",
            )
            for place in version.places
        )
        made = TrialResult(plan=plan, crashes=(), reached=True, findings=findings, lives=2, duration_s=1, folder="f")
        return dataclasses.replace(made, observations=seen)

    crash = Plan(steps=(Step(point=point),), scenario="crash")
    return VersionResult(version=version, trials=(trial(CLEAN, Verdict.ONCE, *observations), trial(crash, verdict)))


@pytest.fixture
def blind(ledger, changed):
    """The facts of a run that counted blindly in the bank, and called it once."""
    (found,) = [p for p in drilled(result(Verdict.ONCE, SEEN), run="r", made_with={}).places if p.place == "bank"]
    places = [found if place.place == "bank" else place for place in ledger.drilled.places]
    seen = Seen(kind=SEEN.kind, place=SEEN.place, sentence=SEEN.sentence)
    return changed(changed(ledger, "drilled", places=places), "observed", undeclared=[seen])


def test_an_observed_run_does_not_call_it_another_than_was_declared(blind):
    assert not [text for text in comparison.sentences(blind) if "observe counts" in text]


def test_the_sentence_and_the_table_say_that_it_is_not_proved(blind):
    assert f"not proved to be exactly once in bank by offset-ledger: {WHY}." in sentence(blind)
    text = " ".join(as_markdown(compose(blind)).split())
    assert f"| ? bank | unknown | 1 unknown | {WHY} |" in text
    assert "- ? bank: observe counts the rows of t." in text
    assert "not declared (bank)" not in text


def test_the_check_leaves_it_open_and_does_not_call_it_undeclared(blind):
    (difference,) = disagreements(blind)
    assert (difference.subject, difference.open) == ("bank", True)
    assert WHY in difference.sentence


def test_a_run_without_the_observation_is_not_doubted_and_a_violation_stays_one():
    def at_bank(of: VersionResult):
        return drilled(of, run="r", made_with={}).at("bank")

    assert at_bank(result(Verdict.ONCE)).verdict == "once"
    lost = at_bank(result(Verdict.LOST, SEEN))
    assert (lost.verdict, lost.counts) == ("lost", {"lost": 1})
    assert "20 payments were twice" in lost.violations[0]
    assert lost.violations[1:] == [WHY]


def test_a_drill_before_the_observation_was_made_is_doubted_by_a_newer_run(ledger, changed):
    seen = Seen(kind=SEEN.kind, place=SEEN.place, sentence=SEEN.sentence)
    newer = changed(ledger, "observed", run="2026-12-30T00-00-00Z-payments-observed", undeclared=[seen])
    assert {claim.place: claim.standing for claim in claims(newer)}["bank"] is Standing.UNKNOWN
    older = msgspec.structs.replace(newer, observed=msgspec.structs.replace(newer.observed, run="2020"))
    assert {claim.place: claim.standing for claim in claims(older)}["bank"] is Standing.HOLDS
