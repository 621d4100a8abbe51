"""A document stands on the newest run that visited all named crashes; a narrower one proves nothing by itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from oncewhere.document import as_markdown, compose, drilled, standing_run
from oncewhere.document.check import disagreements
from oncewhere.document.claim import claims, sentence
from oncewhere.document.statement import Standing
from oncewhere.drill import NamedCrash, Plan, Step, TrialResult, VersionResult, load, parse_id

EXAMPLE = Path(__file__).parents[2] / "examples" / "payments"


def run(facts, name, named, **fields):
    return msgspec.structs.replace(facts.drilled, run=name, named=named, **fields)


def violated(place):
    return msgspec.structs.replace(place, verdict="duplicate", counts={"duplicate": 1}, violations=["it was twice"])


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ([NamedCrash.AFTER_EFFECT], "the drill did not visit the crashes before-effect and after-commit"),
        ([NamedCrash.BEFORE_EFFECT, NamedCrash.AFTER_EFFECT], "the drill did not visit the crash after-commit"),
        ([], "before-effect, after-effect and after-commit"),
    ],
)
def test_exactly_once_is_not_claimed_until_all_named_crashes_were_visited(ledger, changed, named, words):
    facts = changed(ledger, "drilled", named=named)
    assert {claim.standing for claim in claims(facts)} == {Standing.UNKNOWN}
    assert words in sentence(facts).replace("`", "")
    assert "nothing is proved until all are" in as_markdown(compose(facts)).replace("\n  ", " ")


def test_facts_that_do_not_name_their_crashes_are_no_proof_unless_all_of_them_must_have_been_visited(ledger, changed):
    assert ledger.drilled.unvisited == []
    assert changed(ledger, "drilled", reached=1).drilled.unvisited == list(NamedCrash)
    assert changed(ledger, "drilled", points="boundaries", reached=9).drilled.unvisited == list(NamedCrash)


def test_a_processor_without_effects_has_no_crash_before_one(ledger, changed):
    facts = changed(ledger, "drilled", policies={}, named=[NamedCrash.AFTER_EFFECT, NamedCrash.AFTER_COMMIT])
    assert facts.drilled.unvisited == []


def test_a_narrower_run_takes_nothing_away_from_a_whole_one_and_the_document_says_which_counts(ledger):
    whole = run(ledger, "2026-11-25T10-00-00Z-x", list(NamedCrash))
    narrow = run(ledger, "2026-11-25T11-00-00Z-x", [NamedCrash.AFTER_EFFECT])
    chosen = standing_run([narrow, whole], ledger.declared)
    assert (chosen.run, chosen.narrower) == (whole.run, [narrow.run])
    text = " ".join(as_markdown(compose(msgspec.structs.replace(ledger, drilled=chosen))).split())
    assert f"found nothing worse: `{narrow.run}`." in text
    assert f"| run | {whole.run} |" in text


def test_a_newer_run_that_found_more_broken_counts_however_little_it_visited(ledger):
    whole = run(ledger, "2026-11-25T10-00-00Z-x", list(NamedCrash))
    places = [violated(place) if place.place == "bank" else place for place in whole.places]
    red = run(ledger, "2026-11-25T11-00-00Z-x", [NamedCrash.AFTER_EFFECT], places=places)
    chosen = standing_run([red, whole], ledger.declared)
    assert chosen == red
    assert "NOT exactly once in bank" in sentence(msgspec.structs.replace(ledger, drilled=chosen))


@pytest.mark.parametrize(
    ("promise", "verdict", "stands"),
    [
        ("exactly-once", "unknown", "newer"),
        ("exactly-once", "in-doubt", "newer"),
        ("at-most-once", "unknown", "newer"),
        ("at-most-once", "in-doubt", "whole"),
        ("exactly-once", "once", "whole"),
    ],
)
def test_a_newer_run_that_left_open_what_had_held_is_not_passed_over(ledger, with_effect, promise, verdict, stands):
    facts = with_effect(ledger, promise=promise)
    whole = run(facts, "2026-11-25T10-00-00Z-x", list(NamedCrash))
    found = {"verdict": verdict, "counts": {verdict: 1}, "violations": ["it could not be read"]}
    places = [msgspec.structs.replace(p, **found) if p.place == "bank" else p for p in whole.places]
    newer = run(facts, "2026-11-25T11-00-00Z-x", [NamedCrash.BEFORE_EFFECT, NamedCrash.AFTER_COMMIT], places=places)
    chosen = standing_run([newer, whole], facts.declared)
    assert chosen.run == {"newer": newer, "whole": whole}[stands].run
    today = msgspec.structs.replace(facts, drilled=chosen)
    opened = {difference.subject for difference in disagreements(today) if difference.open}
    assert ("bank" in opened) is (stands == "newer")
    assert ("found nothing worse" in as_markdown(compose(today))) is (stands == "whole")


def test_a_violation_counts_where_the_whole_drill_had_left_the_place_open(ledger):
    unread = [msgspec.structs.replace(p, verdict="unknown", counts={"unknown": 1}) for p in ledger.drilled.places]
    whole = run(ledger, "2026-11-25T10-00-00Z-x", list(NamedCrash), places=unread)
    red = run(ledger, "2026-11-25T11-00-00Z-x", [NamedCrash.AFTER_EFFECT], places=[violated(p) for p in unread])
    assert standing_run([red, whole], ledger.declared) == red


def test_a_run_of_what_is_declared_today_is_preferred_to_a_newer_one_of_something_else(ledger):
    mine = run(ledger, "2026-11-25T10-00-00Z-x", [NamedCrash.AFTER_EFFECT])
    other = run(ledger, "2026-11-25T11-00-00Z-x", list(NamedCrash), group="another")
    assert standing_run([other, mine], ledger.declared) == mine
    assert standing_run([other], ledger.declared) == other
    assert standing_run([], ledger.declared) is None


def test_a_named_crash_counts_as_visited_where_a_crash_came_to_it_and_nowhere_else():
    point = dataclasses.replace(parse_id("kafka.EndTxn.2.1.before", {"kafka": "kafka"}), name=NamedCrash.AFTER_EFFECT)

    def trial(name, scenario="crash", *, reached=True):
        plan = Plan(steps=(Step(point=dataclasses.replace(point, name=name)),), scenario=scenario)
        return TrialResult(plan=plan, crashes=(), reached=reached, findings=(), lives=2, duration_s=1, folder="f")

    trials = (
        trial(NamedCrash.AFTER_EFFECT),
        trial(NamedCrash.BEFORE_EFFECT, "zombie"),
        trial(NamedCrash.AFTER_COMMIT, reached=False),
    )
    result = VersionResult(version=load(EXAMPLE).versions["offset-ledger"], trials=trials)
    assert drilled(result, run="r", made_with={}).named == [NamedCrash.AFTER_EFFECT]


@pytest.mark.parametrize(
    ("run_name", "command"),
    [
        ("2026-11-25T10-00-00Z-payments", "oncewhere drill . offset-ledger -k after-effect"),
        ("2026-11-25T10-00-00Z-offset-ledger", "oncewhere drill . -k after-effect"),
    ],
)
def test_a_version_that_is_called_as_its_folder_is_not_named_in_the_command(run_name: str, command: str):
    point = dataclasses.replace(parse_id("kafka.EndTxn.2.1.before", {"kafka": "kafka"}), name=NamedCrash.AFTER_EFFECT)
    plan = Plan(steps=(Step(point=point),), scenario="crash")
    trial = TrialResult(plan=plan, crashes=(), reached=True, findings=(), lives=2, duration_s=1, folder="f")
    result = VersionResult(version=load(EXAMPLE).versions["offset-ledger"], trials=(trial,))
    assert drilled(result, run=run_name, made_with={}).command == command
