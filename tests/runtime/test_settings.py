"""What the guarantee needs is fixed; a conflicting setting is refused with what to write instead."""

from __future__ import annotations

from typing import Any

import pytest

from oncewhere.errors import ConfigurationError
from oncewhere.runtime.settings import CONSUMER_ONLY, PRODUCER_ONLY, Complete, complete

ADDRESS = {"bootstrap.servers": "localhost:9092"}


def settings(**given: Any) -> Complete:
    dotted = {name.replace("_", "."): value for name, value in given.items()}
    return complete({**ADDRESS, **dotted}, group_id="g", transactional_id="t")


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("enable.auto.commit", True, "inside the transaction.*must be false"),
        ("auto.commit.enable", "true", r"enable\.auto\.commit=true cannot be"),
        ("enable.auto.offset.store", True, "inside the transaction"),
        ("isolation.level", "read_uncommitted", "aborted transaction upstream.*must be read_committed"),
        ("enable.idempotence", False, "idempotent producer"),
        ("acks", 1, "in-sync replicas.*must be all"),
        ("max.in.flight", 5, "a new leader refused.*must be 1"),
        ("request.required.acks", "0", "in-sync replicas"),
        ("group.id", "another", r"Processor\(…, group_id=…\)"),
        ("transactional.id", "another", r"Processor\(…, transactional_id=…\)"),
        ("auto.offset.reset", "none", "Write 'earliest'"),
        ("transaction.timeout.ms", 300_000, "not below max.poll.interval.ms"),
        ("transaction.timeout.ms", "soon", "no number of milliseconds"),
        ("default.topic.config", {"auto.offset.reset": "latest"}, r"past the checks.*beside the others.*reset'"),
    ],
)
def test_a_setting_that_breaks_the_guarantee_is_refused(setting: str, value: object, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        complete({**ADDRESS, setting: value}, group_id="g", transactional_id="t")


def test_a_static_member_of_the_consumer_protocol_is_refused_since_it_could_not_come_back() -> None:
    protocol = {**ADDRESS, "group.protocol": "consumer"}
    with pytest.raises(ConfigurationError, match=r"UNRELEASED_INSTANCE_ID") as refused:
        complete({**protocol, "group.instance.id": "pod-0"}, group_id="g", transactional_id="t")
    assert "Leave it out" in (refused.value.hint or "")
    for nothing in ({}, {"group.instance.id": None}):
        consumer = complete({**protocol, **nothing}, group_id="g", transactional_id="t").consumer
        assert "group.instance.id" not in consumer


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("enable.auto.commit", "false"),
        ("isolation.level", "read_committed"),
        ("acks", "-1"),
        ("acks", "all"),
        ("enable.idempotence", "True"),
        ("default.topic.config", {}),
    ],
)
def test_a_setting_that_says_the_same_is_taken(setting: str, value: object) -> None:
    complete({**ADDRESS, setting: value}, group_id="g", transactional_id="t")


def test_each_client_gets_only_its_own_settings() -> None:
    both = settings(linger_ms=3, session_timeout_ms=6000, client_id="c")
    assert both.producer["linger.ms"] == 3
    assert both.consumer["session.timeout.ms"] == 6000
    assert both.producer["client.id"] == both.consumer["client.id"] == "c"
    assert not set(both.consumer) & PRODUCER_ONLY
    assert not set(both.producer) & CONSUMER_ONLY
    assert set(both.common) == {"bootstrap.servers", "client.id"}


def test_what_the_guarantee_needs_is_always_there() -> None:
    both = settings()
    assert both.consumer["isolation.level"] == "read_committed"
    assert both.consumer["enable.auto.commit"] is False
    assert both.consumer["enable.auto.offset.store"] is False
    assert both.consumer["auto.offset.reset"] == "error", "librdkafka must not move a position by itself"
    assert both.reset == both.claimed(commit_interval_s=0.1)["auto.offset.reset"] == "earliest"
    assert both.producer["enable.idempotence"] is True
    assert both.producer["acks"] == "all"
    assert both.producer["transactional.id"] == "t"
    assert both.transaction_timeout_s == 60


@pytest.mark.parametrize(
    ("given", "cooperative"),
    [
        ({}, False),
        ({"partition_assignment_strategy": "cooperative-sticky"}, True),
        ({"partition_assignment_strategy": "range"}, False),
        ({"group_protocol": "consumer"}, True),
    ],
)
def test_the_groups_protocol_decides_how_partitions_are_taken(given: dict[str, Any], cooperative: bool) -> None:
    assert settings(**given).cooperative is cooperative


@pytest.mark.parametrize("identity", [{"group_id": ""}, {"transactional_id": None}])
def test_an_identity_is_never_empty(identity: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(identity))):
        complete(ADDRESS, **{"group_id": "g", "transactional_id": "t", **identity})


def test_an_address_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="No Kafka address"):
        complete({}, group_id="g", transactional_id="t")


@pytest.mark.parametrize(("commit_interval_ms", "linger_ms"), [(0, 0), (20, 1), (100, 5), (10_000, 5)])
def test_outputs_wait_for_others_only_as_long_as_commits_are_apart(commit_interval_ms: int, linger_ms: float) -> None:
    done = complete(
        {"bootstrap.servers": "k:1"}, group_id="g", transactional_id="t", commit_interval_ms=commit_interval_ms
    )
    assert done.producer["linger.ms"] == linger_ms
    kept = complete({"bootstrap.servers": "k:1", "linger.ms": 3}, group_id="g", transactional_id="t")
    assert kept.producer["linger.ms"] == 3
