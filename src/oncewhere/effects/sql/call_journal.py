"""A journal of calls as a table: keys and entries in and out, each step a commit of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oncewhere.effects.calls import CallJournal, Entry, State
from oncewhere.effects.sql.connection import Statement, TakenError, find, inserting
from oncewhere.effects.sql.dialect import Kind
from oncewhere.effects.sql.table import Table
from oncewhere.effects.sql.transaction import alone

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from typing import Any

    from oncewhere.effects.place import Call
    from oncewhere.effects.sql.connection import Database, SqlConnection
    from oncewhere.effects.sql.place import SqlPlace

CALLS = Table(
    columns={
        "place": Kind.NAME,
        "call_key": Kind.NAME,
        "state": Kind.NAME,
        "effect": Kind.NAME,
        "group_id": Kind.NAME,
        "topic": Kind.NAME,
        "partition": Kind.INTEGER,
        "record_offset": Kind.BIGINT,
        "nth": Kind.INTEGER,
        "result": Kind.BYTES,
    },
    key=("place", "call_key"),
    stamp="recorded_at",
    nullable=frozenset({"result"}),
)


class SqlCallJournal(CallJournal):
    """A journal in an SQL database, on a connection of its own: its commits must not wait for a batch's.

    Args:
        database: where.
        table: its table, `name` or `schema.name`.
        create: whether it may be created.
        place: the name of the place whose calls it keeps.
        group_id: the consumer group.
    """

    def __init__(self, database: SqlPlace[Any], table: str, *, create: bool, place: str, group_id: str) -> None:
        self._database = database
        self._table = table
        self._create = create
        self._place = place
        self._group_id = group_id
        self._open: SqlConnection | None = None
        q = database.dialect.quoted
        self._is_mine = f"where {q('place')} = %s and {q('call_key')} = %s and {q('state')} = %s"

    def prepare(self) -> None:
        """Checks the table, and creates it where the policy says so."""
        with self._transaction(kept=not self._database.dialect.ddl_commits) as db:
            CALLS.ensure(db, self._table, create=self._create, place=self._database.name)

    def find(self, keys: Sequence[str]) -> dict[str, Entry]:
        """What is known of these keys."""
        columns = [*CALLS.columns, CALLS.stamp]
        with self._transaction() as db:
            kind = db.dialect.reports(Kind.NAME)
            rows = find(
                db, self._table, columns, among=("call_key", kind), values=list(keys), where={"place": self._place}
            )
        return {entry.key: entry for entry in map(_entry, rows)}

    def claim(self, call: Call, key: str) -> bool:
        """Inserts a claim; the primary key decides between two."""
        try:
            with self._transaction() as db:
                row = self._row(call, key, State.CLAIMED, None)
                self._run(db, inserting(db.dialect, self._table, CALLS.types(db.dialect), [row]))
        except TakenError:
            return False
        return True

    def settle(self, key: str, result: bytes) -> bool:
        """Moves a claim on, if it still is one."""
        q = self._database.dialect.quoted
        return self._change(
            f"update {q(self._table)} set {q('state')} = %s, {q('result')} = %s {self._is_mine}",  # noqa: S608 - quoted
            (State.SETTLED, result, self._place, key, State.CLAIMED),
        )

    def release(self, key: str) -> None:
        """Deletes a claim."""
        q = self._database.dialect.quoted
        self._change(f"delete from {q(self._table)} {self._is_mine}", (self._place, key, State.CLAIMED))  # noqa: S608

    def doubt(self, key: str) -> None:
        """Moves a claim to where a person looks; its owner, should it live, cannot settle it any more."""
        q = self._database.dialect.quoted
        self._change(
            f"update {q(self._table)} set {q('state')} = %s {self._is_mine}",  # noqa: S608 - quoted
            (State.IN_DOUBT, self._place, key, State.CLAIMED),
        )

    def keep(self, answers: Sequence[tuple[Call, str, bytes]]) -> None:
        """Inserts settled calls; one that is there already gets the newer answer."""
        with self._transaction() as db:
            rows = [self._row(call, key, State.SETTLED, raw) for call, key, raw in answers]
            types = CALLS.types(db.dialect)
            self._run(db, inserting(db.dialect, self._table, types, rows, replacing=CALLS.key, stamp=CALLS.stamp))

    def in_doubt(self) -> list[Entry]:
        """The place's calls that are not settled, oldest first."""
        with self._transaction() as db:
            return unsettled(db, self._table, self._place)

    def review(self, key: str) -> bool:
        """Moves a call off that list."""
        q = self._database.dialect.quoted
        statement = f"update {q(self._table)} set {q('state')} = %s {self._is_mine}"  # noqa: S608 - quoted
        return any(
            self._change(statement, (State.REVIEWED, self._place, key, state))
            for state in (State.IN_DOUBT, State.CLAIMED)
        )

    def close(self) -> None:
        """Closes the connection."""
        if self._open is not None:
            self._open.close()
            self._open = None

    @staticmethod
    def _run(db: SqlConnection, statement: Statement) -> None:
        db.execute_many(statement.text, statement.rows)

    def _change(self, statement: str, parameters: tuple[object, ...]) -> bool:
        with self._transaction() as db:
            values = [str(value) if isinstance(value, State) else value for value in parameters]
            return db.execute_many(statement, [values]) == 1

    def _row(self, call: Call, key: str, state: State, result: bytes | None) -> tuple[object, ...]:
        where = call.partition
        name = call.effect.name
        at = (where.topic, where.number, call.offset, call.nth)
        return (self._place, key, str(state), name, self._group_id, *at, result)

    def _transaction(self, *, kept: bool = True) -> AbstractContextManager[SqlConnection]:
        if self._open is None or not self._open.alive:
            self._open = self._database.connect()
        # Where its COMMIT loses its answer, what became of it is found out by reading, in the next attempt.
        return alone(self._open, needs=f"the journal of {self._place!r}", kept=kept)


def unsettled(db: Database, table: str, place: str) -> list[Entry]:
    """The calls of a place that are claimed or in doubt, oldest first.

    Args:
        db: where.
        table: the journal's table.
        place: whose calls.
    """
    q = db.dialect.quoted
    columns = ", ".join(map(q, [*CALLS.columns, CALLS.stamp]))
    rows = db.execute(
        f"select {columns} from {q(table)} where {q('place')} = %s "  # noqa: S608 - quoted
        f"and {q('state')} in (%s, %s) order by {q(CALLS.stamp)}, {q('call_key')}",
        [place, str(State.CLAIMED), str(State.IN_DOUBT)],
    )
    return [_entry(row) for row in rows]


def _entry(row: tuple[Any, ...]) -> Entry:
    place, key, state, effect, group_id, topic, partition, offset, nth, result, since = row
    raw = None if result is None else bytes(result)
    return Entry(key, place, effect, group_id, topic, partition, offset, nth, State(state), raw, str(since))
