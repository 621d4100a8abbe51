"""An identity stays, or it is refused with the reason; a random one is taken only by name."""

from __future__ import annotations

import uuid

import pytest

from oncewhere import ConfigurationError, Processor, RandomIdentity, StableOrdinal
from oncewhere.runtime.identity import resolve


@pytest.mark.parametrize(
    ("value", "expected"),
    [("settlement-3", "pay-3"), ("7", "pay-7"), ("worker@12", "pay-12"), ("settlement-007", "pay-7")],
)
def test_an_ordinal_comes_from_what_the_platform_gives(value: str, expected: str) -> None:
    assert resolve(StableOrdinal("pay", variable="POD"), group_id="g", environment={"POD": value}) == expected


def test_two_instances_have_two_names() -> None:
    names = {
        resolve(StableOrdinal("pay"), group_id="g", environment={"ONCEWHERE_INSTANCE": str(ordinal)})
        for ordinal in range(10)
    }
    assert len(names) == 10


@pytest.mark.parametrize("value", ["", "settlement", "settlement-7f9c6d5b8-x2x4z", "3-settlement"])
def test_what_ends_in_no_ordinal_is_refused_with_what_to_do(value: str) -> None:
    with pytest.raises(ConfigurationError, match="POD") as refused:
        resolve(StableOrdinal("pay", variable="POD"), group_id="g", environment={"POD": value})
    assert refused.value.hint


@pytest.mark.parametrize(
    ("name", "what"),
    [
        (str(uuid.UUID(int=0x1234_5678_9ABC_4DEF_8123_4567_89AB_CDEF)), "a random UUID"),
        ("pay-" + uuid.UUID(int=0x1234_5678_9ABC_4DEF_8123_4567_89AB_CDEF).hex, "a random UUID"),
        ("settlement-7f9c6d5b8-x2x4z", "a Deployment's pod name"),
    ],
)
def test_a_name_that_changes_at_each_start_is_refused_with_the_reason(name: str, what: str) -> None:
    with pytest.raises(ConfigurationError, match=what) as refused:
        Processor({"bootstrap.servers": "127.0.0.1:1"}, group_id="g", transactional_id=name)
    assert "readers would stand still" in str(refused.value)
    assert "StableOrdinal" in (refused.value.hint or "")


@pytest.mark.parametrize("name", ["settlement-0", "eu-west-1-settlement", "payments-fraud-check", "a"])
def test_a_name_of_ones_own_is_taken_as_it_is(name: str) -> None:
    assert resolve(name, group_id="g") == name


def test_a_random_one_is_taken_only_by_name_and_with_a_reason() -> None:
    names = {resolve(RandomIdentity("a throw-away test cluster"), group_id="g") for _ in range(2)}
    assert len(names) == 2
    assert all(name.startswith("g-") for name in names)
    with pytest.raises(ConfigurationError, match="needs a reason"):
        resolve(RandomIdentity(" "), group_id="g")


def test_the_environment_is_read_where_no_other_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCEWHERE_INSTANCE", "4")
    app = Processor({"bootstrap.servers": "127.0.0.1:1"}, group_id="g", transactional_id=StableOrdinal("settlement"))
    assert app.declaration().transactional_id == "settlement-4"
