"""Dedupe by event identity as tables: identities and results in and out, set-based, through any `Database`.

A few statements for a batch, whatever its size: before its first effect, what is known of all its identities; before
COMMIT, the rows of the events whose effects were executed, and their positions and results beside them. A row that is
taken by then: another instance did that event in between; its unique key decided, so this transaction is rolled back,
effects and all, and the batch begins again.

A batch of one event asks by inserting its row: where it was free, the effect follows in the same transaction, and there
was nothing to be known. (A batch of many cannot: a handler need not ask for an effect for each of its records.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oncewhere.effects.dedupe import Claim, Events, Known, Position
from oncewhere.effects.place import Batch, Call, Start
from oncewhere.effects.recorded import pack, unpack
from oncewhere.effects.sql.connection import Cause, Database, Statement, find, inserting
from oncewhere.effects.sql.dialect import Dialect, Kind
from oncewhere.effects.sql.keeper import Keeper, Page
from oncewhere.effects.sql.table import Table, check_engine, columns_of, required_columns, unique_keys
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from oncewhere.effects.policy import DedupeTable
    from oncewhere.records import Partition

RECORDED = Table(
    columns={
        "dedupe_table": Kind.NAME,
        "event_id": Kind.NAME,
        "group_id": Kind.NAME,
        "topic_id": Kind.NAME,
        "partition": Kind.INTEGER,
        "record_offset": Kind.BIGINT,
        "results": Kind.BYTES,
    },
    key=("dedupe_table", "event_id"),
    stamp="recorded_at",
)
"""Our companion of a dedupe table: where each event was done, and what its effects returned."""


def example_ddl(table: str, column: str, dialect: Dialect) -> str:
    """A dedupe table of that name and column, for the hint when there is none."""
    return (
        f"create table {dialect.quoted(table)} ({dialect.quoted(column)} {dialect.types[Kind.NAME]} primary key, "
        "processed_at timestamp not null default current_timestamp);"
    )


def example_policy(table: str, columns: Sequence[str], keys: Collection[tuple[str, ...]]) -> str:
    """What tells the policy its column, for the hint when the table has another: one that is unique by itself, or any.

    Args:
        table: the dedupe table.
        columns: that it has.
        keys: its unique keys.
    """
    column = next((name for name in columns if (name,) in keys), columns[0])
    return f'DedupeTable("{table}", column="{column}")'


class DedupeKeeper(Keeper):
    """Keeps the dedupe table and its companion for one group.

    Args:
        policy: the policy that asked for it.
        group_id: the consumer group.
        place: the place's name, for sentences.
        dialect: the database's SQL.
    """

    watches_keys = False

    def __init__(self, policy: DedupeTable, *, group_id: str, place: str, dialect: Dialect) -> None:
        self.policy = policy
        self.group_id = group_id
        self.place = place
        self._dialect = dialect
        self._kind = dialect.reports(Kind.NAME)
        self._claiming = dialect.claiming(policy.table, policy.column)

    def prepare(self, db: Database) -> None:
        """Checks the user's table, and creates or checks ours."""
        policy = self.policy
        columns = columns_of(db, policy.table)
        if not columns:
            raise ConfigurationError(
                f"The dedupe table {policy.table!r} does not exist in {self.place!r}.",
                hint=f"Create it: {example_ddl(policy.table, policy.column, self._dialect)} In a drill it "
                f"belongs into the file that effects.{self.place}.schema names.",
            )
        if policy.column not in columns:
            raise ConfigurationError(
                f"The dedupe table {policy.table!r} in {self.place!r} has no column {policy.column!r}.",
                hint=f"Its columns are {', '.join(columns)}: name the one that holds the event identity, as in "
                f"{example_policy(policy.table, list(columns), unique_keys(db, policy.table))}.",
            )
        self._check_usable(db)
        RECORDED.ensure(db, policy.recorded, create=policy.create, place=self.place)
        # Without its length: a cast to `varchar(64)` would cut an identity short, an insert refuses it.
        self._kind = columns[policy.column]

    def assigned(self, db: Database, starts: Mapping[Partition, Start]) -> None:
        """Nothing to read: each event carries its own record."""

    def released(self, partitions: Iterable[Partition]) -> None:
        """Nothing to forget."""

    def open(self, batch: Batch) -> DedupePage:
        """A page for one batch."""
        return DedupePage(self, batch)

    def known(self, db: Database, identities: list[str]) -> dict[str, Known]:
        """What the tables say of these identities; those without a row are left out.

        Raises:
            ConfigurationError: the column takes two identities for one (a collation that ignores case).
        """
        policy = self.policy
        among = (policy.column, self._kind)
        rows = find(db, policy.table, [policy.column], among=among, values=identities)
        if not rows:
            return {}
        done = self._spelled([str(row[0]) for row in rows], identities)
        found = {identity: Known(None) for identity in done}
        columns = ("event_id", "group_id", "topic_id", "partition", "record_offset", "results")
        recorded = find(
            db,
            policy.recorded,
            columns,
            among=("event_id", self._dialect.reports(Kind.NAME)),
            values=sorted(done),
            where={"dedupe_table": policy.table},
        )
        for identity, group_id, topic_id, partition, offset, results in recorded:
            found[identity] = Known(Position(group_id, topic_id, partition, offset), unpack(results))
        return found

    def claim(self, db: Database, identity: str) -> bool:
        """Inserts the row of one event whose effect is about to be executed; False where it may have one already."""
        return bool(self._claiming and db.execute(self._claiming, [identity]))

    def keep(self, claims: Mapping[str, Claim]) -> list[Statement]:
        """What inserts the rows of executed events, unless one of them has a row by now."""
        identities = [(identity,) for identity in sorted(claims)]
        return [
            inserting(self._dialect, self.policy.table, {self.policy.column: self._kind}, identities),
            self.record(claims),
        ]

    def record(self, claims: Mapping[str, Claim]) -> Statement:
        """What inserts the positions and results of executed events, beside their rows."""
        table = self.policy.table
        # Sorted, so that two instances take the unique key's locks in the same order.
        rows = [(table, identity, *claim.position, pack(claim.results)) for identity, claim in sorted(claims.items())]
        # The dedupe row decided; a companion left over from a purged dedupe row is replaced.
        return inserting(
            self._dialect,
            self.policy.recorded,
            RECORDED.types(self._dialect),
            rows,
            replacing=RECORDED.key,
            stamp=RECORDED.stamp,
        )

    def _spelled(self, found: list[str], identities: list[str]) -> set[str]:
        """The identities that were found, spelled as they were asked for."""
        asked = set(identities)
        others = [identity for identity in found if identity not in asked]
        if others and self._kind in _SPELLED_FREELY:
            # The system writes a UUID or a number in its own one way, however it was asked for.
            written = {_canonical(identity) for identity in found}
            return {identity for identity in identities if _canonical(identity) in written}
        if others:
            raise ConfigurationError(
                f"The column {self.policy.column!r} of {self.policy.table!r} in {self.place!r} takes two spellings of "
                f"an event identity for one (it has a row for one of this batch that is spelled otherwise).",
                hint="Give the column a collation that compares byte by byte (MySQL: utf8mb4_bin), or spell identities "
                "in one way: two events would be taken for one, and the second would be lost.",
            )
        return set(found)

    def _check_usable(self, db: Database) -> None:
        policy, q = self.policy, self._dialect.quoted
        where = f"The dedupe table {policy.table!r} in {self.place!r}"
        check_engine(db, policy.table, place=self.place)
        if (policy.column,) not in unique_keys(db, policy.table):
            raise ConfigurationError(
                f"{where} has no primary key or unique constraint on {policy.column!r} alone, so it cannot refuse a "
                "duplicate.",
                hint=f"Add one: alter table {q(policy.table)} add primary key ({q(policy.column)});",
            )
        needed = [name for name in required_columns(db, policy.table) if name != policy.column]
        if needed:
            names = ", ".join(repr(name) for name in needed)
            raise ConfigurationError(
                f"{where} asks for more than an event identity: {names} may not be null and has no default.",
                hint="Give it a default; what belongs to the effect goes into a table of the effect.",
            )


class DedupePage(Page):
    """The dedupe table during one batch."""

    def __init__(self, keeper: DedupeKeeper, batch: Batch) -> None:
        self._keeper = keeper
        self._events = Events(keeper.group_id, batch)
        self._claimed = False

    def recall(self, db: Database, call: Call) -> bytes | None:
        """The recorded result of a call, or None; the first call of a batch asks the tables for all its identities."""
        if self._events.known is None:
            asked = self._events.asked_by(call)
            self._claimed = len(asked) == 1 and self._keeper.claim(db, asked[0])
            self._events.known = {} if self._claimed else self._keeper.known(db, asked)
        return self._events.recall(call)

    def record(self, call: Call, raw: bytes) -> None:
        """Notes a new result with its event."""
        self._events.record(call, raw)

    def means_done(self, cause: Cause) -> bool:
        """Never: an effect's own keys are its own business."""
        del cause
        return False

    def doubt(self, db: Database, cause: Cause) -> None:
        """Never asked."""

    def needs_decision(self) -> bool:
        """True when events are claimed: a batch of redeliveries and duplicates writes nothing."""
        return bool(self._events.claims)

    def last(self) -> list[Statement]:
        """The last statements before COMMIT: one row per executed event, and its results."""
        claims = self._events.claims
        if not claims:
            return []
        return [self._keeper.record(claims)] if self._claimed else self._keeper.keep(claims)

    @property
    def beaten(self) -> str:
        """An event has a row by now."""
        keeper = self._keeper
        return f"another instance recorded one of these events in {keeper.policy.table!r} of {keeper.place!r}"

    def decided(self) -> None:
        """Nothing is kept in memory."""

    def confirmed(self) -> None:
        """Nothing is kept in memory."""


def _canonical(identity: str) -> str:
    return identity.replace("-", "").strip("{}").lower().lstrip("0")


_SPELLED_FREELY = frozenset({"uuid", "integer", "bigint", "smallint", "int", "numeric"})
"""Types of a dedupe column that have one spelling of their own, whatever the identity looks like."""
