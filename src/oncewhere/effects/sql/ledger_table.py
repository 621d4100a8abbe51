"""The offset ledger as a table: rows and moves in and out, through any `Database`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oncewhere.effects import ledger
from oncewhere.effects.ledger import LedgerRow, Move, Standing
from oncewhere.effects.place import Batch, Call, Start
from oncewhere.effects.recorded import CallKey, pack, unpack
from oncewhere.effects.sql.connection import Cause, Database, Statement, find, inserting
from oncewhere.effects.sql.dialect import Kind
from oncewhere.effects.sql.keeper import Keeper, Page
from oncewhere.effects.sql.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oncewhere.effects.policy import OffsetLedger
    from oncewhere.effects.sql.dialect import Dialect
    from oncewhere.records import Partition

LEDGER = Table(
    columns={
        "group_id": Kind.NAME,
        "topic_id": Kind.NAME,
        "partition": Kind.INTEGER,
        "topic": Kind.NAME,
        "next_offset": Kind.BIGINT,
        "covered_from": Kind.BIGINT,
        "results": Kind.BYTES,
    },
    key=("group_id", "topic_id", "partition"),
    stamp="updated_at",
    hot=True,
)


class LedgerKeeper(Keeper):
    """Keeps the ledger of one group in one database.

    Args:
        policy: the policy that asked for it.
        group_id: the consumer group.
        place: the place's name, for sentences.
        dialect: the database's SQL.
    """

    watches_keys = False

    def __init__(self, policy: OffsetLedger, *, group_id: str, place: str, dialect: Dialect) -> None:
        self._policy = policy
        self._group_id = group_id
        self.place = place
        self._dialect = dialect
        self._standings: dict[Partition, Standing] = {}
        q = dialect.quoted
        # Compared and set in one statement: how many rows it touched is the answer.
        self._compare_and_set = (
            f"update {q(policy.table)} set {q('next_offset')} = %s, {q('covered_from')} = %s, "  # noqa: S608 - quoted
            f"{q('results')} = %s, {q('topic')} = %s, {q('updated_at')} = current_timestamp "
            f"where {q('group_id')} = %s and {q('topic_id')} = %s and {q('partition')} = %s and {q('next_offset')} = %s"
        )

    def prepare(self, db: Database) -> None:
        """Checks the table's shape, and creates it where the policy says so."""
        LEDGER.ensure(db, self._policy.table, create=self._policy.create, place=self.place)

    def assigned(self, db: Database, starts: Mapping[Partition, Start]) -> None:
        """Reads the rows of these partitions and takes their standings, or refuses."""
        by_id = {(partition.topic_id, partition.number): partition for partition in starts}
        found = find(
            db,
            self._policy.table,
            ("topic_id", "partition", "next_offset", "covered_from", "results"),
            among=("topic_id", db.dialect.reports(Kind.NAME)),
            values=sorted({topic_id for topic_id, _ in by_id}),
            where={"group_id": self._group_id},
        )
        rows = {
            by_id[topic_id, number]: LedgerRow(next_offset, covered_from, unpack(results))
            for topic_id, number, next_offset, covered_from, results in found
            if (topic_id, number) in by_id
        }
        for partition, start in starts.items():
            self._standings[partition] = ledger.stand(
                partition,
                rows.get(partition),
                start,
                group_id=self._group_id,
                place=self.place,
            )

    def released(self, partitions: Iterable[Partition]) -> None:
        """Forgets the standings of these partitions."""
        for partition in partitions:
            self._standings.pop(partition, None)

    def open(self, batch: Batch) -> LedgerPage:
        """A page for one batch."""
        return LedgerPage(self, batch)

    def standing(self, partition: Partition) -> Standing:
        """Where a partition of ours stands."""
        return self._standings[partition]

    def compare_and_set(self, moves: Sequence[Move]) -> list[Statement]:
        """What writes all moves, or none, where a row is not what we last saw: another instance has been here."""
        # Sorted, so that two instances lock rows in the same order.
        ordered = sorted(moves, key=lambda m: m.partition)
        adopted = [m for m in ordered if m.expected is None]
        moved = [m for m in ordered if m.expected is not None]
        statements = []
        if adopted:
            rows = [self._row(m) for m in adopted]
            statements.append(inserting(self._dialect, self._policy.table, LEDGER.types(self._dialect), rows))
        if moved:
            changes = [
                (
                    m.next_offset,
                    m.covered_from,
                    pack(m.results),
                    m.partition.topic,
                    self._group_id,
                    m.partition.topic_id,
                    m.partition.number,
                    m.expected,
                )
                for m in moved
            ]
            statements.append(Statement(self._compare_and_set, changes, touches=True))
        return statements

    def settle(self, partition: Partition, standing: Standing) -> None:
        """Takes a new standing, if the partition is still ours."""
        if partition in self._standings:
            self._standings[partition] = standing

    def _row(self, m: Move) -> tuple[object, ...]:
        where = m.partition
        return (
            self._group_id,
            where.topic_id,
            where.number,
            where.topic,
            m.next_offset,
            m.covered_from,
            pack(m.results),
        )


class LedgerPage(Page):
    """The ledger during one batch."""

    def __init__(self, keeper: LedgerKeeper, batch: Batch) -> None:
        self._keeper = keeper
        self._batch = batch
        self._executed: dict[Partition, dict[CallKey, bytes]] = {}
        self._moves: list[Move] = []

    def recall(self, db: Database, call: Call) -> bytes | None:
        """The recorded result of a call, or None."""
        del db
        standing = self._keeper.standing(call.partition)
        if call.offset >= standing.next_offset:
            return None  # what `ledger.recall` says too; nearly every call is new, and needs no key
        key = CallKey(call.offset, call.effect.name, call.nth)
        return ledger.recall(standing, call.partition, key)

    def record(self, call: Call, raw: bytes) -> None:
        """Notes a new result."""
        self._executed.setdefault(call.partition, {})[CallKey(call.offset, call.effect.name, call.nth)] = raw

    def means_done(self, cause: Cause) -> bool:
        """Never: an effect's own keys are its own business."""
        del cause
        return False

    def doubt(self, db: Database, cause: Cause) -> None:
        """Never asked."""

    def needs_decision(self) -> bool:
        """True when any span holds something new, with or without an effect: the ledger moves with every batch."""
        return any(span.end > self._keeper.standing(span.partition).next_offset for span in self._batch.spans)

    def last(self) -> list[Statement]:
        """The last statement before COMMIT: the compare-and-set."""
        for span in self._batch.spans:
            one = ledger.move(self._keeper.standing(span.partition), span, self._executed.get(span.partition, {}))
            if one is not None:
                self._moves.append(one)
        return self._keeper.compare_and_set(self._moves)

    @property
    def beaten(self) -> str:
        """The compare-and-set was lost."""
        return f"lost the compare-and-set in {self._keeper.place!r}: another instance has moved the ledger"

    def decided(self) -> None:
        """COMMIT was answered: the moves are the new standings."""
        for one in self._moves:
            self._keeper.settle(one.partition, ledger.moved(one))

    def confirmed(self) -> None:
        """Kafka has committed the spans: their results cannot be asked for again."""
        for span in self._batch.spans:
            self._keeper.settle(span.partition, ledger.forget(self._keeper.standing(span.partition), span.end))
