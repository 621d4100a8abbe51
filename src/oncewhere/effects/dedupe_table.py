"""Dedupe by event identity in PostgreSQL: identities and results in and out, set-based, through any `Database`.

Two statements for a batch, whatever its size: before its first effect, one SELECT tells what is known of all its
identities; before COMMIT, one INSERT … ON CONFLICT DO NOTHING writes the rows of the events whose effects were
executed, and their positions and results beside them. Fewer rows inserted than claimed: another instance did one of
these events in between; its unique key decided, so this transaction is rolled back, effects and all, and the batch
begins again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oncewhere.effects.dedupe import Claim, Known, Position, Ruling, rule
from oncewhere.effects.keeper import (
    Database,
    Keeper,
    Page,
    check_columns,
    columns_of,
    exists,
    quoted,
)
from oncewhere.effects.place import Batch, Call, Start, UndecidedError
from oncewhere.effects.recorded import CallKey, pack, unpack
from oncewhere.errors import ConfigurationError, DuplicateEvent, RecordError, ReplayError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oncewhere.effects.policy import DedupeTable
    from oncewhere.records import Partition

COLUMNS = {
    "dedupe_table": "text",
    "event_id": "text",
    "group_id": "text",
    "topic_id": "text",
    "partition": "integer",
    "record_offset": "bigint",
    "results": "bytea",
    "recorded_at": "timestamp with time zone",
}


def ddl(recorded: str = "oncewhere_recorded") -> str:
    """The statement that creates our companion table, for your own migrations.

    Args:
        recorded: `name` or `schema.name`, as in `DedupeTable(recorded=…)`.
    """
    return f"""create table if not exists {quoted(recorded)} (
  dedupe_table  text not null,
  event_id      text not null,
  group_id      text not null,
  topic_id      text not null,
  partition     integer not null,
  record_offset bigint not null,
  results       bytea not null,
  recorded_at   timestamptz not null default now(),
  primary key (dedupe_table, event_id)
)"""


def example_ddl(policy: DedupeTable) -> str:
    """A dedupe table that fits the policy, for the hint when there is none."""
    return (
        f"create table {quoted(policy.table)} ({quoted(policy.column)} varchar(64) primary key, "
        "processed_at timestamp not null default now());"
    )


class DedupeKeeper(Keeper):
    """Keeps the dedupe table and its companion for one group.

    Args:
        policy: the policy that asked for it.
        group_id: the consumer group.
        place: the place's name, for sentences.
    """

    def __init__(self, policy: DedupeTable, *, group_id: str, place: str) -> None:
        self.policy = policy
        self.group_id = group_id
        self.place = place
        self._known = self._insert = self._keep = ""

    def prepare(self, db: Database) -> None:
        """Checks the user's table, and creates or checks ours."""
        policy = self.policy
        if not exists(db, policy.table):
            raise ConfigurationError(
                f"The dedupe table {policy.table!r} does not exist in {self.place!r}.",
                hint=f"Create it: {example_ddl(policy)}",
            )
        columns = columns_of(db, policy.table)
        if policy.column not in columns:
            raise ConfigurationError(
                f"The dedupe table {policy.table!r} in {self.place!r} has no column {policy.column!r}.",
                hint=f"Its columns are {', '.join(columns)}: name the one that holds the event identity.",
            )
        self._check_unique(db)
        self._check_insertable(db)
        if not exists(db, policy.recorded):
            if not policy.create:
                raise ConfigurationError(
                    f"The table {policy.recorded!r} does not exist in {self.place!r}.",
                    hint="Create it in your migrations, or write DedupeTable(…, create=True).",
                    detail=ddl(policy.recorded),
                )
            db.execute("select pg_advisory_xact_lock(%s)", [_CREATION_LOCK])
            db.execute(ddl(policy.recorded))
        check_columns(db, policy.recorded, COLUMNS, place=self.place)
        self._write_statements(columns[policy.column])

    def assigned(self, db: Database, starts: Mapping[Partition, Start]) -> None:
        """Nothing to read: each event carries its own record."""

    def released(self, partitions: Iterable[Partition]) -> None:
        """Nothing to forget."""

    def open(self, batch: Batch) -> DedupePage:
        """A page for one batch."""
        return DedupePage(self, batch)

    def known(self, db: Database, identities: list[str]) -> dict[str, Known]:
        """What the tables say of these identities; those without a row are left out."""
        found: dict[str, Known] = {}
        rows = db.execute(self._known, [identities, self.policy.table])
        for nth, group_id, topic_id, partition, offset, results in rows:
            position = None if group_id is None else Position(group_id, topic_id, partition, offset)
            found[identities[nth - 1]] = Known(position, {} if results is None else unpack(results))
        return found

    def keep(self, db: Database, claims: Mapping[str, Claim]) -> None:
        """Inserts the rows of executed events.

        Raises:
            UndecidedError: one of them has a row by now.
        """
        # Sorted, so that two instances take the unique key's locks in the same order.
        claimed = sorted(claims)
        inserted = db.execute(self._insert, [claimed])
        if len(inserted) != len(claimed):
            raise UndecidedError(
                f"another instance recorded one of these events in {self.policy.table!r} of {self.place!r}",
            )
        places = [claims[identity].position for identity in claimed]
        db.execute(
            self._keep,
            [
                self.policy.table,
                self.group_id,
                claimed,
                [p.topic_id for p in places],
                [p.partition for p in places],
                [p.offset for p in places],
                [pack(claims[identity].results) for identity in claimed],
            ],
        )

    def _write_statements(self, kind: str) -> None:
        """The batch's statements, once the column's type is known.

        The type is without its length: a cast to `varchar(64)` would cut an identity short, an insert refuses it.
        """
        table, column, recorded = quoted(self.policy.table), quoted(self.policy.column), quoted(self.policy.recorded)
        self._known = f"""
            select i.nth, r.group_id, r.topic_id, r.partition, r.record_offset, r.results
            from unnest(%s::{kind}[]) with ordinality as i(id, nth)
            join {table} t on t.{column} = i.id
            left join {recorded} r on r.dedupe_table = %s and r.event_id = i.id::text"""  # noqa: S608 - names are quoted
        self._insert = f"""
            insert into {table} ({column}) select unnest(%s::{kind}[])
            on conflict ({column}) do nothing returning {column}"""
        # The dedupe row decided; a companion left over from a purged dedupe row is replaced.
        self._keep = f"""
            insert into {recorded}
              (dedupe_table, event_id, group_id, topic_id, partition, record_offset, results)
            select %s, n.id::text, %s, n.topic_id, n.partition, n.record_offset, n.results
            from unnest(%s::{kind}[], %s::text[], %s::integer[], %s::bigint[], %s::bytea[])
              as n(id, topic_id, partition, record_offset, results)
            on conflict (dedupe_table, event_id) do update set group_id = excluded.group_id,
              topic_id = excluded.topic_id, partition = excluded.partition, record_offset = excluded.record_offset,
              results = excluded.results, recorded_at = now()"""  # noqa: S608 - likewise

    def _check_unique(self, db: Database) -> None:
        unique = db.execute(
            "select 1 from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] "
            "where i.indrelid = to_regclass(%s) and a.attname = %s and i.indisunique and i.indimmediate "
            "and i.indisvalid and i.indnkeyatts = 1 and i.indpred is null and i.indexprs is null",
            [quoted(self.policy.table), self.policy.column],
        )
        if not unique:
            raise ConfigurationError(
                f"The dedupe table {self.policy.table!r} in {self.place!r} has no primary key or unique constraint on "
                f"{self.policy.column!r} alone, so it cannot refuse a duplicate.",
                hint=f"Add one: alter table {quoted(self.policy.table)} "
                f"add primary key ({quoted(self.policy.column)});",
            )

    def _check_insertable(self, db: Database) -> None:
        needed = db.execute(
            "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped "
            "and attnotnull and not atthasdef and attidentity = '' and attgenerated = '' and attname <> %s",
            [quoted(self.policy.table), self.policy.column],
        )
        if needed:
            names = ", ".join(repr(str(row[0])) for row in needed)
            raise ConfigurationError(
                f"The dedupe table {self.policy.table!r} in {self.place!r} asks for more than an event identity: "
                f"{names} may not be null and has no default.",
                hint="Give it a default; what belongs to the effect goes into a table of the effect.",
            )


class DedupePage(Page):
    """The dedupe table during one batch."""

    def __init__(self, keeper: DedupeKeeper, batch: Batch) -> None:
        self._keeper = keeper
        self._batch = batch
        self._known: dict[str, Known] | None = None
        self._claims: dict[str, Claim] = {}

    def recall(self, db: Database, call: Call) -> bytes | None:
        """The recorded result of a call, or None; the first call of a batch asks the tables for all its identities."""
        identity = _identity(call)
        if self._known is None:
            identities = {i for i in self._batch.identities if i is not None}
            self._known = self._keeper.known(db, sorted(identities | {identity}))
        here = _position(self._keeper.group_id, call)
        known = self._known.get(identity)
        match rule(known, self._claims.get(identity), here):
            case Ruling.EXECUTE:
                # Claimed before it is executed: an effect that fails takes the whole batch with it.
                self._claims.setdefault(identity, Claim(here))
                return None
            case Ruling.DUPLICATE:
                raise DuplicateEvent
            case Ruling.REPLAY:
                raw = known.results.get(_key(call)) if known else None
                if raw is None:
                    raise _not_recorded(call)
                return raw

    def record(self, call: Call, raw: bytes) -> None:
        """Notes a new result with its event."""
        self._claims[_identity(call)].results[_key(call)] = raw

    def needs_decision(self) -> bool:
        """True when events are claimed: a batch of redeliveries and duplicates writes nothing."""
        return bool(self._claims)

    def write(self, db: Database) -> None:
        """The last statements before COMMIT: one row per executed event, and its results."""
        if self._claims:
            self._keeper.keep(db, self._claims)

    def decided(self) -> None:
        """Nothing is kept in memory."""

    def confirmed(self) -> None:
        """Nothing is kept in memory."""


def _identity(call: Call) -> str:
    if call.identity is None:
        raise RecordError(
            f"effect {call.effect.name!r} is deduplicated by event identity, and this record has none.",
            topic=call.partition.topic,
            partition=call.partition.number,
            offset=call.offset,
            hint="Name one: @app.consume(topic, type, identity='event_id'), or a function of the value.",
        )
    return call.identity


def _position(group_id: str, call: Call) -> Position:
    return Position(group_id, call.partition.topic_id, call.partition.number, call.offset)


def _key(call: Call) -> CallKey:
    return CallKey(call.offset, call.effect.name, call.nth)


def _not_recorded(call: Call) -> ReplayError:
    return ReplayError(
        f"redelivered, but no result of effect {call.effect.name!r} (call {call.nth}) was recorded with its event.",
        topic=call.partition.topic,
        partition=call.partition.number,
        offset=call.offset,
        hint="Run the handler that made the recorded effects until the group has passed this offset.",
    )


_CREATION_LOCK = 0x6F6E6365  # "once": two instances that start together must not both create the table
