"""The offset ledger's decisions, without I/O: a row and a start in; what to execute, recall and write out.

One row stands for one group and one partition in the effect's own database:

    next_offset     everything before it has happened here
    covered_from    the results of [covered_from, next_offset) are in the row
    results         what the effects of those records returned

Let C be the group's committed offset. Kafka redelivers from C, the place has gone to N = next_offset:

    no row            nothing happened here yet: adopt the partition at C, the first decision inserts the row N = C
    level: every record is new N > C, covered    redelivery: records of [C, N) get their recorded results, from N on
    they are new N > C, uncovered  refused: some of [C, N) happened, and what they returned is gone N < C
    refused: Kafka says that records are done which this database never saw (a restored backup, a reset)

A decision moves N to N' only if the row still says N (compare-and-set): a zombie loses there. The row then carries the
results of [C, N'), the recalled ones and the new ones, since all of them may be asked for again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oncewhere.errors import LedgerRefusedError, ReplayError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oncewhere.effects.place import Span, Start
    from oncewhere.effects.recorded import CallKey, Results
    from oncewhere.records import Partition


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What the ledger says of one partition; offsets as in the module's text."""

    next_offset: int
    covered_from: int
    results: Results = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a partition stands in this place, as we last read or wrote it.

    Attributes:
        expected: the row's `next_offset`, to compare with; None when there is no row yet.
        next_offset: the first offset that is new here.
        results: what may be recalled.
    """

    expected: int | None
    next_offset: int
    results: Results


@dataclass(frozen=True, slots=True)
class Move:
    """One row of a decision: compare `expected` (None: no row) and set the rest."""

    partition: Partition
    expected: int | None
    next_offset: int
    covered_from: int
    results: Results


def stand(partition: Partition, row: LedgerRow | None, start: Start, *, group_id: str, place: str) -> Standing:
    """Where a partition stands, or a refusal; see the module's text.

    Args:
        partition: which one.
        row: what the ledger says; None when it has no row.
        start: where Kafka will deliver from.
        group_id: the consumer group, for the sentence of a refusal.
        place: the place's name, for the sentence of a refusal.

    Raises:
        LedgerRefusedError: the row contradicts the start. It names the operator's choices.
    """
    if row is None:
        return Standing(expected=None, next_offset=start.offset, results={})
    who = f"The ledger of group {group_id!r} in {place!r} stands at {row.next_offset} for {partition}"
    if not start.committed and start.offset != row.covered_from:
        raise LedgerRefusedError(
            f"{who}, but the group has no committed offset there, and would start at {start.offset}.",
            hint=f"Commit offset {row.covered_from} for the group to go on from the last batch (its results are "
            "recorded), or delete the row to do everything again from the start.",
        )
    if row.next_offset < start.offset:
        raise LedgerRefusedError(
            f"{who}, behind the group's committed offset {start.offset}: this database has not seen records "
            "that Kafka says are done.",
            hint=f"If an older backup was restored, reset the group to {row.next_offset} (their outputs appear again); "
            f"if the group was moved forward on purpose, set the row's next_offset and covered_from to {start.offset}.",
        )
    if row.next_offset > start.offset and row.covered_from > start.offset:
        raise LedgerRefusedError(
            f"{who}, ahead of the group's committed offset {start.offset}, and the recorded results begin only "
            f"at {row.covered_from}: what the effects before that returned is gone.",
            hint=f"If the group was moved back by mistake, reset it to {row.covered_from} or {row.next_offset}; "
            "to do the effects again on purpose, delete the row.",
        )
    return Standing(expected=row.next_offset, next_offset=row.next_offset, results=row.results)


def recall(standing: Standing, partition: Partition, key: CallKey) -> bytes | None:
    """The recorded result of a call, or None when the record is new here and the effect must be executed.

    Raises:
        ReplayError: the record is redelivered, and this call of it was not recorded.
    """
    if key.offset >= standing.next_offset:
        return None
    raw = standing.results.get(key)
    if raw is None:
        raise ReplayError(
            f"redelivered, but no result of effect {key.effect!r} (call {key.nth}) was recorded for it.",
            topic=partition.topic,
            partition=partition.number,
            offset=key.offset,
            hint="Run the handler that made the recorded effects until the group has passed this offset; "
            "a handler must ask for the same effects in the same order when it sees the same record again.",
        )
    return raw


def move(standing: Standing, span: Span, executed: Results) -> Move | None:
    """The row that a batch writes, or None when all of it happened here before.

    The results written are those of the whole span: should Kafka's transaction fail now, all of it is redelivered.
    """
    if span.end <= standing.next_offset:
        return None
    recalled = {key: raw for key, raw in standing.results.items() if span.start <= key.offset}
    return Move(
        partition=span.partition,
        expected=standing.expected,
        next_offset=span.end,
        covered_from=span.start,
        results={**recalled, **executed},
    )


def moved(written: Move) -> Standing:
    """Where the partition stands once the move is committed."""
    return Standing(expected=written.next_offset, next_offset=written.next_offset, results=written.results)


def forget(standing: Standing, committed: int) -> Standing:
    """The standing without the results before Kafka's committed offset: they cannot be asked for again."""
    kept: Mapping[CallKey, bytes] = {key: raw for key, raw in standing.results.items() if key.offset >= committed}
    return Standing(expected=standing.expected, next_offset=standing.next_offset, results=kept)
