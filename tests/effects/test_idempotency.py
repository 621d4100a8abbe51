"""Keys and repetitions, without any server: what stays the same stays the same, and limits are limits."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from oncewhere import Derive, Function, IdempotencyKey, effect
from oncewhere.effects.http import retry_after_s
from oncewhere.effects.idempotency import key_of, nth_key
from oncewhere.effects.place import Call
from oncewhere.effects.repetition import Limits, Outcome, pause_s
from oncewhere.errors import ConfigurationError, RecordError
from oncewhere.records import Partition

PARTITION = Partition("payments", 0, "id-1")


@effect(Function("gateway", policy=IdempotencyKey()), name="charge")
def charge(key: str) -> None:
    return None


CALL = Call(charge, PARTITION, 7, 0, "e7")


def key(call: Call = CALL, derive: Derive = Derive.IDENTITY, group_id: str = "g") -> str:
    return key_of(call, derive=derive, group_id=group_id)


def test_a_key_is_a_uuid_of_version_8_and_the_same_for_ever() -> None:
    """These two are written down: a release that gives others would have every effect in flight done again."""
    assert key() == "c6a822b6-2f4f-8312-95ba-acb98ea64cb5"
    assert key(CALL, Derive.POSITION) == "ec356837-182d-83d5-a8f0-0c6d3062486c"
    assert uuid.UUID(key()).version == 8
    assert uuid.UUID(key()).variant == uuid.RFC_4122


def test_a_key_of_the_identity_is_the_same_at_every_position_and_in_every_group() -> None:
    elsewhere = replace(CALL, partition=Partition("other", 3, "id-2"), offset=99)
    assert key(elsewhere, group_id="h") == key()
    assert key(replace(CALL, identity="e8")) != key()


def test_a_key_of_the_position_differs_with_everything_that_makes_a_position() -> None:
    position = Derive.POSITION
    others = [
        key(CALL, position),
        key(CALL, position, group_id="h"),
        key(replace(CALL, partition=Partition("payments", 1, "id-1")), position),
        key(replace(CALL, partition=Partition("payments", 0, "id-2")), position),
        key(replace(CALL, offset=8), position),
        key(replace(CALL, nth=1), position),
        key(CALL),
    ]
    assert len(set(others)) == len(others)
    assert key(replace(CALL, identity="another"), position) == key(CALL, position)


def test_calls_and_requests_of_one_record_have_keys_of_their_own() -> None:
    keys = [nth_key(key(replace(CALL, nth=nth)), request) for nth in range(3) for request in range(3)]
    assert len(set(keys)) == 9
    assert keys[0] == key()


@given(st.lists(st.text(), min_size=2, max_size=2), st.lists(st.text(), min_size=2, max_size=2))
def test_two_calls_have_one_key_only_if_they_are_one(one: list[str], other: list[str]) -> None:
    def made(parts: list[str]) -> str:
        which: Any = effect(charge.place, name=parts[0])(charge.function)
        return key(replace(CALL, effect=which, identity=parts[1]))

    assert (made(one) == made(other)) == (one == other)


def test_a_record_without_identity_has_no_key_of_one() -> None:
    with pytest.raises(RecordError, match="made of the event's identity"):
        key(replace(CALL, identity=None))


LIMITS = Limits(max_attempts=3, total_s=10.0, first_pause_s=0.1, longest_pause_s=0.15)


@pytest.mark.parametrize(
    ("outcome", "repeats_unknown", "attempts", "elapsed_s", "asked_s", "expected"),
    [
        (Outcome.NOT_DONE, False, 1, 0.0, None, 0.1),
        (Outcome.NOT_DONE, True, 2, 0.0, None, 0.15),
        (Outcome.UNKNOWN, True, 1, 0.0, None, 0.1),
        (Outcome.UNKNOWN, False, 1, 0.0, None, None),
        (Outcome.NOT_DONE, True, 3, 0.0, None, None),
        (Outcome.NOT_DONE, True, 1, 0.0, 3.0, 3.0),
        (Outcome.NOT_DONE, True, 1, 0.0, 0.0, 0.1),
        (Outcome.NOT_DONE, True, 1, 9.95, None, None),
        (Outcome.NOT_DONE, True, 1, 0.0, 60.0, None),
    ],
)
def test_an_attempt_is_repeated_within_the_limits_and_never_before_it_is_asked_for(
    outcome: Outcome,
    repeats_unknown: bool,
    attempts: int,
    elapsed_s: float,
    asked_s: float | None,
    expected: float | None,
) -> None:
    found = pause_s(
        LIMITS,
        outcome,
        repeats_unknown=repeats_unknown,
        attempts=attempts,
        elapsed_s=elapsed_s,
        asked_s=asked_s,
    )
    assert found == (expected if expected is None else pytest.approx(expected))


def test_limits_without_an_attempt_are_refused() -> None:
    for wrong in ({"max_attempts": 0}, {"total_s": 0.0}, {"attempt_timeout_s": -1.0}):
        with pytest.raises(ConfigurationError, match="at least one attempt"):
            Limits(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 60.0),
        ("Wed, 21 Oct 2015 07:26:00 GMT", 0.0),
        ("Wednesday, 21-Oct-15 07:28:00 GMT", 60.0),
        ("Wed Oct 21 07:28:00 2015", 60.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_in_any_of_the_three_forms(
    header: str | None, expected: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")  # where a date without a zone would be another
    time.tzset()
    try:
        assert retry_after_s(header, now_s=1_445_412_420.0) == expected
    finally:
        monkeypatch.undo()
        time.tzset()
