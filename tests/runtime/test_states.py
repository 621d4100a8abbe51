"""The session's tables: every state has a way on, and no producer is used after an unknown outcome."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
from confluent_kafka import KafkaError

from oncewhere.errors import ConfigurationError, FencedError, OncewhereError
from oncewhere.runtime.failures import CONSUMER_HEALS, FAILURES, Failure, Treatment, classify, consumer_error, outcome
from oncewhere.runtime.states import TABLE, Call, Outcome, State, step

ENDS = {State.FENCED, State.CLOSED}

# As the table of error codes in Kafka's documentation of its protocol says, column `retriable`.
RETRIABLE_BY_KAFKA = (
    "COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE", "NOT_COORDINATOR", "REQUEST_TIMED_OUT",
    "NETWORK_EXCEPTION", "CONCURRENT_TRANSACTIONS", "UNSTABLE_OFFSET_COMMIT", "NOT_LEADER_FOR_PARTITION",
    "LEADER_NOT_AVAILABLE", "NOT_ENOUGH_REPLICAS", "NOT_ENOUGH_REPLICAS_AFTER_APPEND", "KAFKA_STORAGE_ERROR",
    "INVALID_MSG", "UNKNOWN_TOPIC_ID", "THROTTLING_QUOTA_EXCEEDED",
)  # fmt: skip
FATAL_BY_KAFKA = (
    "INVALID_TXN_STATE", "DUPLICATE_SEQUENCE_NUMBER", "TRANSACTION_COORDINATOR_FENCED", "UNKNOWN", "TOPIC_EXCEPTION",
    "INVALID_TIMESTAMP", "OFFSET_METADATA_TOO_LARGE", "INVALID_COMMIT_OFFSET_SIZE", "INVALID_REQUIRED_ACKS",
    "UNSUPPORTED_COMPRESSION_TYPE", "INVALID_GROUP_ID", "INVALID_REQUEST",
)  # fmt: skip


def after(state: State) -> set[State]:
    return {to for (at, _, _), to in TABLE.items() if at is state}


def reachable(start: State, *, without: frozenset[tuple[Call, Outcome]] = frozenset()) -> set[State]:
    found, todo = {start}, [start]
    while todo:
        at = todo.pop()
        for (state, call, how), to in TABLE.items():
            if state is at and (call, how) not in without and to not in found:
                found.add(to)
                todo.append(to)
    return found


def test_every_state_can_be_reached() -> None:
    assert reachable(State.NEW) == set(State)


@pytest.mark.parametrize("state", sorted(set(State) - ENDS))
def test_from_every_state_the_session_gets_ready_again(state: State) -> None:
    assert State.READY in reachable(state)


def test_from_an_end_nothing_leads_on() -> None:
    assert after(State.FENCED) == {State.CLOSED}
    assert after(State.CLOSED) == {State.CLOSED}


def test_an_unknown_outcome_leads_on_only_through_a_new_producer() -> None:
    for (_, _, how), to in TABLE.items():
        if how is Outcome.UNKNOWN:
            assert to is State.SPENT
    replaced = (Call.REPLACE, Outcome.OK)
    assert State.READY not in reachable(State.SPENT, without=frozenset({replaced}))


def test_whatever_did_not_commit_leads_on_only_through_a_rewind() -> None:
    for state in (State.FAILED, State.SPENT, State.ASTRAY):
        assert State.READY not in reachable(state, without=frozenset({(Call.REWIND, Outcome.OK)}))


def test_a_commit_needs_offsets() -> None:
    assert {at for (at, call, _) in TABLE if call is Call.COMMIT} == {State.OFFSETS}


def test_a_step_that_is_in_no_table_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="no such step"):
        step(State.READY, Call.COMMIT, Outcome.OK)


@pytest.mark.parametrize(
    ("state", "call", "treatment"),
    [
        (state, call, treatment)
        for (state, call) in sorted({(at, call) for (at, call, how) in TABLE if how is Outcome.FENCED})
        for treatment in sorted(set(Treatment) - {Treatment.CONFIGURATION})
    ],
)
def test_every_failure_of_every_call_has_a_next_state(state: State, call: Call, treatment: Treatment) -> None:
    step(state, call, outcome(call, Failure("X", treatment, "")))


def test_a_lost_answer_costs_the_producer_that_still_may_be_obeyed() -> None:
    lost = classify("_TIMED_OUT", retriable=True)
    assert outcome(Call.COMMIT, lost) is Outcome.UNKNOWN
    assert outcome(Call.ABORT, lost) is Outcome.UNKNOWN
    assert outcome(Call.SEND_OFFSETS, lost) is Outcome.FATAL, "a late TxnOffsetCommit would be the next transaction's"
    assert outcome(Call.PRODUCE, lost) is Outcome.ABORTABLE, "sequence numbers guard what comes late"
    assert outcome(Call.INIT, lost) is Outcome.FATAL


def test_every_code_in_the_tables_is_one_that_librdkafka_knows() -> None:
    for code in itertools.chain(FAILURES, CONSUMER_HEALS):
        assert KafkaError(getattr(KafkaError, code)).name() == code


ELSEWHERE: Mapping[str, frozenset[str]] = {
    "fetching": frozenset({
        "OFFSET_OUT_OF_RANGE", "FETCH_SESSION_ID_NOT_FOUND", "INVALID_FETCH_SESSION_EPOCH", "FENCED_LEADER_EPOCH",
        "UNKNOWN_LEADER_EPOCH", "OFFSET_NOT_AVAILABLE", "INCONSISTENT_TOPIC_ID", "REPLICA_NOT_AVAILABLE",
    }),
    "joining a group": frozenset({
        "INCONSISTENT_GROUP_PROTOCOL", "INVALID_SESSION_TIMEOUT", "MEMBER_ID_REQUIRED", "GROUP_MAX_SIZE_REACHED",
        "UNRELEASED_INSTANCE_ID", "UNSUPPORTED_ASSIGNOR", "INVALID_REGULAR_EXPRESSION", "STREAMS_INVALID_TOPOLOGY",
        "STREAMS_INVALID_TOPOLOGY_EPOCH", "STREAMS_TOPOLOGY_FENCED",
    }),
    "share groups": frozenset({
        "INVALID_RECORD_STATE", "SHARE_SESSION_NOT_FOUND", "INVALID_SHARE_SESSION_EPOCH", "FENCED_STATE_EPOCH",
        "SHARE_SESSION_LIMIT_REACHED",
    }),
    "administration": frozenset({
        "TOPIC_ALREADY_EXISTS", "INVALID_PARTITIONS", "INVALID_REPLICATION_FACTOR", "INVALID_REPLICA_ASSIGNMENT",
        "INVALID_CONFIG", "NOT_CONTROLLER", "SECURITY_DISABLED", "LOG_DIR_NOT_FOUND", "REASSIGNMENT_IN_PROGRESS",
        "NO_REASSIGNMENT_IN_PROGRESS", "NON_EMPTY_GROUP", "GROUP_ID_NOT_FOUND", "GROUP_SUBSCRIBED_TO_TOPIC",
        "TOPIC_DELETION_DISABLED", "PREFERRED_LEADER_NOT_AVAILABLE", "ELIGIBLE_LEADERS_NOT_AVAILABLE",
        "ELECTION_NOT_NEEDED", "RESOURCE_NOT_FOUND", "DUPLICATE_RESOURCE", "UNACCEPTABLE_CREDENTIAL",
        "INVALID_UPDATE_VERSION", "FEATURE_UPDATE_FAILED", "PRINCIPAL_DESERIALIZATION_FAILURE",
        "INVALID_PRINCIPAL_TYPE", "MISMATCHED_ENDPOINT_TYPE", "UNSUPPORTED_ENDPOINT_TYPE",
    }),
    "delegation tokens": frozenset({
        "DELEGATION_TOKEN_AUTH_DISABLED", "DELEGATION_TOKEN_NOT_FOUND", "DELEGATION_TOKEN_OWNER_MISMATCH",
        "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", "DELEGATION_TOKEN_AUTHORIZATION_FAILED", "DELEGATION_TOKEN_EXPIRED",
    }),
    "connecting: librdkafka says _AUTHENTICATION": frozenset({"UNSUPPORTED_SASL_MECHANISM", "ILLEGAL_SASL_STATE"}),
    "brokers and controllers among themselves": frozenset({
        "STALE_CTRL_EPOCH", "STALE_BROKER_EPOCH", "BROKER_NOT_AVAILABLE", "LISTENER_NOT_FOUND", "INVALID_REGISTRATION",
        "INCONSISTENT_VOTER_SET", "INVALID_VOTER_KEY", "DUPLICATE_VOTER", "VOTER_NOT_FOUND", "UNKNOWN_CONTROLLER_ID",
    }),
    "metadata and telemetry: librdkafka's own affair": frozenset({
        "REBOOTSTRAP_REQUIRED", "UNKNOWN_SUBSCRIPTION_ID", "TELEMETRY_TOO_LARGE",
    }),
}  # fmt: skip
"""The codes of Kafka's protocol that no transactional call brings: what does."""


def test_every_code_of_kafka_that_a_transactional_call_may_bring_is_in_the_table() -> None:
    of_kafka = {name for name in dir(KafkaError) if name.isupper() and not name.startswith("_") and name != "NO_ERROR"}
    elsewhere = frozenset().union(*ELSEWHERE.values())
    assert of_kafka - elsewhere - FAILURES.keys() == set(), "a code that nobody has looked at"
    assert elsewhere & FAILURES.keys() == set()
    assert elsewhere <= of_kafka


@pytest.mark.parametrize(
    ("code", "treatment"),
    [
        *((code, Treatment.RETRIABLE) for code in RETRIABLE_BY_KAFKA),
        *((code, Treatment.FATAL) for code in FATAL_BY_KAFKA),
    ],
)
def test_what_librdkafka_says_nothing_about_is_repeated_only_where_kafka_calls_it_retriable(
    code: str, treatment: Treatment
) -> None:
    assert classify(code).treatment is treatment


def test_an_unknown_code_is_fatal() -> None:
    assert classify("SOMETHING_NEW").treatment is Treatment.FATAL


@pytest.mark.parametrize("code", ["_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH"])
def test_fencing_is_never_treated_as_anything_else(code: str) -> None:
    for fatal, abortable, retriable in itertools.product((True, False), repeat=3):
        assert classify(code, fatal=fatal, abortable=abortable, retriable=retriable).treatment is Treatment.FENCED


def test_librdkafkas_own_word_goes_before_the_table() -> None:
    assert classify("UNKNOWN_PRODUCER_ID", fatal=True).treatment is Treatment.FATAL
    assert classify("SOMETHING_NEW", abortable=True).treatment is Treatment.ABORTABLE
    assert classify("SOMETHING_NEW", retriable=True).treatment is Treatment.RETRIABLE


@pytest.mark.parametrize(
    ("code", "fatal", "kind"),
    [
        ("_TRANSPORT", False, None),
        ("_MAX_POLL_EXCEEDED", False, None),
        ("_MAX_POLL_EXCEEDED", True, OncewhereError),
        ("FENCED_INSTANCE_ID", True, FencedError),
        ("UNRELEASED_INSTANCE_ID", True, FencedError),
        ("TOPIC_AUTHORIZATION_FAILED", False, OncewhereError),
        ("GROUP_AUTHORIZATION_FAILED", False, ConfigurationError),
        ("UNKNOWN_TOPIC_OR_PART", False, ConfigurationError),
        ("SOMETHING_NEW", False, OncewhereError),
    ],
)
def test_a_consumers_error_mends_itself_or_ends_the_run(code: str, fatal: bool, kind: type | None) -> None:
    error = consumer_error(code, said="", fatal=fatal)
    assert type(error) is (kind or type(None))
