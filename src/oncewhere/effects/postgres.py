"""PostgreSQL as a place: effects in, one transaction per batch out, whose COMMIT is the decision."""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

try:
    import psycopg
    from psycopg import conninfo, errors, pq
except ModuleNotFoundError as error:  # pragma: no cover - what is installed decides
    from oncewhere.errors import ConfigurationError as _ConfigurationError

    raise _ConfigurationError(
        "PostgreSQL effects need psycopg, which is not installed.",
        hint="Install it: pip install 'oncewhere[postgresql]'",
    ) from error

from oncewhere.effects.dedupe_table import DedupeKeeper
from oncewhere.effects.keeper import Database, Keeper, Page
from oncewhere.effects.ledger_table import LedgerKeeper
from oncewhere.effects.place import Batch, Call, OpenPlace, Place, Start, Tally, UndecidedError, Work
from oncewhere.effects.policy import DedupeTable, OffsetLedger, Policy
from oncewhere.errors import ConfigurationError, DuplicateEvent, OncewhereError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from oncewhere.records import Partition

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10

# The transaction cannot go on, by no fault of the effect: the batch begins again (bounded by the runtime).
_BEGIN_AGAIN = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.IdleInTransactionSessionTimeout,
)


class Postgres(Place["psycopg.Connection[Any]"]):
    """A PostgreSQL database that effects write to.

    Nothing connects before the processor runs. A running processor has one connection of its own: an effect gets it
    inside an open transaction, and can neither commit nor roll back (psycopg forbids it); savepoints
    (`with db.transaction()`) are welcome.

    Args:
        dsn: where it is, as libpq takes it: a URL or `key=value` pairs.
        name: your name for this place, such as `bank`; used in errors, events and the document.
        policy: how duplicates are prevented: `OffsetLedger()` or `DedupeTable("processed_event")`. There is no default.
        idle_in_transaction_timeout_ms: the server ends our transaction when it stands idle that long, in
            milliseconds, so that a zombie (a stopped process, a lost network) cannot hold its locks against its
            successor. Longer than the slowest handler takes between two statements, shorter than Kafka's
            `transaction.timeout.ms`.

    Raises:
        ConfigurationError: the DSN cannot be read, the name is empty, or the policy is none that PostgreSQL can honour.
    """

    def __init__(self, dsn: str, *, name: str, policy: Policy, idle_in_transaction_timeout_ms: int = 10_000) -> None:
        if not name:
            raise ConfigurationError("A place needs a name.", hint="Write Postgres(dsn, name='bank', policy=…).")
        if not isinstance(policy, OffsetLedger | DedupeTable):
            msg = f"PostgreSQL place {name!r} cannot honour policy {policy!r}."
            raise ConfigurationError(msg, hint="Write policy=OffsetLedger() or policy=DedupeTable('processed_event').")
        try:
            given = conninfo.conninfo_to_dict(dsn)
        except psycopg.ProgrammingError as error:
            # The message may quote the DSN, and a DSN may hold a password.
            msg = f"The DSN of place {name!r} cannot be read by libpq."
            raise ConfigurationError(msg, hint="It has the form postgresql://user@host:port/database.") from error
        self._name = name
        self._policy = policy
        self._conninfo = conninfo.make_conninfo(dsn, connect_timeout=given.get("connect_timeout", CONNECT_TIMEOUT_S))
        self._address = f"{given.get('host', 'localhost')}:{given.get('port', 5432)}/{given.get('dbname', '')}"
        self._idle_ms = idle_in_transaction_timeout_ms

    def __repr__(self) -> str:
        return f"<Postgres {self._name!r} at {self._address}, {self._policy.name}>"

    @property
    def name(self) -> str:
        """The user's name for it."""
        return self._name

    @property
    def system(self) -> str:
        """Always `postgresql`."""
        return "postgresql"

    @property
    def policy(self) -> Policy:
        """How duplicates are prevented here."""
        return self._policy

    @property
    def idle_limit_s(self) -> float:
        """`idle_in_transaction_session_timeout`, in seconds."""
        return self._idle_ms / 1000

    def connection_type(self) -> type[psycopg.Connection[Any]]:
        """What an effect gets as its first argument."""
        return psycopg.Connection

    def open(self, group_id: str) -> OpenPostgres:
        """Connects, and checks or creates the tables that the policy needs.

        Raises:
            ConfigurationError: a table is missing or has the wrong shape.
            UnreachableError: no server answers, or it refuses us.
        """
        keeper: Keeper
        if isinstance(self._policy, OffsetLedger):
            keeper = LedgerKeeper(self._policy, group_id=group_id, place=self._name)
        else:
            keeper = DedupeKeeper(self._policy, group_id=group_id, place=self._name)
        opened = OpenPostgres(self, keeper)
        try:
            opened.prepare()
        except UndecidedError as error:
            opened.close()
            msg = f"PostgreSQL at {self._address} (place {self._name!r}) cannot be used: {error.reason}."
            raise UnreachableError(msg, hint="Start it, or mend the DSN.") from error
        except BaseException:
            opened.close()
            raise
        return opened

    def connect(self) -> psycopg.Connection[Any]:
        """A new connection, outside any transaction.

        Raises:
            UndecidedError: no server answers, or it refuses us.
        """
        try:
            connection = psycopg.connect(self._conninfo, autocommit=True, application_name="oncewhere")
            connection.execute(f"set idle_in_transaction_session_timeout = {self._idle_ms}")
        except psycopg.OperationalError as error:
            raise UndecidedError(_first_line(error)) from error
        return connection


class OpenPostgres(OpenPlace):
    """A PostgreSQL database with its one connection, owned by one running processor."""

    def __init__(self, place: Postgres, keeper: Keeper) -> None:
        self._place = place
        self._keeper = keeper
        self._connection: psycopg.Connection[Any] | None = None

    def prepare(self) -> None:
        """Checks or creates the policy's tables.

        Raises:
            ConfigurationError: a table is missing or has the wrong shape.
            UndecidedError: no server answers.
        """
        with self._transaction() as db:
            self._keeper.prepare(db)

    def assigned(self, starts: Mapping[Partition, Start]) -> None:
        """Reads what is recorded of these partitions."""
        if starts:
            with self._transaction() as db:
                self._keeper.assigned(db, starts)

    def released(self, partitions: Iterable[Partition]) -> None:
        """Forgets partitions that the group took away."""
        self._keeper.released(partitions)

    def begin(self, batch: Batch) -> PostgresWork:
        """Begins a batch; the database transaction begins with its first statement."""
        return PostgresWork(self, self._keeper.open(batch))

    def close(self) -> None:
        """Closes the connection; whatever is open is rolled back by the server."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def connection(self) -> psycopg.Connection[Any]:
        """The connection; a new one where the last was lost.

        Raises:
            UndecidedError: no server answers.
        """
        if self._connection is None or self._connection.closed:
            self._connection = self._place.connect()
        return self._connection

    @contextmanager
    def _transaction(self) -> Iterator[Database]:
        connection = self.connection()
        try:
            with connection.transaction():
                yield PostgresDatabase(connection)
        except psycopg.Error as error:
            if again := undecided(error, connection):
                raise again from error
            msg = f"PostgreSQL refuses what place {self._place.name!r} needs: {_first_line(error)}."
            raise ConfigurationError(msg, hint="Grant what is missing, or create the tables yourself.") from error


class PostgresDatabase(Database):
    """A connection, as a keeper sees it."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Runs one statement in the open transaction."""
        # Tuples whatever row factory an effect may have set on the connection.
        with self._connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
            cursor.execute(statement.encode(), list(parameters) or None)
            return cursor.fetchall() if cursor.description else []


class PostgresWork(Work):
    """One batch in one database transaction, which begins with the first effect that is not recalled."""

    def __init__(self, opened: OpenPostgres, page: Page) -> None:
        self._opened = opened
        self._page = page
        self._stack = ExitStack()
        self._connection: psycopg.Connection[Any] | None = None
        self._broken: BaseException | None = None
        self._executed = 0
        self._replayed = 0

    def run(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Executes the effect, or gives its recorded result."""
        if self._broken is not None:
            # A handler that swallows the failure of an effect cannot go on in a failed transaction.
            raise self._broken
        codec = call.effect.codec
        try:
            raw = self._page.recall(self, call)
            if raw is not None:
                self._replayed += 1
                return codec.decode(raw)
            raw = codec.encode(call.effect.function(self._begun(), *args, **kwargs))
            self._page.record(call, raw)
        except DuplicateEvent:
            raise
        except psycopg.Error as error:
            self._broken = undecided(error, self._connection) or error
            raise self._broken from error
        except BaseException as error:
            self._broken = error
            raise
        self._executed += 1
        # The recorded form, always: what a handler sees now is what it would see after a redelivery.
        return codec.decode(raw)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Runs a keeper's statement in the batch's transaction, which it begins if need be."""
        return PostgresDatabase(self._begun()).execute(statement, parameters)

    def decide(self) -> Tally:
        """Writes what the policy keeps, and commits.

        Raises:
            UndecidedError: it was not committed, or the answer was lost.
            OncewhereError: PostgreSQL refuses the batch (a deferred constraint, an identity too long for its column).
        """
        if self._broken is not None:
            raise self._broken
        try:
            if self._page.needs_decision():
                self._page.write(self)
            self._commit()
        except psycopg.Error as error:
            if again := undecided(error, self._connection):
                raise again from error
            msg = f"PostgreSQL refuses the batch: {_first_line(error)}; nothing of it took effect."
            raise OncewhereError(msg) from error
        self._page.decided()
        return Tally(executed=self._executed, replayed=self._replayed)

    def abandon(self) -> None:
        """Rolls back."""
        try:
            self._stack.__exit__(psycopg.Rollback, psycopg.Rollback(), None)
        except Exception as error:  # noqa: BLE001 - an error while rolling back never hides its cause
            logger.debug("rollback failed, the connection is dropped: %s", error)
        if self._connection is not None and self._connection.info.transaction_status != pq.TransactionStatus.IDLE:
            self._connection.close()

    def confirmed(self) -> None:
        """Kafka's transaction committed."""
        self._page.confirmed()

    def _begun(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            connection = self._opened.connection()
            self._stack.enter_context(connection.transaction())
            self._connection = connection
        return self._connection

    def _commit(self) -> None:
        """COMMIT: the decision."""
        connection = self._connection
        if connection is None:
            return
        if connection.info.transaction_status is not pq.TransactionStatus.INTRANS:
            # The server would answer COMMIT with ROLLBACK, and psycopg would not say so.
            raise UndecidedError("a statement failed and its error was swallowed; the transaction cannot be committed")
        try:
            self._stack.close()
        except psycopg.Error as error:
            if connection.closed:
                raise UndecidedError(
                    f"the answer to COMMIT was lost: {_first_line(error)}",
                    unknown=True,
                ) from error
            raise


def undecided(error: psycopg.Error, connection: psycopg.Connection[Any] | None) -> UndecidedError | None:
    """The error as a batch to begin again, or None when it is the statement's or the user's own fault."""
    if isinstance(error, _BEGIN_AGAIN) or connection is None or connection.closed:
        return UndecidedError(_first_line(error))
    return None


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
