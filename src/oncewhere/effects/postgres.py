"""PostgreSQL as a place: its driver, psycopg, for the policies of `oncewhere.effects.sql`."""

from __future__ import annotations

import logging
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

from oncewhere.addresses import address_of
from oncewhere.effects.place import UndecidedError
from oncewhere.effects.sql.connection import Cause, Fault, SqlConnection, Standing, TakenError, first_line
from oncewhere.effects.sql.dialect import POSTGRESQL
from oncewhere.effects.sql.place import SqlPlace
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oncewhere.effects.policy import Policy
    from oncewhere.effects.sql.connection import Row, Statement

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


class Postgres(SqlPlace["psycopg.Connection[Any]"]):
    """A PostgreSQL database that effects write to.

    Nothing connects before the processor runs. A running processor has one connection of its own: an effect gets it
    inside an open transaction, and can neither commit nor roll back (psycopg forbids it); savepoints
    (`with db.transaction()`) are welcome.

    Args:
        dsn: where it is, as libpq takes it: a URL or `key=value` pairs.
        name: your name for this place, such as `bank`; used in errors, events and the document.
        policy: how duplicates are prevented: `OffsetLedger()`, `DedupeTable("processed_event")`,
            `UniqueConstraint("settlement_pkey")` or `AtLeastOnce(acknowledged="why")`. There is no default.
        idle_in_transaction_timeout_ms: the server ends our transaction when it stands idle that long, in
            milliseconds, so that a zombie (a stopped process, a lost network) cannot hold its locks against its
            successor. Longer than the slowest handler takes between two statements, shorter than Kafka's
            `transaction.timeout.ms`.

    Raises:
        ConfigurationError: the DSN cannot be read, the name is empty, or the policy is none that PostgreSQL can honour.
    """

    dialect = POSTGRESQL

    def __init__(self, dsn: str, *, name: str, policy: Policy, idle_in_transaction_timeout_ms: int = 10_000) -> None:
        super().__init__(name=name, policy=policy)
        dsn = address_of(name, dsn)
        try:
            given = conninfo.conninfo_to_dict(dsn)
        except psycopg.ProgrammingError as error:
            # The message may quote the DSN, and a DSN may hold a password.
            msg = f"The DSN of place {name!r} cannot be read by libpq."
            raise ConfigurationError(msg, hint="It has the form postgresql://user@host:port/database.") from error
        self._conninfo = conninfo.make_conninfo(dsn, connect_timeout=given.get("connect_timeout", CONNECT_TIMEOUT_S))
        self.address = f"{given.get('host', 'localhost')}:{given.get('port', 5432)}/{given.get('dbname', '')}"
        self._idle_ms = idle_in_transaction_timeout_ms

    @property
    def idle_limit_s(self) -> float:
        """`idle_in_transaction_session_timeout`, in seconds."""
        return self._idle_ms / 1000

    def connection_type(self) -> type[psycopg.Connection[Any]]:
        """What an effect gets as its first argument."""
        return psycopg.Connection

    def connect(self) -> PostgresConnection:
        """A new connection, outside any transaction.

        Raises:
            UndecidedError: no server answers, or it refuses us.
        """
        try:
            connection = psycopg.connect(self._conninfo, autocommit=True, application_name="oncewhere")
        except psycopg.OperationalError as error:
            raise UndecidedError(first_line(error)) from error
        return adopt(connection, self._idle_ms)


def adopt(connection: psycopg.Connection[Any], idle_ms: int) -> PostgresConnection:
    """A connection that somebody has opened, in autocommit, as ours.

    Args:
        connection: the driver's.
        idle_ms: after how many milliseconds the server ends a transaction of ours that stands idle.

    Raises:
        UndecidedError: it is broken already.
    """
    try:
        connection.execute(f"set idle_in_transaction_session_timeout = {idle_ms}".encode())
    except psycopg.OperationalError as error:
        raise UndecidedError(first_line(error)) from error
    return PostgresConnection(connection)


class PostgresConnection(SqlConnection):
    """One psycopg connection."""

    dialect = POSTGRESQL
    errors = (psycopg.Error,)

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.native = self._connection = connection
        self._transaction: psycopg.Transaction | None = None

    def _execute(self, statement: str, parameters: Sequence[Any]) -> list[Row]:
        # Tuples whatever row factory an effect may have set on the connection.
        with self._connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
            cursor.execute(statement.encode(), list(parameters) or None)
            return cursor.fetchall() if cursor.description else []

    def _execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        with self._connection.cursor() as cursor:
            if len(rows) == 1:
                cursor.execute(statement.encode(), rows[0])
            else:
                cursor.executemany(statement.encode(), rows)  # one round trip, by pipeline mode
            return cursor.rowcount

    def begin_with(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """BEGIN and the statement travel together (pipeline mode)."""
        try:
            with self._connection.pipeline(), self._connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
                self.begin()
                cursor.execute(statement.encode(), list(parameters) or None)
                return cursor.fetchall()
        except psycopg.Error as error:
            raise self.told(error) from error

    def commit_with(self, last: Sequence[Statement]) -> None:
        """The statements and COMMIT travel together: where one fails, the server skips all that follow, COMMIT too.

        That is why a compare-and-set must fail where it touches nothing: it divides by the number of rows it touched.
        """
        if not last:
            self.commit()
            return
        cursors = []
        try:
            with self._connection.pipeline():
                for text, rows, touches in last:
                    full = f"with t as ({text} returning 1) select 1 / (select count(*) from t)" if touches else text  # noqa: S608 - ours
                    for row in rows:
                        cursors.append(self._connection.cursor())
                        cursors[-1].execute(full.encode(), list(row))
                self.commit()
        except psycopg.Error as last_error:
            error = _first(last_error)
            if not self.alive or all(cursor.pgresult is not None for cursor in cursors):
                raise error from None  # COMMIT was on its way; or it failed itself, by a deferred constraint
            if isinstance(error, errors.DivisionByZero):
                raise TakenError("of a compare-and-set") from error
            raise self.told(error) from error
        finally:
            for cursor in cursors:
                cursor.close()

    def begin(self) -> None:
        """Begins one; inside `psycopg.Transaction` an effect's commit and rollback are refused."""
        # Not `connection.transaction()`, which inside a pipeline begins two more, and keeps them for its whole life.
        transaction = psycopg.Transaction(self._connection)
        transaction.__enter__()
        self._transaction = transaction

    def commit(self) -> None:
        """COMMIT."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            transaction.__exit__(None, None, None)

    def rollback(self) -> None:
        """ROLLBACK."""
        transaction, self._transaction = self._transaction, None
        try:
            if transaction is not None:
                transaction.__exit__(psycopg.Rollback, psycopg.Rollback(), None)
            elif self._connection.info.transaction_status != pq.TransactionStatus.IDLE:
                self._connection.rollback()  # its COMMIT was skipped
        except Exception as error:  # noqa: BLE001 - an error while rolling back never hides its cause
            logger.debug("rollback failed, the connection is dropped: %s", error)
        if self._connection.info.transaction_status != pq.TransactionStatus.IDLE:
            self._connection.close()

    @property
    def standing(self) -> Standing:
        """From what the server said last."""
        match self._connection.info.transaction_status:
            case pq.TransactionStatus.INTRANS:
                return Standing.OPEN
            case pq.TransactionStatus.IDLE:
                return Standing.GONE
            case _:
                return Standing.FAILED

    @property
    def alive(self) -> bool:
        """False once it is closed."""
        return not self._connection.closed

    def close(self) -> None:
        """Closes it."""
        self._connection.close()

    def cause(self, error: Exception) -> Cause:
        """By its SQLSTATE."""
        reason = first_line(error)
        if isinstance(error, _BEGIN_AGAIN) or self._connection.closed:
            return Cause(Fault.AGAIN, reason)
        if isinstance(error, errors.UniqueViolation):
            return Cause(Fault.TAKEN, reason, error.diag.constraint_name or "")
        return Cause(Fault.OWN, reason)


def _first(error: psycopg.Error) -> psycopg.Error:
    """What went wrong in a pipeline: all that follows it fails too, with an error that says only that."""
    while isinstance(error, errors.PipelineAborted) and isinstance(error.__context__, psycopg.Error):
        error = error.__context__
    return error
