"""What may be claimed follows from the facts: a broken place is said to be NOT once, and what is unknown is no pass."""

from __future__ import annotations

import msgspec
import pytest

from oncewhere.document import as_markdown, compose
from oncewhere.document.check import disagreements
from oncewhere.document.claim import claims, sentence, unpromised
from oncewhere.document.drilled import PlaceDrilled
from oncewhere.document.observed import Fetched, Seen, SeenAt
from oncewhere.document.sections.runbook import runbook
from oncewhere.document.statement import Basis, Heading, Standing
from oncewhere.drill.footprints import Footprint


def standing(facts, place="bank"):
    claim = next(claim for claim in claims(facts) if claim.place == place)
    return claim.standing, claim.basis


def at_bank(facts, verdict, **counts):
    """The facts, with another finding in the bank."""
    found = PlaceDrilled(
        place="bank", system="postgresql", verdict=verdict, counts=counts, violations=[f"it was {verdict}"]
    )
    places = [place for place in facts.drilled.places if place.place != "bank"]
    drilled = msgspec.structs.replace(facts.drilled, places=[*places, found])
    return msgspec.structs.replace(facts, drilled=drilled)


def test_the_sentence_says_where_it_holds_and_where_not(ledger, naive):
    assert sentence(ledger) == (
        "Exactly once in Kafka from `payment-authorized` to `payment-settled`, and in bank by offset-ledger."
    )
    assert sentence(naive).startswith(
        "Exactly once in Kafka from `payment-authorized` to `payment-settled`; NOT exactly once in bank, where no "
        "policy is declared: 20 payments happened here more than once"
    )


@pytest.mark.parametrize(
    ("policy", "mark", "words"),
    [
        ("undeclared", "?", "nobody has declared what prevents a duplicate. *[no evidence]"),
        ("none", "✗", "nothing prevents a duplicate: after a crash the effect may happen again. *[declared]"),
    ],
)
def test_what_nobody_has_declared_is_not_told_as_declared_to_be_nothing(ledger, with_effect, policy, mark, words):
    facts = with_effect(ledger, policy=policy, promise="nothing", guarantee=None)
    text = " ".join(as_markdown(compose(facts)).split())
    assert f"- {mark} bank: {words}" in text


@pytest.mark.parametrize(
    ("policy", "promise", "words"),
    [
        ("undeclared", "nothing", "declare `policy` in [effects.bank], and drill again"),
        ("none", "nothing", "bank: nothing is promised: declare `policy` in [effects.bank]"),
        ("our own way", None, "declare `promise` in [document.effects.bank]"),
        ("our own way", "exactly-once", ""),
        ("read-only", "nothing", ""),
    ],
)
def test_a_place_that_held_and_promises_nothing_says_what_to_declare(ledger, with_effect, policy, promise, words):
    facts = with_effect(ledger, policy=policy, promise=promise, guarantee=None)
    drilled = msgspec.structs.replace(facts.drilled, policies={"bank": policy})
    found = "; ".join(unpromised(msgspec.structs.replace(facts, drilled=drilled)))
    assert words in found
    assert bool(found) is bool(words)


def test_a_promise_that_no_drill_has_tried_is_not_claimed(ledger):
    undrilled = msgspec.structs.replace(ledger, drilled=None)
    assert {claim.standing for claim in claims(undrilled)} == {Standing.UNKNOWN}
    assert sentence(undrilled).startswith("Not proved to be exactly once in Kafka")


def test_a_clean_run_proves_nothing(ledger, changed):
    assert standing(changed(ledger, "drilled", reached=0)) == (Standing.UNKNOWN, Basis.NONE)


def test_a_drill_of_another_policy_proves_nothing_of_this_one(ledger, with_effect):
    other = with_effect(ledger, policy="dedupe-table")
    assert standing(other) == (Standing.UNKNOWN, Basis.NONE)
    assert "the policy of `bank` was offset-ledger" in sentence(other)


@pytest.mark.parametrize(
    ("promise", "verdict", "counts", "expected"),
    [
        ("exactly-once", "duplicate", {"duplicate": 1}, Standing.BROKEN),
        ("exactly-once", "lost", {"lost": 1}, Standing.BROKEN),
        ("exactly-once", "unknown", {"unknown": 1}, Standing.UNKNOWN),
        ("exactly-once", "in-doubt", {"in-doubt": 1}, Standing.UNKNOWN),
        ("at-least-once", "duplicate", {"duplicate": 1, "once": 2}, Standing.HOLDS),
        ("at-least-once", "lost", {"lost": 1, "duplicate": 1}, Standing.BROKEN),
        ("at-most-once", "in-doubt", {"in-doubt": 1}, Standing.HOLDS),
        ("at-most-once", "lost", {"lost": 1}, Standing.HOLDS),
        ("at-most-once", "unknown", {"unknown": 3}, Standing.UNKNOWN),
        ("at-most-once", "in-doubt", {"in-doubt": 2, "unknown": 1}, Standing.UNKNOWN),
        ("at-most-once", "lost", {"lost": 1, "unknown": 2}, Standing.UNKNOWN),
        ("at-most-once", "lost", {"lost": 1, "in-doubt": 2}, Standing.HOLDS),
        ("at-least-once", "duplicate", {"duplicate": 1, "unknown": 1}, Standing.UNKNOWN),
        ("at-most-once", "duplicate", {"duplicate": 1}, Standing.BROKEN),
        ("once-in-the-end", "duplicate", {"duplicate": 1}, Standing.BROKEN),
        ("once-in-the-end", "once", {"once": 3}, Standing.HOLDS),
    ],
)
def test_what_was_found_is_measured_by_what_is_promised(ledger, with_effect, promise, verdict, counts, expected):
    assert standing(at_bank(with_effect(ledger, promise=promise), verdict, **counts))[0] is expected


def test_an_unknown_behind_a_verdict_that_is_allowed_is_an_open_difference(ledger, with_effect):
    facts = at_bank(with_effect(ledger, promise="at-most-once"), "lost", lost=1, unknown=2)
    (difference,) = disagreements(facts)
    assert difference.open
    assert "not proved to be at most once in bank" in difference.sentence.lower()
    assert (
        "the verdict is `unknown` at 2 crashes (the evidence does not reach: neither held nor violated)"
        in difference.sentence
    )


@pytest.mark.parametrize(
    ("policy", "entry"),
    [("at-most-once", "A call is in doubt"), ("compensate", "An undo is in doubt"), ("offset-ledger", None)],
)
def test_the_runbook_has_what_a_policy_may_leave_in_doubt(ledger, with_effect, policy, entry):
    blocks = runbook(with_effect(ledger, policy=policy)).blocks
    doubts = [block.text for block in blocks if isinstance(block, Heading) and "in doubt" in block.text]
    assert doubts == ([entry] if entry else [])
    assert any("No call can be in doubt" in str(block) for block in blocks) is (entry is None)


def test_a_place_without_a_promise_is_only_said_to_have_been_once(ledger, with_effect):
    unstated = with_effect(ledger, promise=None)
    assert "once at every crash that was visited, though nobody has stated a promise" in sentence(unstated)


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ({"offsets": {"OffsetCommit": 3}}, "outside of any transaction"),
        ({"offsets": {"OffsetCommit": 1, "TxnOffsetCommit": 3}}, "outside of any transaction"),
        ({"offsets_with_generation": False}, "no zombie is fenced"),
        ({"records_outside": {"payment-settled": 1}}, "records of `payment-settled` were produced outside"),
        (
            {
                "fetches": [
                    Fetched(
                        client_id="c", groups=["g"], topics=["payment-authorized"], isolation_level="read_uncommitted"
                    )
                ]
            },
            "`isolation.level=read_uncommitted`",
        ),
    ],
)
def test_what_was_seen_breaks_kafkas_guarantee_whatever_the_drill_found(ledger, changed, seen, words):
    facts = changed(ledger, "observed", **seen)
    assert standing(facts, "Kafka") == (Standing.BROKEN, Basis.OBSERVED)
    assert "NOT exactly once in Kafka" in sentence(facts)
    assert words in sentence(facts)


def test_a_dedupe_table_without_its_key_breaks_the_promise_by_the_schema_alone(dedupe, with_effect):
    gone = with_effect(dedupe, keys={"processed_event": []})
    assert standing(gone) == (Standing.BROKEN, Basis.DECLARED)
    assert "nothing refuses a second row" in sentence(gone)
    wider = with_effect(dedupe, keys={"processed_event": [["event_id", "processed_at"]]})
    assert standing(wider)[0] is Standing.BROKEN


@pytest.mark.parametrize(
    ("key", "keys", "expected", "words"),
    [
        (None, [], Standing.BROKEN, "no unique key of `processed_event` is there, so nothing refuses a second row"),
        (None, [["id"]], Standing.HOLDS, "which column of `processed_event` is to refuse a second row is not stated"),
        ("id", [["id"]], Standing.HOLDS, "the schema makes `id` a unique key of `processed_event`"),
        ("the id", [["id"]], Standing.HOLDS, "which column of `processed_event` is to refuse a second row"),
    ],
)
def test_where_no_dedupe_column_is_declared_none_is_assumed(dedupe, changed, with_effect, key, keys, expected, words):
    unseen = changed(dedupe, "observed", places={})
    facts = with_effect(unseen, dedupe_column=None, key=key, keys={"processed_event": keys})
    assert standing(facts)[0] is expected
    assert words in " ".join(as_markdown(compose(facts)).split())


def test_a_dedupe_table_whose_key_the_database_does_not_have_breaks_it_too(dedupe, changed):
    seen = SeenAt(writes=True, unique_keys={"processed_event": []})
    assert standing(changed(dedupe, "observed", places={"bank": seen})) == (Standing.BROKEN, Basis.OBSERVED)


def test_a_dedupe_row_in_a_transaction_of_its_own_breaks_it(dedupe, changed):
    apart = [Footprint(tables=["settlement"], transactions=9), Footprint(tables=["processed_event"], transactions=9)]
    facts = changed(dedupe, "observed", places={"bank": SeenAt(writes=True, footprints=apart)})
    assert standing(facts) == (Standing.BROKEN, Basis.OBSERVED)
    assert "never commit in one transaction" in sentence(facts)


def test_a_key_that_changes_breaks_it(ledger, changed):
    seen = Seen(kind="changing-idempotency-key", place="bank", sentence="3 events had another Idempotency-Key")
    assert standing(changed(ledger, "observed", undeclared=[seen])) == (Standing.BROKEN, Basis.OBSERVED)
