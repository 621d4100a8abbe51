"""What a batch covers: no record that nobody has handled, and no record twice."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from oncewhere.effects.place import Start, UndecidedError
from oncewhere.records import Partition
from oncewhere.runtime.batch import Batch
from oncewhere.runtime.positions import Positions

OLD, NEW = Partition("input", 0, "id"), Partition("input", 1, "id")


def positions(found: dict[Partition, int]) -> Positions:
    """After partition `OLD` was taken up at offset 4; the reader stands where `found` says."""
    reader: Any = SimpleNamespace(
        positions=lambda: dict(found),
        metadata=lambda: b"member",
        partition=lambda _topic, number: {0: OLD, 1: NEW}[number],
    )
    made = Positions(reader)
    made.stand({OLD: Start(4, committed=True)})
    return made


def batch(records: int) -> Batch:
    return Batch(opened_at=0.0, records=records)


def test_a_partition_that_came_in_the_same_take_is_no_part_of_the_batch() -> None:
    sealed = batch(2)
    positions({OLD: 6, NEW: 9}).seal(sealed, [])
    assert sealed.ends == {OLD: 6}


def test_what_is_kept_for_the_next_batch_is_not_covered() -> None:
    sealed = batch(2)
    kept: Any = [SimpleNamespace(topic=lambda: "input", partition=lambda: 0, offset=lambda at=at: at) for at in (6, 7)]
    positions({OLD: 8}).seal(sealed, kept)
    assert sealed.ends == {OLD: 6}


@pytest.mark.parametrize("end", [3, 4, 6], ids=["went back", "stood still", "covers fewer"])
def test_a_batch_with_more_records_than_offsets_is_not_committed(end: int) -> None:
    with pytest.raises(UndecidedError, match="given records again"):
        positions({OLD: end}).seal(batch(3), [])


def test_offsets_without_a_record_are_no_repetition() -> None:
    sealed = batch(3)
    positions({OLD: 9}).seal(sealed, [])
    assert sealed.ends == {OLD: 9}
