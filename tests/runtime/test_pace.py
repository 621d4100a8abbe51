"""Slow handlers get few records at a time, quick ones many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oncewhere.runtime.pace import FIRST_RECORDS, GROWTH, MAX_RECORDS, Pace


def test_it_begins_with_a_few_and_grows_while_handlers_are_quick() -> None:
    pace = Pace(within_s=1.0)
    allowed = [pace.allowed]
    for _ in range(20):
        pace.handled(pace.allowed, 0.000_001)
        allowed.append(pace.allowed)
    assert allowed[:3] == [FIRST_RECORDS, FIRST_RECORDS * GROWTH, FIRST_RECORDS * GROWTH**2]
    assert allowed[-1] == MAX_RECORDS


@pytest.mark.parametrize(("seconds_each", "expected"), [(0.1, 10), (0.5, 2), (5.0, 1), (100.0, 1)])
def test_a_slow_handler_gets_what_it_manages_in_time(seconds_each: float, expected: int) -> None:
    pace = Pace(within_s=1.0)
    for _ in range(3):
        pace.handled(pace.allowed, pace.allowed * seconds_each)
    assert pace.allowed == expected


def test_a_handler_with_large_outputs_gets_what_fits() -> None:
    pace = Pace(within_s=1.0, within_bytes=1_000_000)
    for output_bytes, expected in ((100, 64), (100, 256), (100_000, 10), (100_000, 10), (3_000_000, 1), (10, 4)):
        pace.handled(pace.allowed, 0.000_001, pace.allowed * output_bytes)
        assert pace.allowed == expected


@given(st.lists(st.tuples(st.integers(1, 10_000), st.floats(0, 1_000))))
def test_at_least_one_record_is_always_allowed(told: list[tuple[int, float]]) -> None:
    pace = Pace(within_s=1.0)
    for records, seconds in told:
        pace.handled(records, seconds)
        assert 1 <= pace.allowed <= MAX_RECORDS
