"""A committed document is compared with what is so today: each kind of change is found and named."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from rich.console import Console

from oncewhere.cli import document
from oncewhere.document import Committed, as_markdown, compose, decode, differences, encode
from oncewhere.document.declared import DeclaredEffect
from oncewhere.document.observed import Fetched, Seen
from oncewhere.drill.claims import Reader

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def found(committed, now, **more):
    text = as_markdown(compose(committed))
    return [d.sentence for d in differences(Committed(facts=committed), text, now, today=NOW, **more)]


def test_a_document_of_the_same_facts_agrees(ledger, dedupe, naive):
    for facts in (ledger, dedupe, naive):
        assert found(facts, facts) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"group": "other"}, "the group: was “settlement”, is now “other”."),
        (
            {"transactional_id": "pay-{instance}"},
            "transactional.id: was “settlement-{instance}”, is now “pay-{instance}”.",
        ),
        ({"replay_horizon": None}, "the replay horizon: was “7 days”, is now not stated."),
        ({"outputs": ["payment-settled", "audit"]}, "the outputs: was payment-settled, is now payment-settled, audit."),
        ({"readers": [Reader(name="x")]}, "x  unknown"),
        ({"settings": {}}, "transaction.timeout.ms: was “12000”, is now not stated."),
        ({"contradictions": ["The group is `a` here, and `b` there."]}, "The group is `a` here, and `b` there."),
    ],
)
def test_what_is_declared_otherwise_is_named(ledger, changed, change, sentence):
    assert any(sentence in told for told in found(ledger, changed(ledger, "declared", **change)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"policy": "at-least-once"}, "policy of bank: was “offset-ledger”, is now “at-least-once”."),
        ({"retention": "2 days"}, "retention of bank: was not stated, is now “2 days”."),
        (
            {"keys": {"settlement": []}},
            "unique keys in the schema of bank: was account: (account_id); settlement: none, is now settlement: none.",
        ),
    ],
)
def test_an_effect_that_is_declared_otherwise_is_named(ledger, with_effect, change, sentence):
    assert any(sentence in told for told in found(ledger, with_effect(ledger, **change)))


def test_an_effect_that_was_added_or_is_gone_is_named(ledger, changed):
    more = [*ledger.declared.effects, DeclaredEffect(name="mail", system="smtp", policy="none")]
    told = found(ledger, changed(ledger, "declared", effects=more))
    assert any("An effect was added that the document does not know: mail (smtp)." in sentence for sentence in told)
    assert any(
        "effect in bank, which is gone" in sentence
        for sentence in found(ledger, changed(ledger, "declared", effects=[]))
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"same_after_restart": False}, "transactional.id after a restart: was yes, is now no"),
        ({"transactional_ids": ["other-0"]}, "transactional.id on the wire: was settlement-0, is now other-0"),
        ({"offsets": {"OffsetCommit": 2}}, "positions are committed in the transaction: was yes, is now no"),
        ({"api_versions": {"EndTxn": [5]}}, "versions of the transactional APIs: was"),
        ({"clients": ["librdkafka 3"]}, "the client: was confluent-kafka-python"),
        ({"transaction_timeout_ms": [900_000]}, "transaction.timeout.ms on the wire: was 12000, is now 900000"),
        (
            {
                "fetches": [
                    Fetched(client_id="c", groups=[], topics=["payment-authorized"], isolation_level="read_uncommitted")
                ]
            },
            "`isolation.level` is declared as `read_committed`, and client c reads `payment-authorized` with",
        ),
        ({"undeclared": [Seen(kind="k", place="kafka", sentence="records went to audit")]}, "records went to audit."),
    ],
)
def test_what_a_newer_run_shows_otherwise_is_named(ledger, changed, change, sentence):
    newer = changed(ledger, "observed", run="2026-11-30T00-00-00Z-payments", **change)
    assert any(sentence in told for told in found(ledger, newer))


def test_another_run_that_shows_the_same_changes_nothing(ledger, changed):
    newer = changed(ledger, "observed", run="2026-11-30T00-00-00Z-payments", trials=9, starts=20)
    assert found(ledger, newer) == []


def test_a_newer_drill_that_found_worse_is_named(ledger, naive):
    worse = msgspec.structs.replace(
        naive.drilled, run="2026-11-30T00-00-00Z-payments", policies=ledger.drilled.policies
    )
    told = found(ledger, msgspec.structs.replace(ledger, drilled=worse))
    assert any(
        "The document says once of bank, and 2026-11-30T00-00-00Z-payments found duplicate" in one for one in told
    )


def test_evidence_that_is_too_old_is_named_and_evidence_without_a_date_leaves_it_open(ledger, changed):
    old = changed(ledger, "drilled", date="2026-01-01T00:00:00Z")
    assert any("days old, and may be 90" in told for told in found(old, old, max_age_days=90))
    assert found(old, old) == []
    undated = changed(ledger, "drilled", date=None)
    (open_one,) = differences(
        Committed(facts=undated), as_markdown(compose(undated)), undated, today=NOW, max_age_days=90
    )
    assert open_one.open


def test_a_document_that_was_edited_by_hand_is_named_with_its_lines(ledger):
    text = as_markdown(compose(ledger)).replace("team.", "nobody.")
    (difference,) = differences(Committed(facts=ledger), text, ledger, today=NOW)
    assert "edited by hand" in difference.sentence
    assert "nobody" in difference.sentence


def test_a_document_that_no_drill_stands_behind_leaves_it_open(ledger):
    undrilled = msgspec.structs.replace(ledger, drilled=None)
    told = differences(Committed(facts=undrilled), as_markdown(compose(undrilled)), undrilled, today=NOW)
    assert told
    assert all(difference.open for difference in told)


def test_a_document_that_an_earlier_version_worded_otherwise_was_not_edited(ledger):
    earlier = as_markdown(compose(ledger)).replace("Do not edit it by hand.", "Leave it alone.")
    committed = decode(encode(ledger, earlier), "exactly-once.json")
    assert differences(committed, earlier.replace("\n", "\r\n"), ledger, today=NOW) == []
    assert differences(committed, earlier.replace("settlement-0", "x"), ledger, today=NOW) != []


def test_a_dedupe_column_that_an_earlier_version_assumed_was_no_declaration(dedupe, with_effect):
    assert dedupe.declared.effects[0].dedupe_column == "event_id"
    assert found(dedupe, with_effect(dedupe, dedupe_column=None, key="event_id")) == []
    assert any("dedupe column of bank" in told for told in found(dedupe, with_effect(dedupe, dedupe_column="other")))


def test_a_document_that_says_of_a_broken_promise_that_it_is_broken_is_not_said_to_differ(
    ledger, naive, tmp_path, monkeypatch, capsys
):
    broken = msgspec.structs.replace(
        ledger, drilled=msgspec.structs.replace(naive.drilled, policies=ledger.drilled.policies)
    )
    text = as_markdown(compose(broken))
    (tmp_path / "D.json").write_bytes(encode(broken, text))
    one = document.Documented(
        name="offset-ledger", declaration=None, markdown=tmp_path / "D.md", evidence=tmp_path / "D.json"
    )
    monkeypatch.setattr(document, "_facts", lambda *_, **__: broken)
    for edited, said in (
        ("", "says what is so, and that is not what is promised"),
        ("\nAnd so on.", "no longer agrees"),
    ):
        (tmp_path / "D.md").write_text(text + edited)
        assert document._checked(one, (), None, Console(width=300), require_once=False) == 1
        assert f"D.md {said}:" in capsys.readouterr().out
