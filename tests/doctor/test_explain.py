"""Every code that oncewhere shows to anybody has a text."""

from __future__ import annotations

from collections import Counter

import pytest

from oncewhere.cli.entry import main
from oncewhere.doctor.rules.table import RULES
from oncewhere.drill import SCENARIOS, NamedCrash, Phase, Verdict
from oncewhere.drill.checks import CHECKS, HELD
from oncewhere.drill.observations import Kind
from oncewhere.effects.honours import HONOURED
from oncewhere.explain import errors, observations, policies, verdicts, words
from oncewhere.explain.catalogue import CATALOGUE, _all, find, near
from oncewhere.runtime.failures import CONSUMER_HEALS, FAILURES


def test_every_verdict_rule_observation_and_error_is_explained() -> None:
    held_by = {policy.name for policy in HONOURED} | policies.WITHOUT_ONE.keys()
    wanted = {*Verdict, *Kind, *held_by, *RULES, *errors.classes(), *FAILURES, *CONSUMER_HEALS}
    said = {entry.code for entry in words.entries()}
    assert wanted | said == CATALOGUE.keys()
    assert {*NamedCrash, *Phase, *SCENARIOS, "EndTxn", "sprung", "Ongoing", "violated", "3"} <= said
    assert {"place", "point", "identity", "Empty", "pending", "REPRODUCED", "not reached again"} <= said
    assert {f"check {check.number}" for check in CHECKS} | {f"check {HELD}", "check 0"} <= said
    assert verdicts.TEXTS.keys() == set(Verdict)
    assert errors.TEXTS.keys() == errors.classes().keys()


def test_a_text_says_what_it_is_why_it_is_bad_and_what_to_do() -> None:
    said = {entry.code for entry in words.entries()} | policies.WITHOUT_ONE.keys()
    for code, entry in CATALOGUE.items():
        assert entry.what.endswith(".")
        if code in said:
            continue  # a word is only said what it means
        assert entry.why or code == Verdict.ONCE
        assert entry.remedy


def test_no_code_is_given_twice() -> None:
    assert [code for code, count in Counter(entry.code for entry in _all()).items() if count > 1] == []


def test_texts_of_observations_that_do_not_exist_are_not_shown() -> None:
    assert {entry.code for entry in observations.entries()} == set(Kind)


@pytest.mark.parametrize("spelled", ["hanging-transaction", "HANGING_TRANSACTION", " hanging transaction "])
def test_a_code_is_found_however_it_is_spelled(spelled: str) -> None:
    found = find(spelled)
    assert found is not None
    assert found.code == "hanging-transaction"


@pytest.mark.parametrize("spelled", ["offset-ledger", "OffsetLedger", "offset ledger"])
def test_a_policy_is_found_by_its_name_and_by_its_class(spelled: str) -> None:
    found = find(spelled)
    assert found is not None
    assert (found.code, "twice" in found.why) == ("offset-ledger", True)


def test_no_line_of_an_explanation_ends_in_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    for code in ((), ("dedupe-table",)):
        assert main(["explain", *code]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line for line in lines if line != line.rstrip()] == []


def test_an_error_of_kafka_is_found_by_its_name() -> None:
    found = find("illegal_generation")
    assert found is not None
    assert found.code == "ILLEGAL_GENERATION"
    assert find("no-such-thing") is None


def test_near_codes_come_the_nearest_first() -> None:
    assert near("duplicates")[0] == "duplicate"
    assert near("hanging")[0] == "hanging-transaction"
    assert near("LedgerRefused")[0] == "LedgerRefusedError"
    assert near("xyzzy") == []


def test_explain_prints_a_code_lists_all_and_suggests(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "duplicate"]) == 0
    assert "Why it is bad" in capsys.readouterr().out
    assert main(["explain"]) == 0
    listed = capsys.readouterr().out
    assert all(code in listed for code in CATALOGUE)
    assert main(["explain", "duplicat"]) == 2
    assert "Did you mean duplicate" in capsys.readouterr().err


def test_a_point_is_explained_by_its_parts() -> None:
    entry = find("naive/kafka.EndTxn.12.1.before")
    assert entry is not None
    assert "kafka's EndTxn, number 1 of its kind in commit interval 12; the message was dropped" in entry.what
    assert find("kafka.EndTxn.12") is None
