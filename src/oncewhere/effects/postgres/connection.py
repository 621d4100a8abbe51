"""One connection to PostgreSQL: statements in, rows out, and what an error of psycopg means.

An effect's COMMIT is seen by the server's status, unless the effect begins another transaction at once (`COMMIT AND
CHAIN`): what it committed would have no position beside it. So a setting of ours is made where we begin, for that
transaction alone, and asked for where we commit: it is empty in any other. Both travel with BEGIN and COMMIT. (A
savepoint would tell as well, and would forbid an effect SET TRANSACTION ISOLATION LEVEL.) RESET ALL empties it too, and
must not be run for another reason: it would take the limit of an idle transaction away.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NoReturn

import psycopg
from psycopg import errors, pq

from oncewhere.effects.place import UndecidedError
from oncewhere.effects.postgres.trip import BEGIN, COMMIT, Step, TripError, Trips
from oncewhere.effects.sql.connection import (
    Cause,
    Fault,
    SqlConnection,
    Standing,
    TakenError,
    ended_by_an_effect,
    first_line,
)
from oncewhere.effects.sql.dialect import POSTGRESQL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oncewhere.effects.sql.connection import Row, Statement

logger = logging.getLogger(__name__)

# The transaction cannot go on, by no fault of the effect: the batch begins again (bounded by the runtime).
_BEGIN_AGAIN = (
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.LockNotAvailable,
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.IdleInTransactionSessionTimeout,
    errors.InvalidSqlStatementName,  # an effect has thrown away what we had prepared
)


_MARK = Step("set local oncewhere.begun = on")
# Refused where it is empty. With a parameter, since only such a step is prepared, and planning it anew costs a batch of
# one record some 20 %.
_STILL_MARKED = Step("select current_setting(%s)::boolean", ("oncewhere.begun",))
_NOT_MARKED = (errors.InvalidTextRepresentation, errors.UndefinedObject)


class Guarded(psycopg.Connection[Any]):
    """What an effect gets: a connection whose transaction is not the effect's to end. Savepoints are welcome."""

    def commit(self) -> NoReturn:
        """Refused."""
        _refuse("commit")

    def rollback(self) -> NoReturn:
        """Refused."""
        _refuse("rollback")


def _refuse(what: str) -> NoReturn:
    raise psycopg.ProgrammingError(f"{what} is forbidden inside an effect, whose transaction is the batch's")


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
    """One psycopg connection, in autocommit: its transactions are begun and ended by statements."""

    dialect = POSTGRESQL
    errors = (psycopg.Error,)

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.native = self._connection = connection
        self._trips = Trips(connection)

    def _execute(self, statement: str, parameters: Sequence[Any]) -> list[Row]:
        # Tuples whatever row factory an effect may have set on the connection.
        with self._connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
            prepare = False if _looks_up(parameters) else None  # None: as psycopg thinks best
            cursor.execute(statement.encode(), list(parameters) or None, prepare=prepare)
            return cursor.fetchall() if cursor.description else []

    def _execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        with self._connection.cursor() as cursor:
            if len(rows) == 1:
                cursor.execute(statement.encode(), rows[0])
            else:
                cursor.executemany(statement.encode(), rows)  # one round trip, by pipeline mode
            return cursor.rowcount

    def begin_with(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """BEGIN and the statement travel together."""
        try:
            return self._trips.make([BEGIN, _MARK, Step(statement, parameters, prepared=not _looks_up(parameters))])
        except TripError as failed:
            raise self.told(failed.cause) from failed.cause
        except psycopg.Error as error:
            raise self.told(error) from error

    def commit_with(self, last: Sequence[Statement]) -> None:
        """The statements and COMMIT travel together: where one fails, the server skips all that follow, COMMIT too.

        That is why a compare-and-set must fail where it touches nothing: it divides by the number of rows it touched.
        """
        steps = [
            Step(_touching(statement.text) if statement.touches else statement.text, row)
            for statement in last
            for row in statement.rows
        ]
        try:
            self._trips.make([_STILL_MARKED, *steps, COMMIT])
        except TripError as failed:
            if failed.last:
                raise failed.cause from None  # COMMIT itself: by a deferred constraint
            if failed.first and isinstance(failed.cause, _NOT_MARKED):
                raise ended_by_an_effect(self.dialect.title, ", or reset our mark of it (RESET ALL)") from failed.cause
            if isinstance(failed.cause, errors.DivisionByZero):
                raise TakenError("of a compare-and-set") from failed.cause
            raise self.told(failed.cause) from failed.cause

    def begin(self) -> None:
        """Begins one, with the mark that tells whether it is still the same."""
        # Two statements in one text are refused where they are to be prepared, as with prepare_threshold=0.
        self._connection.execute(f"{BEGIN.text}; {_MARK.text}", prepare=False)

    def commit(self) -> None:
        """COMMIT."""
        self._connection.execute("commit")

    def rollback(self) -> None:
        """ROLLBACK."""
        try:
            psycopg.Connection.rollback(self._connection)  # which sends nothing where nothing is open
            self._trips.forget()
        except Exception as error:  # noqa: BLE001 - an error while rolling back never hides its cause
            logger.debug("rollback failed, the connection is dropped: %s", error)
        if self._connection.info.transaction_status != pq.TransactionStatus.IDLE:
            self._connection.close()

    @property
    def standing(self) -> Standing:
        """From what the server said last; that it is still the one that we began, the mark tells at COMMIT."""
        match self._connection.pgconn.transaction_status:
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
            return Cause(Fault.TAKEN, reason, error.diag.constraint_name or "", error.diag.schema_name or "")
        return Cause(Fault.OWN, reason)


def _looks_up(parameters: Sequence[Any]) -> bool:
    """Whether a statement looks many values up; it must be planned each time.

    A plan that is kept is one for any values and for the table's size of that day. Made for a table that was small, it
    reads all of it and compares each row with each value: 600 records/s instead of 25,000 once there are some ten
    thousand rows, until the server's next ANALYZE.
    """
    return any(isinstance(value, list) for value in parameters)


def _touching(text: str) -> str:
    """The statement, so that it fails where it touches no row."""
    return f"with t as ({text} returning 1) select 1 / (select count(*) from t)"  # noqa: S608 - ours
