"""Every code that oncewhere shows to anybody has a text."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from oncewhere import drill
from oncewhere.cli.entry import main
from oncewhere.doctor.rules.table import RULES
from oncewhere.drill import CLEAN, SCENARIOS, NamedCrash, Phase, Plan, Verdict
from oncewhere.drill.checks import CHECKS, HELD
from oncewhere.drill.observations import Kind
from oncewhere.drill.phases import PHASES
from oncewhere.effects.honours import HONOURED
from oncewhere.explain import errors, observations, policies, verdicts, words
from oncewhere.explain.catalogue import CATALOGUE, _all, find, near
from oncewhere.explain.entry import Topic
from oncewhere.report import State
from oncewhere.report.advice import explained_by
from oncewhere.report.sentence import NOTHING
from oncewhere.report.words import proof
from oncewhere.runtime.failures import CONSUMER_HEALS, FAILURES
from oncewhere.wire.kafka.apis import READ

RUN_FOLDER = Path(__file__).parents[2] / "docs" / "reference" / "run-folder.md"


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


def test_the_words_of_a_proof_and_every_message_of_kafka_that_is_read_are_explained() -> None:
    said = {entry.code: entry.topic for entry in words.entries()}
    assert {api.kind for api in READ.values()} <= {code for code, topic in said.items() if topic is Topic.MESSAGE}
    proofs = proof(drill.Crash(message="EndTxn", outcome="dropped", effects_before=1, offsets_stable=False)), NOTHING
    for printed in (
        "EndTxn",
        "dropped",
        "effect commit",
        "whole batch",
        "no transaction",
        "offsets pending",
        "NOT PROVED",
    ):
        assert any(printed in told for told in proofs)
        assert printed in said
    assert {"no crash", "named crashes", "read_committed", "noun"} <= said.keys()


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


def test_each_code_answers_for_itself_as_it_is_printed() -> None:
    assert [code for code in CATALOGUE if find(code) is not CATALOGUE[code]] == []


@pytest.mark.parametrize("verdict", Verdict)
def test_the_cure_that_a_drill_prints_explains_the_verdict(verdict: Verdict) -> None:
    for command in explained_by([(CLEAN, verdict)]):
        found = find(command.removeprefix("oncewhere explain "))
        assert found is not None
        assert (found.code, found.topic) == (verdict, Topic.VERDICT)


def test_the_cure_of_a_second_publication_is_told_with_its_scenario() -> None:
    upstream = Plan(scenario="upstream-duplicate")
    (command,) = explained_by([(upstream, Verdict.DUPLICATE), (CLEAN, Verdict.ONCE)])
    found = find(command.removeprefix("oncewhere explain "))
    assert found is not None
    assert (found.code, found.topic) == ("upstream-duplicate", Topic.SCENARIO)
    assert "position (topic, partition, offset)" in found.remedy
    assert "another position gives no output" in found.remedy
    assert found.remedy.endswith("oncewhere drill . --scenario upstream-duplicate")
    assert explained_by([(upstream, Verdict.DUPLICATE), (CLEAN, Verdict.DUPLICATE)]) == ["oncewhere explain duplicate"]
    assert explained_by([(upstream, Verdict.LOST)]) == ["oncewhere explain lost"]


def test_a_verdict_comes_before_an_error_of_kafka_of_the_same_name() -> None:
    topics = {spelled: entry.topic for spelled in ("unknown", "Unknown", "UNKNOWN") if (entry := find(spelled))}
    assert topics == {"unknown": Topic.VERDICT, "Unknown": Topic.VERDICT, "UNKNOWN": Topic.KAFKA}


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


@pytest.mark.parametrize(
    ("printed", "says"),
    [
        ("bank.commit", "commit, at the place bank. COMMIT in a database"),
        ("kafka.EndTxn", "EndTxn, at the place kafka. The producer asks"),
        ("kafka.EndTxn before", "what became of it. The request was dropped at the proxy"),
        ("after-effect-2", "Try 2 of after-effect, since the try before did not come by its point. The processor"),
        ("naive/after-effect-3", "Try 3 of naive/after-effect"),
        ("kafka.EndTxn.12.1.before-2", "Try 2 of kafka.EndTxn.12.1.before"),
        ("a try", "tried again"),
        ("not asked for", "--scenario"),
        ("boundary points", "clean run"),
        ("repeats", "commit interval"),
        ("evidence", "wire.jsonl"),
        ("owner", "document.owner"),
        ("dedupe row", "one transaction"),
    ],
)
def test_a_message_at_its_place_a_further_try_and_the_words_of_an_output_are_explained(printed: str, says: str) -> None:
    entry = find(printed)
    assert entry is not None
    assert (entry.code, says in entry.what) == (printed, True), entry.what


@pytest.mark.parametrize("unknown", ["bank.nonsense", "nothing-2", "duplicate-2", "bank.commit.sometimes"])
def test_what_only_looks_like_a_message_or_a_try_is_none(unknown: str) -> None:
    assert find(unknown) is None


def test_a_name_from_the_declaration_is_told_to_be_one_and_no_word_that_is_far_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explain", "bank"]) == 2
    told = capsys.readouterr().err
    assert "(a place, a version, a policy in its own words) has no entry." in told
    assert "rollback" not in told


def tables_of(page: Path) -> list[str]:
    """The words in the first column of a page's tables, and of its list of states; a name of a file is none."""
    text = page.read_text()
    below = text.partition("## wire.jsonl")[2]
    rows = re.findall(r"^\| ([^|]*`[^|]*) \|", below, re.MULTILINE)
    outcomes = re.findall(r"^\| `outcome` \| (.*) \|", below, re.MULTILINE)
    states = text.partition("how far a run came in `state`: ")[2].partition("`reason` says")[0]
    fields = {
        "life",
        "link",
        "sequence",
        "place",
        "system",
        "interval",
        "kind",
        "nth",
        "direction",
        "boundary",
        "outcome",
    }
    words = re.findall(r"`([^`]+)`", "\n".join([*rows, *outcomes, states]))
    return [word for word in words if word not in fields | {"fields"} and not word.startswith("--")]


def test_each_word_of_the_run_folder_s_page_is_explained() -> None:
    wanted = tables_of(RUN_FOLDER)
    assert {"running", "failed", "broker back", "unanswered", "withheld", "rejoin", "check"} <= set(wanted)
    assert len(wanted) > 40
    assert [word for word in wanted if find(word) is None] == []


def test_each_event_that_a_history_may_hold_is_explained_and_stands_on_the_page() -> None:
    written = set[str]()
    for file in (Path(drill.__file__).parent).rglob("*.py"):
        written |= set(re.findall(r'happened\(\s*"([^"]+)"', file.read_text()))
    assert {"trial", "aborted upstream", "unanswered", "ended"} <= written
    assert written - words.EVENTS.keys() - {"broker killed"} == set()
    assert written - set(tables_of(RUN_FOLDER)) == set()


def test_states_and_parts_are_those_that_there_are() -> None:
    assert {*words.STATES, "inconclusive"} == set(State)
    for part in PHASES:
        found = find(part)
        assert found is not None
        assert found.topic is Topic.PART


@pytest.mark.parametrize("printed", ["naive/after-effect", "naive/upstream-abort", "not done", "control", "POST"])
def test_a_word_is_found_as_it_is_printed(printed: str) -> None:
    assert find(printed) is not None
    assert find("naive/no-such-crash") is None


def test_a_trial_of_a_scenario_is_explained_by_its_parts() -> None:
    entry = find("naive/second-crash@after-effect+kafka.Produce.1.2.delivered")
    assert entry is not None
    assert "of naive that played the scenario second-crash after the effect, before the Kafka commit" in entry.what
    assert "and then at kafka's Produce, number 2 of its kind in commit interval 1" in entry.what
    assert find("no-such@after-effect") is None


def test_a_scenario_that_kills_nobody_drops_no_message_and_only_words_that_are_known_are_named() -> None:
    stopped, crashed = find("clean-stop@bank.commit.3.1.before"), find("bank.SET.3.1.replied")
    assert stopped is not None
    assert crashed is not None
    assert stopped.what.endswith("scenario clean-stop at bank's commit, number 1 of its kind in commit interval 3.")
    assert "explain clean-stop, oncewhere explain commit" in stopped.remedy
    assert "the message was answered, the answer never seen" in crashed.what
    assert "explain" not in crashed.remedy
