"""What becomes of a record, for everything that the tables and the batch may say of its identity."""

from __future__ import annotations

import pytest

from oncewhere.effects.dedupe import Claim, Known, Position, Ruling, rule

HERE = Position("settlement", "id-1", 0, 7)
ELSEWHERE = [
    Position("settlement", "id-1", 0, 8),
    Position("settlement", "id-1", 1, 7),
    Position("settlement", "id-2", 0, 7),  # the topic was created again
    Position("another", "id-1", 0, 7),
]


def test_an_unknown_event_is_executed() -> None:
    assert rule(None, None, HERE) is Ruling.EXECUTE


def test_the_same_position_again_is_a_redelivery() -> None:
    assert rule(Known(HERE), None, HERE) is Ruling.REPLAY


@pytest.mark.parametrize("position", ELSEWHERE)
def test_another_position_is_a_duplicate(position: Position) -> None:
    assert rule(Known(position), None, HERE) is Ruling.DUPLICATE


def test_an_event_that_only_the_dedupe_table_knows_is_a_duplicate() -> None:
    assert rule(Known(None), None, HERE) is Ruling.DUPLICATE


def test_a_second_call_of_the_same_record_is_executed() -> None:
    assert rule(None, Claim(HERE), HERE) is Ruling.EXECUTE


@pytest.mark.parametrize("position", ELSEWHERE)
def test_the_same_event_twice_in_one_batch_is_a_duplicate(position: Position) -> None:
    assert rule(None, Claim(position), HERE) is Ruling.DUPLICATE
