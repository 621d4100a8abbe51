"""The ledger's decisions, over every small case: where a partition stands, what is recalled, what is written."""

from __future__ import annotations

import itertools

import pytest

from oncewhere.effects import ledger
from oncewhere.effects.ledger import LedgerRow, Standing
from oncewhere.effects.place import Span, Start
from oncewhere.effects.recorded import CallKey
from oncewhere.errors import LedgerRefusedError, ReplayError
from oncewhere.records import Partition

PARTITION = Partition("payments", 0, "id-1")
SMALL = range(5)


def results(*offsets: int) -> dict[CallKey, bytes]:
    return {CallKey(offset, "settle", 0): b"%d" % offset for offset in offsets}


def stand(row: LedgerRow | None, start: Start) -> Standing:
    return ledger.stand(PARTITION, row, start, group_id="settlement", place="bank")


def test_a_partition_without_a_row_is_adopted_where_reading_starts() -> None:
    for offset, committed in itertools.product(SMALL, (True, False)):
        standing = stand(None, Start(offset, committed))
        assert standing == Standing(expected=None, next_offset=offset, results={})


@pytest.mark.parametrize(("next_offset", "covered_from", "start"), list(itertools.product(SMALL, SMALL, SMALL)))
def test_a_row_is_taken_only_if_it_covers_what_is_redelivered(next_offset: int, covered_from: int, start: int) -> None:
    if covered_from > next_offset:
        return  # no such row
    row = LedgerRow(next_offset, covered_from, results(*range(covered_from, next_offset)))
    if next_offset < start or covered_from > start:
        if next_offset == start:
            return
        with pytest.raises(LedgerRefusedError, match=f"stands at {next_offset}"):
            stand(row, Start(start, committed=True))
        return
    standing = stand(row, Start(start, committed=True))
    for offset in range(start, 6):
        key = CallKey(offset, "settle", 0)
        if offset < next_offset:
            assert ledger.recall(standing, PARTITION, key) == b"%d" % offset
        else:
            assert ledger.recall(standing, PARTITION, key) is None


@pytest.mark.parametrize(("covered_from", "start"), list(itertools.product(SMALL, SMALL)))
def test_without_a_committed_offset_only_the_first_batch_itself_may_be_redelivered(
    covered_from: int,
    start: int,
) -> None:
    row = LedgerRow(4, covered_from, results(*range(covered_from, 4)))
    if covered_from == start:
        assert stand(row, Start(start, committed=False)).next_offset == 4
    else:
        with pytest.raises(LedgerRefusedError, match="no committed offset"):
            stand(row, Start(start, committed=False))


def test_a_refusal_names_the_choices() -> None:
    with pytest.raises(LedgerRefusedError) as behind:
        stand(LedgerRow(4, 2), Start(9, committed=True))
    assert behind.value.hint is not None
    assert "reset the group to 4" in behind.value.hint
    assert "set the row's next_offset and covered_from to 9" in behind.value.hint
    with pytest.raises(LedgerRefusedError) as uncovered:
        stand(LedgerRow(9, 7), Start(5, committed=True))
    assert uncovered.value.hint is not None
    assert "reset it to 7 or 9" in uncovered.value.hint


def test_a_call_that_was_not_recorded_is_never_guessed() -> None:
    standing = Standing(expected=4, next_offset=4, results=results(3))
    for key in (CallKey(3, "settle", 1), CallKey(3, "notify", 0), CallKey(2, "settle", 0)):
        with pytest.raises(ReplayError) as error:
            ledger.recall(standing, PARTITION, key)
        assert error.value.offset == key.offset


@pytest.mark.parametrize(("start", "end", "next_offset"), list(itertools.product(SMALL, SMALL, SMALL)))
def test_a_move_covers_the_whole_span_or_is_none(start: int, end: int, next_offset: int) -> None:
    if not start <= end or next_offset < start:
        return
    standing = Standing(expected=next_offset, next_offset=next_offset, results=results(*range(next_offset)))
    executed = results(*range(next_offset, end))
    move = ledger.move(standing, Span(PARTITION, start, end), executed)
    if end <= next_offset:
        assert move is None
        return
    assert move is not None
    assert (move.expected, move.next_offset, move.covered_from) == (next_offset, end, start)
    assert set(move.results) == set(results(*range(start, end)))
    again = stand(LedgerRow(move.next_offset, move.covered_from, move.results), Start(start, committed=True))
    assert again.results == ledger.moved(move).results


def test_results_before_the_committed_offset_are_forgotten() -> None:
    standing = Standing(expected=5, next_offset=5, results=results(1, 2, 3, 4))
    assert ledger.forget(standing, 3).results == results(3, 4)
    assert ledger.forget(standing, 5).results == {}


def test_offsets_that_are_no_records_are_covered_too() -> None:
    """Transaction markers take offsets: the next batch begins behind the last record, not at its next offset."""
    standing = stand(LedgerRow(10, 10), Start(10, committed=True))
    move = ledger.move(standing, Span(PARTITION, 10, 13), results(12))
    assert move is not None
    assert (move.expected, move.covered_from, move.next_offset) == (10, 10, 13)
