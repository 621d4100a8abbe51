"""A journal of intents as two tables: intents and owners in and out, each step a commit of its own."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from oncewhere.effects.calls import Entry, State
from oncewhere.effects.intents import Intent, IntentJournal, IntentState
from oncewhere.effects.place import UndecidedError
from oncewhere.effects.sql.connection import TakenError, inserting
from oncewhere.effects.sql.dialect import Kind
from oncewhere.effects.sql.table import Table
from oncewhere.effects.sql.transaction import alone
from oncewhere.errors import EffectInDoubt, LedgerRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from oncewhere.effects.place import Call, Start
    from oncewhere.effects.sql.connection import SqlConnection
    from oncewhere.effects.sql.place import SqlPlace
    from oncewhere.records import Partition

INTENTS = Table(
    columns={
        "place": Kind.NAME,
        "call_key": Kind.NAME,
        "attempt": Kind.INTEGER,
        "state": Kind.NAME,
        "effect": Kind.NAME,
        "group_id": Kind.NAME,
        "topic_id": Kind.NAME,
        "topic": Kind.NAME,
        "partition": Kind.INTEGER,
        "record_offset": Kind.BIGINT,
        "nth": Kind.INTEGER,
        "arguments": Kind.BYTES,
        "result": Kind.BYTES,
    },
    key=("place", "call_key"),
    stamp="recorded_at",
    nullable=frozenset({"result"}),
)
OWNERS = Table(
    columns={
        "place": Kind.NAME,
        "group_id": Kind.NAME,
        "topic_id": Kind.NAME,
        "partition": Kind.INTEGER,
        "token": Kind.NAME,
        "intents": Kind.BIGINT,
        "confirmed": Kind.BIGINT,
    },
    key=("place", "group_id", "topic_id", "partition"),
    stamp="taken_at",
    hot=True,
)
_OWED = (IntentState.INTENDED, IntentState.DONE, IntentState.UNDOING)
_NEVER = -1  # nothing is known to be committed


class SqlIntentJournal(IntentJournal):
    """A journal in an SQL database, on a connection of its own: its commits must not wait for a batch's.

    Args:
        database: where.
        table: its table of intents, `name` or `schema.name`.
        owners: its table of owners.
        create: whether they may be created.
        place: the name of the place whose intents it keeps.
        group_id: the consumer group.
    """

    def __init__(
        self, database: SqlPlace[Any], table: str, owners: str, *, create: bool, place: str, group_id: str
    ) -> None:
        self._database = database
        self._table, self._owners = table, owners
        self._create = create
        self._place = place
        self._group_id = group_id
        self._token = str(uuid.uuid4())  # of this life, not of an effect
        self._open: SqlConnection | None = None
        q = database.dialect.quoted
        of = f"{q('place')} = %s and {q('group_id')} = %s and {q('topic_id')} = %s and {q('partition')} = %s"
        self._intents_of = f"{q(table)} where {of}"
        self._owner_of = f"{q(owners)} where {of}"
        # It changes the row in any case, so that the number of rows that it touched is the answer in every system.
        self._lock_owner = f"update {q(owners)} set {q('intents')} = {q('intents')} + 1 where {of}"  # noqa: S608 - quoted
        self._note_confirmed = f"update {q(owners)} set {q('confirmed')} = %s where {of} and {q('token')} = %s"  # noqa: S608 - quoted
        call = f"{q('place')} = %s and {q('call_key')} = %s"
        self._is_mine = f"where {call} and {q('attempt')} = %s and {q('state')} = %s"

    def prepare(self) -> None:
        """Checks the tables, and creates them where the policy says so."""
        with self._transaction(kept=not self._database.dialect.ddl_commits) as db:
            INTENTS.ensure(db, self._table, create=self._create, place=self._database.name)
            OWNERS.ensure(db, self._owners, create=self._create, place=self._database.name)

    def take(self, starts: Mapping[Partition, Start]) -> list[Intent]:
        """In one transaction: who writes an intent after it is asked for the token, who wrote one before it is seen."""
        owed: list[Intent] = []
        with self._transaction() as db:
            for partition, start in starts.items():
                committed = start.offset if start.committed else 0
                known = max(self._known(db, partition, committed), committed if start.committed else _NEVER)
                self._own(db, partition, known)
                self._forget(db, partition, committed)
                owed += self._owed(db, partition)
        return owed

    def intend(self, call: Call, key: str, arguments: bytes) -> int:
        """Inserts the first attempt, or makes another of one that is undone; the owner's row decides between two."""
        try:
            with self._transaction() as db:
                q = self._database.dialect.quoted
                mine = f"{self._lock_owner} and {q('token')} = %s"
                if db.execute_many(mine, [[*self._of(call.partition), self._token]]) != 1:
                    raise UndecidedError("another instance has taken the partition")
                return self._begin(db, call, key, arguments)
        except TakenError as error:
            raise UndecidedError("another instance intends the same call") from error

    def _begin(self, db: SqlConnection, call: Call, key: str, arguments: bytes) -> int:
        q = self._database.dialect.quoted
        found = db.execute(
            f"select {q('attempt')}, {q('state')} from {q(self._table)} "  # noqa: S608 - names are quoted
            f"where {q('place')} = %s and {q('call_key')} = %s",
            [self._place, key],
        )
        if not found:
            where = call.partition
            at = (self._group_id, where.topic_id, where.topic, where.number, call.offset, call.nth)
            row = (self._place, key, 0, str(IntentState.INTENDED), call.effect.name, *at, arguments, None)
            statement = inserting(db.dialect, self._table, INTENTS.types(db.dialect), [row])
            db.execute_many(statement.text, statement.rows)
            return 0
        attempt, state = int(found[0][0]), IntentState(found[0][1])
        if state in {IntentState.IN_DOUBT, IntentState.REVIEWED}:
            raise EffectInDoubt(key)
        again = (
            f"update {q(self._table)} set {q('attempt')} = {q('attempt')} + 1, {q('state')} = %s, "  # noqa: S608 - quoted
            f"{q('arguments')} = %s, {q('result')} = null {self._is_mine}"
        )
        values = [str(IntentState.INTENDED), arguments, self._place, key, attempt, str(IntentState.UNDONE)]
        if db.execute_many(again, [values]) != 1:
            raise UndecidedError("an earlier attempt of the call is not undone")
        return attempt + 1

    def settle(self, key: str, attempt: int, result: bytes) -> bool:
        """Moves an intent on, if it still is one."""
        q = self._database.dialect.quoted
        statement = f"update {q(self._table)} set {q('state')} = %s, {q('result')} = %s {self._is_mine}"  # noqa: S608
        done, intended = str(IntentState.DONE), str(IntentState.INTENDED)
        return self._change(statement, [done, result, self._place, key, attempt, intended])

    def claim_undo(self, intent: Intent) -> bool:
        """By compare-and-set: of two who owe the same undo, one."""
        return self._moved(intent, intent.state, IntentState.UNDOING)

    def move(self, intent: Intent, state: IntentState) -> bool:
        """Moves an intent that is being undone."""
        return self._moved(intent, IntentState.UNDOING, state)

    def confirmed(self, ends: Mapping[Partition, int]) -> None:
        """Deletes what is done, and notes how far it was committed; only the owner does so."""
        with self._transaction() as db:
            for partition, end in ends.items():
                if db.execute_many(self._note_confirmed, [[end, *self._of(partition), self._token]]) == 1:
                    self._forget(db, partition, end)

    def in_doubt(self) -> list[Entry]:
        """The place's intents whose undo is in doubt, oldest first."""
        q = self._database.dialect.quoted
        names = ("call_key", "effect", "group_id", "topic", "partition", "record_offset", "nth", INTENTS.stamp)
        with self._transaction() as db:
            rows = db.execute(
                f"select {', '.join(map(q, names))} from {q(self._table)} "  # noqa: S608 - names are quoted
                f"where {q('place')} = %s and {q('state')} = %s order by {q(INTENTS.stamp)}, {q('call_key')}",
                [self._place, str(IntentState.IN_DOUBT)],
            )
        return [
            Entry(key, self._place, effect, group, topic, partition, offset, nth, State.IN_DOUBT, since=str(since))
            for key, effect, group, topic, partition, offset, nth, since in rows
        ]

    def review(self, key: str) -> bool:
        """Moves an intent off that list."""
        q = self._database.dialect.quoted
        statement = (
            f"update {q(self._table)} set {q('state')} = %s "  # noqa: S608 - names are quoted
            f"where {q('place')} = %s and {q('call_key')} = %s and {q('state')} = %s"
        )
        values = [str(IntentState.REVIEWED), self._place, key, str(IntentState.IN_DOUBT)]
        return self._change(statement, values)

    def close(self) -> None:
        """Closes the connection."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _of(self, partition: Partition) -> list[object]:
        return [self._place, self._group_id, partition.topic_id, partition.number]

    def _known(self, db: SqlConnection, partition: Partition, committed: int) -> int:
        """How far the group is known to have committed; its row is locked, if there is one.

        Raises:
            LedgerRefusedError: further than it says now.
        """
        q = self._database.dialect.quoted
        if db.execute_many(self._lock_owner, [self._of(partition)]) == 0:
            return _NEVER
        rows = db.execute(f"select {q('confirmed')} from {self._owner_of}", self._of(partition))  # noqa: S608 - quoted
        known = int(rows[0][0])
        if known > committed:
            raise LedgerRefusedError(
                f"Place {self._place!r} knows that group {self._group_id!r} had committed {known} of {partition}, "
                f"and it would be read from {committed}: what was done for the records between them stands.",
                hint=f"If the group was moved back by mistake, reset it to {known}; to do those effects again on "
                f"purpose, delete the partition's row from {self._owners}.",
            )
        return known

    def _own(self, db: SqlConnection, partition: Partition, known: int) -> None:
        row = (*self._of(partition), self._token, 0, known)
        types = OWNERS.types(db.dialect)
        statement = inserting(db.dialect, self._owners, types, [row], replacing=OWNERS.key, stamp=OWNERS.stamp)
        db.execute_many(statement.text, statement.rows)

    def _forget(self, db: SqlConnection, partition: Partition, committed: int) -> None:
        q = self._database.dialect.quoted
        for state in (IntentState.DONE, IntentState.UNDONE):
            db.execute_many(
                f"delete from {self._intents_of} and {q('record_offset')} < %s and {q('state')} = %s",  # noqa: S608
                [[*self._of(partition), committed, str(state)]],
            )

    def _owed(self, db: SqlConnection, partition: Partition) -> list[Intent]:
        q = self._database.dialect.quoted
        names = ("call_key", "attempt", "state", "effect", "record_offset", "nth", "arguments", "result")
        rows = db.execute(
            f"select {', '.join(map(q, names))} from {self._intents_of} and {q('state')} in (%s, %s, %s) "  # noqa: S608
            f"order by {q('record_offset')}, {q('nth')}",
            [*self._of(partition), *map(str, _OWED)],
        )
        return [
            Intent(
                key=key,
                attempt=attempt,
                state=IntentState(state),
                effect=effect,
                partition=partition,
                offset=offset,
                nth=nth,
                arguments=bytes(arguments),
                result=None if result is None else bytes(result),
            )
            for key, attempt, state, effect, offset, nth, arguments, result in rows
        ]

    def _moved(self, intent: Intent, before: IntentState, after: IntentState) -> bool:
        q = self._database.dialect.quoted
        statement = f"update {q(self._table)} set {q('state')} = %s {self._is_mine}"  # noqa: S608 - names are quoted
        return self._change(statement, [str(after), self._place, intent.key, intent.attempt, str(before)])

    def _change(self, statement: str, values: Sequence[object]) -> bool:
        with self._transaction() as db:
            return db.execute_many(statement, [values]) == 1

    def _transaction(self, *, kept: bool = True) -> AbstractContextManager[SqlConnection]:
        if self._open is None or not self._open.alive:
            self._open = self._database.connect()
        return alone(self._open, needs=f"the journal of {self._place!r}", kept=kept)
