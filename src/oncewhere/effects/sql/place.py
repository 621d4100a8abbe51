"""An SQL database as a place: effects in, one transaction per batch out, whose COMMIT is the decision.

Everything that does not depend on the system is here; what does, `SqlConnection` and `Dialect` carry.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from oncewhere.effects.honours import check
from oncewhere.effects.place import Batch, Call, OpenPlace, Place, Start, Tally, UndecidedError, Work
from oncewhere.effects.policy import AtLeastOnce, DedupeTable, OffsetLedger, Policy, UniqueConstraint
from oncewhere.effects.sql.call_journal import SqlCallJournal
from oncewhere.effects.sql.connection import (
    Cause,
    Fault,
    SqlConnection,
    Standing,
    TakenError,
    ended_by_an_effect,
    first_line,
)
from oncewhere.effects.sql.dedupe_table import DedupeKeeper
from oncewhere.effects.sql.ledger_table import LedgerKeeper
from oncewhere.effects.sql.transaction import alone
from oncewhere.effects.sql.unique import UniqueKeeper
from oncewhere.errors import ConfigurationError, DuplicateEvent, OncewhereError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from oncewhere.effects.sql.connection import Row
    from oncewhere.effects.sql.dialect import Dialect
    from oncewhere.effects.sql.keeper import Keeper, Page
    from oncewhere.records import Partition

logger = logging.getLogger(__name__)

C = TypeVar("C")


class SqlPlace(Place[C]):
    """A database that effects write to; a driver's module derives the system's own class.

    Attributes:
        dialect: its SQL.
        address: where it is, for sentences; never with a password.

    Args:
        name: your name for this place, such as `bank`.
        policy: how duplicates are prevented.

    Raises:
        ConfigurationError: the name is empty, or the policy is none that the system can honour.
    """

    dialect: ClassVar[Dialect]
    address: str

    def __init__(self, *, name: str, policy: Policy) -> None:
        if not name:
            kind = type(self).__name__
            raise ConfigurationError("A place needs a name.", hint=f"Write {kind}(…, name='bank', policy=…).")
        check(policy, self.dialect.name, place=name)
        self._name = name
        self._policy = policy

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name!r} at {self.address}, {self._policy.name}>"

    @property
    def name(self) -> str:
        """The user's name for it."""
        return self._name

    @property
    def system(self) -> str:
        """The dialect's name, such as `postgresql`."""
        return self.dialect.name

    @property
    def policy(self) -> Policy:
        """How duplicates are prevented here."""
        return self._policy

    def call_journal(self, table: str, *, create: bool, place: str, group_id: str) -> SqlCallJournal:
        """A journal of another place's calls, in this database; see `KeepsCalls`."""
        return SqlCallJournal(self, table, create=create, place=place, group_id=group_id)

    @abstractmethod
    def connect(self) -> SqlConnection:
        """A new connection, outside any transaction.

        Raises:
            UndecidedError: no server answers, or it refuses us.
        """

    def open(self, group_id: str) -> OpenSqlPlace:
        """Connects, and checks or creates the tables that the policy needs.

        Raises:
            ConfigurationError: a table is missing or has the wrong shape.
            UnreachableError: no server answers, or it refuses us.
        """
        opened = OpenSqlPlace(self, keeper_of(self._policy, group_id=group_id, place=self._name, dialect=self.dialect))
        try:
            opened.prepare()
        except UndecidedError as error:
            opened.close()
            msg = f"{self.dialect.title} at {self.address} (place {self._name!r}) cannot be used: {error.reason}."
            raise UnreachableError(msg, hint="Start it, or mend the address.") from error
        except BaseException:
            opened.close()
            raise
        return opened


def keeper_of(policy: Policy, *, group_id: str, place: str, dialect: Dialect) -> Keeper:
    """The keeper of a policy that `honours` admits for SQL databases."""
    match policy:
        case OffsetLedger():
            return LedgerKeeper(policy, group_id=group_id, place=place, dialect=dialect)
        case DedupeTable():
            return DedupeKeeper(policy, group_id=group_id, place=place, dialect=dialect)
        case UniqueConstraint():
            return UniqueKeeper(policy.keys)
        case AtLeastOnce():
            return UniqueKeeper()
    raise AssertionError(policy)


class OpenSqlPlace(OpenPlace):
    """A database with its one connection, owned by one running processor."""

    def __init__(self, place: SqlPlace[Any], keeper: Keeper) -> None:
        self.place = place
        self.keeper = keeper
        self._connection: SqlConnection | None = None

    def prepare(self) -> None:
        """Checks or creates the policy's tables.

        Raises:
            ConfigurationError: a table is missing or has the wrong shape.
            UndecidedError: no server answers.
        """
        with self._transaction(kept=not self.place.dialect.ddl_commits) as db:
            self.keeper.prepare(db)

    def assigned(self, starts: Mapping[Partition, Start]) -> None:
        """Reads what is recorded of these partitions."""
        if starts:
            with self._transaction() as db:
                self.keeper.assigned(db, starts)

    def released(self, partitions: Iterable[Partition]) -> None:
        """Forgets partitions that the group took away."""
        self.keeper.released(partitions)

    def begin(self, batch: Batch) -> SqlWork:
        """Begins a batch; the database transaction begins with its first statement."""
        return SqlWork(self, self.keeper.open(batch))

    def close(self) -> None:
        """Closes the connection; whatever is open is rolled back by the server."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def connection(self) -> SqlConnection:
        """The connection; a new one where the last was lost.

        Raises:
            UndecidedError: no server answers.
        """
        if self._connection is None or not self._connection.alive:
            self._connection = self.place.connect()
        return self._connection

    def _transaction(self, *, kept: bool = True) -> AbstractContextManager[SqlConnection]:
        return alone(self.connection(), needs=f"place {self.place.name!r}", kept=kept)


class SqlWork(Work):
    """One batch in one database transaction, which begins with the first effect that is not recalled."""

    def __init__(self, opened: OpenSqlPlace, page: Page) -> None:
        self._opened = opened
        self._page = page
        self._open: SqlConnection | None = None
        self._broken: BaseException | None = None
        self._executed = 0
        self._replayed = 0

    @property
    def dialect(self) -> Dialect:
        """The database's SQL; a work is a keeper's `Database`."""
        return self._opened.place.dialect

    def run(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Executes the effect, or gives its recorded result."""
        if self._broken is not None:
            # A handler that swallows the failure of an effect cannot go on in a failed transaction.
            raise self._broken
        codec = call.effect.codec
        try:
            raw = self._page.recall(self, call)
            if raw is None:
                raw = self._execute(call, args, kwargs)
            else:
                self._replayed += 1
        except DuplicateEvent:
            raise
        except BaseException as error:
            self._broken = self._told(error)
            if self._broken is error:
                raise
            raise self._broken from error
        # The recorded form, always: what a handler sees now is what it would see after a redelivery.
        return codec.decode(raw)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Runs a keeper's statement in the batch's transaction, which it begins if need be."""
        return self._begun().execute(statement, parameters)

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Likewise, once for each row of parameters."""
        return self._begun().execute_many(statement, rows)

    def decide(self) -> Tally:
        """Writes what the policy keeps, and commits.

        Raises:
            UndecidedError: it was not committed, or the answer was lost.
            OncewhereError: the database refuses the batch (a deferred constraint, an identity too long for its column).
        """
        if self._broken is not None:
            raise self._broken
        try:
            if self._page.needs_decision():
                self._page.write(self)
            self._commit()
        except Exception as error:
            cause = self._cause(error)
            if cause is None or isinstance(error, TakenError):
                raise
            if cause.fault is Fault.AGAIN:
                raise UndecidedError(cause.reason) from error
            msg = f"{self.dialect.title} refuses the batch: {cause.reason}; nothing of it took effect."
            raise OncewhereError(msg) from error
        self._page.decided()
        return Tally(executed=self._executed, replayed=self._replayed)

    def abandon(self) -> None:
        """Rolls back."""
        if self._open is not None:
            self._open.rollback()

    def confirmed(self) -> None:
        """Kafka's transaction committed."""
        self._page.confirmed()

    def _execute(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        connection = self._begun()

        def effect() -> Any:
            return call.effect.function(connection.native, *args, **kwargs)

        if self._opened.keeper.watches_keys:
            raw = self._attempt(connection, call, effect, args, kwargs)
        else:
            raw = call.effect.codec.encode(effect())
            self._executed += 1
        if connection.standing is Standing.GONE:
            raise ended_by_an_effect(self.dialect.title)
        self._page.record(call, raw)
        return raw

    def _attempt(
        self,
        connection: SqlConnection,
        call: Call,
        effect: Callable[[], Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> bytes:
        """Runs an effect that its own unique key may refuse; then it was done, and is asked what it returned."""
        codec = call.effect.codec
        connection.execute("savepoint oncewhere_effect")
        try:
            raw = codec.encode(effect())
        except Exception as error:
            cause = self._cause(error)
            if cause is None or cause.fault is not Fault.TAKEN or not self._page.means_done(cause.key):
                raise
            connection.execute("rollback to savepoint oncewhere_effect")
            raw = codec.encode(call.effect.read_back(connection.native, *args, **kwargs))
            self._replayed += 1
        else:
            self._executed += 1
        connection.execute("release savepoint oncewhere_effect")
        return raw

    def _begun(self) -> SqlConnection:
        if self._open is None:
            connection = self._opened.connection()
            try:
                connection.begin()
            except connection.errors as error:
                raise UndecidedError(first_line(error)) from error
            self._open = connection
        return self._open

    def _commit(self) -> None:
        """COMMIT: the decision."""
        connection = self._open
        if connection is None:
            return
        standing = connection.standing
        if standing is Standing.GONE:
            raise ended_by_an_effect(self.dialect.title)
        if standing is Standing.FAILED:
            # PostgreSQL would answer COMMIT with ROLLBACK, and psycopg would not say so.
            raise UndecidedError("a statement failed and its error was swallowed; the transaction cannot be committed")
        try:
            connection.commit()
        except connection.errors as error:
            if not connection.alive:
                raise UndecidedError(f"the answer to COMMIT was lost: {first_line(error)}", unknown=True) from error
            raise
        self._open = None  # from here on there is nothing to take back

    def _cause(self, error: BaseException) -> Cause | None:
        """What a driver's error means; None for an error that is no driver's."""
        connection = self._open
        if connection is not None and isinstance(error, connection.errors):
            return connection.cause(error)
        return None

    def _told(self, error: BaseException) -> BaseException:
        """The error as a batch to begin again, or as it is when it is the statement's or the user's own fault."""
        cause = self._cause(error)
        return error if cause is None or cause.fault is not Fault.AGAIN else UndecidedError(cause.reason)
