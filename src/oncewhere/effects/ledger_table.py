"""The offset ledger as a PostgreSQL table: rows and moves in and out, through any connection that can `execute`.

Its statements are text and its parameters plain lists, so that nothing here needs the driver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oncewhere.effects import ledger
from oncewhere.effects.keeper import Database, Keeper, Page, check_columns, exists, quoted
from oncewhere.effects.ledger import LedgerRow, Move, Standing
from oncewhere.effects.place import Batch, Call, Start, UndecidedError
from oncewhere.effects.recorded import CallKey, pack, unpack
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oncewhere.effects.policy import OffsetLedger
    from oncewhere.records import Partition

COLUMNS = {
    "group_id": "text",
    "topic_id": "text",
    "partition": "integer",
    "topic": "text",
    "next_offset": "bigint",
    "covered_from": "bigint",
    "results": "bytea",
    "updated_at": "timestamp with time zone",
}


def ddl(table: str = "oncewhere_ledger") -> str:
    """The statement that creates the ledger, for your own migrations.

    Args:
        table: `name` or `schema.name`, as in `OffsetLedger(table=…)`.
    """
    return f"""create table if not exists {quoted(table)} (
  group_id     text not null,
  topic_id     text not null,
  partition    integer not null,
  topic        text not null,
  next_offset  bigint not null,
  covered_from bigint not null,
  results      bytea not null,
  updated_at   timestamptz not null default now(),
  primary key (group_id, topic_id, partition)
) with (fillfactor = 50)"""


class LedgerKeeper(Keeper):
    """Keeps the ledger of one group in one database.

    Args:
        policy: the policy that asked for it.
        group_id: the consumer group.
        place: the place's name, for sentences.
    """

    def __init__(self, policy: OffsetLedger, *, group_id: str, place: str) -> None:
        self._policy = policy
        self._group_id = group_id
        self._place = place
        self._standings: dict[Partition, Standing] = {}
        table = quoted(policy.table)
        self._read = f"""
            select l.topic_id, l.partition, l.next_offset, l.covered_from, l.results
            from {table} l
            join unnest(%s::text[], %s::integer[]) as a(topic_id, partition) using (topic_id, partition)
            where l.group_id = %s"""  # noqa: S608 - the table's name is quoted
        # One statement for all partitions of a batch. Its row count is the compare-and-set's answer.
        self._compare_and_set = f"""
            with n as (
              select * from unnest(
                %s::text[], %s::integer[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bytea[]
              ) as n(topic_id, partition, topic, expected, next_offset, covered_from, results)
            ), moved as (
              update {table} l
              set next_offset = n.next_offset, covered_from = n.covered_from, results = n.results, topic = n.topic,
                updated_at = now()
              from n
              where l.group_id = %s and l.topic_id = n.topic_id and l.partition = n.partition
                and l.next_offset = n.expected
              returning 1
            ), adopted as (
              insert into {table} (group_id, topic_id, partition, topic, next_offset, covered_from, results)
              select %s, topic_id, partition, topic, next_offset, covered_from, results
              from n where expected is null
              on conflict do nothing returning 1
            )
            select (select count(*) from moved) + (select count(*) from adopted)"""  # noqa: S608 - likewise

    def prepare(self, db: Database) -> None:
        """Checks the table's shape, and creates it where the policy says so."""
        if not exists(db, self._policy.table):
            if not self._policy.create:
                raise ConfigurationError(
                    f"The ledger table {self._policy.table!r} does not exist in {self._place!r}.",
                    hint="Create it in your migrations, or write OffsetLedger(create=True).",
                    detail=ddl(self._policy.table),
                )
            db.execute("select pg_advisory_xact_lock(%s)", [_CREATION_LOCK])
            db.execute(ddl(self._policy.table))
        check_columns(db, self._policy.table, COLUMNS, place=self._place)

    def assigned(self, db: Database, starts: Mapping[Partition, Start]) -> None:
        """Reads the rows of these partitions and takes their standings, or refuses."""
        by_id = {(partition.topic_id, partition.number): partition for partition in starts}
        rows: dict[Partition, LedgerRow] = {}
        found = db.execute(self._read, [[k[0] for k in by_id], [k[1] for k in by_id], self._group_id])
        for topic_id, number, next_offset, covered_from, results in found:
            rows[by_id[topic_id, number]] = LedgerRow(next_offset, covered_from, unpack(results))
        for partition, start in starts.items():
            self._standings[partition] = ledger.stand(
                partition,
                rows.get(partition),
                start,
                group_id=self._group_id,
                place=self._place,
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

    def compare_and_set(self, db: Database, moves: Sequence[Move]) -> None:
        """Writes all moves, or none.

        Raises:
            UndecidedError: a row was not what we last saw: another instance has been here.
        """
        # Sorted, so that two instances lock rows in the same order.
        ordered = sorted(moves, key=lambda m: m.partition)
        answer = db.execute(
            self._compare_and_set,
            [
                [m.partition.topic_id for m in ordered],
                [m.partition.number for m in ordered],
                [m.partition.topic for m in ordered],
                [m.expected for m in ordered],
                [m.next_offset for m in ordered],
                [m.covered_from for m in ordered],
                [pack(m.results) for m in ordered],
                self._group_id,
                self._group_id,
            ],
        )
        if answer[0][0] != len(ordered):
            raise UndecidedError(f"lost the compare-and-set in {self._place!r}: another instance has moved the ledger")

    def settle(self, partition: Partition, standing: Standing) -> None:
        """Takes a new standing, if the partition is still ours."""
        if partition in self._standings:
            self._standings[partition] = standing


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
        key = CallKey(call.offset, call.effect.name, call.nth)
        return ledger.recall(self._keeper.standing(call.partition), call.partition, key)

    def record(self, call: Call, raw: bytes) -> None:
        """Notes a new result."""
        self._executed.setdefault(call.partition, {})[CallKey(call.offset, call.effect.name, call.nth)] = raw

    def needs_decision(self) -> bool:
        """True when any span holds something new, with or without an effect: the ledger moves with every batch."""
        return any(span.end > self._keeper.standing(span.partition).next_offset for span in self._batch.spans)

    def write(self, db: Database) -> None:
        """The last statement before COMMIT: the compare-and-set."""
        for span in self._batch.spans:
            one = ledger.move(self._keeper.standing(span.partition), span, self._executed.get(span.partition, {}))
            if one is not None:
                self._moves.append(one)
        self._keeper.compare_and_set(db, self._moves)

    def decided(self) -> None:
        """COMMIT was answered: the moves are the new standings."""
        for one in self._moves:
            self._keeper.settle(one.partition, ledger.moved(one))

    def confirmed(self) -> None:
        """Kafka has committed the spans: their results cannot be asked for again."""
        for span in self._batch.spans:
            self._keeper.settle(span.partition, ledger.forget(self._keeper.standing(span.partition), span.end))


_CREATION_LOCK = 0x6F6E6365  # "once": two instances that start together must not both create the table
