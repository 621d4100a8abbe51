"""MySQL and MariaDB as places: their driver, PyMySQL, for the policies of `oncewhere.effects.sql`.

Two habits of these servers are guarded against here. Some statements commit by themselves (CREATE TABLE), and a
deadlock rolls the whole transaction back while the connection goes on as if nothing were: so a savepoint is set at the
beginning, and released before COMMIT. It is gone whenever the transaction that we began is, and then nothing is
committed. And idle transactions end by different names: `idle_transaction_timeout` in MariaDB; MySQL has only
`wait_timeout`, which ends the connection.
"""

from __future__ import annotations

import contextlib
import math
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

try:
    import pymysql
    from pymysql.connections import Connection
    from pymysql.constants import CR, ER
except ModuleNotFoundError as error:  # pragma: no cover - what is installed decides
    from oncewhere.errors import ConfigurationError as _ConfigurationError

    raise _ConfigurationError(
        "MySQL effects need PyMySQL, which is not installed.",
        hint="Install it: pip install 'oncewhere[mysql]'",
    ) from error

from oncewhere.addresses import address_of
from oncewhere.effects.place import UndecidedError
from oncewhere.effects.sql.connection import Cause, Fault, SqlConnection, Standing, ended_by_an_effect, first_line
from oncewhere.effects.sql.dialect import MYSQL
from oncewhere.effects.sql.place import SqlPlace
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oncewhere.effects.policy import Policy
    from oncewhere.effects.sql.connection import Row

CONNECT_TIMEOUT_S = 10
ANSWER_TIMEOUT_S = 60.0  # for one statement; longer than InnoDB lets it wait for a lock (50 s)
DEFAULT_PORT = 3306

_KILLED = 1927  # MariaDB's ER_CONNECTION_KILLED: by KILL, or by idle_transaction_timeout
_INACTIVE = 4031  # MySQL's ER_CLIENT_INTERACTION_TIMEOUT: by wait_timeout
_SNAPSHOT = 1020  # ER_CHECKREAD, "record has changed since last read": a serialization failure
_BEGIN_AGAIN = frozenset(
    {
        ER.LOCK_DEADLOCK,
        ER.LOCK_WAIT_TIMEOUT,
        ER.SERVER_SHUTDOWN,
        CR.CR_SERVER_GONE_ERROR,
        CR.CR_SERVER_LOST,
        _KILLED,
        _INACTIVE,
        _SNAPSHOT,
    },
)

if TYPE_CHECKING:
    Native = Connection[Any]
else:
    Native = Connection  # generic in its stubs only


class MySql(SqlPlace["pymysql.connections.Connection[Any]"]):
    """A MySQL or MariaDB database that effects write to.

    A running processor has one connection of its own: an effect gets it inside an open transaction, and can neither
    commit nor roll back. Only InnoDB tables take part in transactions, so tables of ours are made so, and a dedupe
    table must be one. Statements that commit by themselves (CREATE, ALTER, TRUNCATE, …) end the run of an effect.

    Args:
        url: `mysql://user:password@host:port/database`; special characters percent-encoded.
        name: your name for this place, such as `bank`; used in errors, events and the document.
        policy: how duplicates are prevented: `OffsetLedger()`, `DedupeTable("processed_event")`,
            `UniqueConstraint("settlement_event")` or `AtLeastOnce(acknowledged="why")`. There is no default. A unique
            key is best named as no other table's in the database is, and never `PRIMARY`.
        idle_in_transaction_timeout_ms: the server ends our transaction when it stands idle that long, in
            milliseconds, rounded up to whole seconds; see `Postgres`.
        options: more arguments for `pymysql.connect`, such as `{"ssl_ca": "ca.pem"}`.

    Raises:
        ConfigurationError: the URL cannot be read, the name is empty, or the policy is none that MySQL can honour.
    """

    dialect = MYSQL

    def __init__(
        self,
        url: str,
        *,
        name: str,
        policy: Policy,
        idle_in_transaction_timeout_ms: int = 10_000,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(name=name, policy=policy)
        url = address_of(name, url)
        try:
            parts = urlsplit(url)
            port = parts.port or DEFAULT_PORT
        except ValueError as error:
            raise _unreadable(name) from error
        database = unquote(parts.path.strip("/"))
        if parts.scheme not in {"mysql", "mariadb"} or not parts.hostname or not database:
            raise _unreadable(name)
        self._arguments = {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "read_timeout": ANSWER_TIMEOUT_S,
            "write_timeout": ANSWER_TIMEOUT_S,
            **(options or {}),
            "host": parts.hostname,
            "port": port,
            "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "database": database,
            "charset": "utf8mb4",
        }
        self.address = f"{parts.hostname}:{port}/{database}"
        self._idle_s = max(1, math.ceil(idle_in_transaction_timeout_ms / 1000))

    @property
    def idle_limit_s(self) -> float:
        """How long our transaction may stand idle, in seconds."""
        return self._idle_s

    def connection_type(self) -> type[pymysql.connections.Connection[Any]]:
        """What an effect gets as its first argument."""
        return Connection

    def connect(self) -> MySqlConnection:
        """A new connection, outside any transaction.

        Raises:
            UndecidedError: no server answers, or it refuses us.
        """
        try:
            connection = _Guarded(**self._arguments)
        except pymysql.Error as error:
            raise UndecidedError(_told(error)) from error
        return adopt(connection, self._idle_s * 1000)


def adopt(connection: Any, idle_ms: int) -> MySqlConnection:
    """A connection that somebody has opened, in autocommit, as ours.

    Args:
        connection: the driver's.
        idle_ms: after how many milliseconds the server ends a transaction of ours that stands idle, rounded up to whole
            seconds.

    Raises:
        UndecidedError: it is broken already.
    """
    idle_s = max(1, math.ceil(idle_ms / 1000))
    try:
        with connection.cursor() as cursor:
            # Without it a server may cut a value short to fit its column, and say nothing.
            cursor.execute("set session sql_mode = concat(@@sql_mode, ',STRICT_TRANS_TABLES')")
            if "MariaDB" in connection.get_server_info():
                cursor.execute("set session idle_transaction_timeout = %s", [idle_s])
                return MySqlConnection(connection)
            cursor.execute("set session wait_timeout = %s", [idle_s])
            return MySqlConnection(connection, ends_when_idle_s=idle_s)
    except pymysql.Error as error:
        raise UndecidedError(_told(error)) from error


def _unreadable(name: str) -> ConfigurationError:
    # It may hold a password, so it is not shown.
    return ConfigurationError(
        f"The URL of place {name!r} cannot be read.",
        hint="It has the form mysql://user:password@host:port/database.",
    )


class _Guarded(Native):
    """A connection whose transaction is not the effect's to end."""

    guarded = False

    def begin(self) -> None:
        self._refuse("begin")
        super().begin()

    def commit(self) -> None:
        self._refuse("commit")
        super().commit()

    def rollback(self) -> None:
        self._refuse("rollback")
        super().rollback()

    def autocommit(self, value: bool) -> None:  # noqa: FBT001 - the driver's signature
        self._refuse("autocommit")
        super().autocommit(value)

    def _refuse(self, what: str) -> None:
        if self.guarded:
            raise pymysql.ProgrammingError(f"{what} is forbidden inside an effect, whose transaction is the batch's")


class MySqlConnection(SqlConnection):
    """One PyMySQL connection.

    Args:
        connection: the driver's own, just opened.
        ends_when_idle_s: after how many idle seconds the server closes it; None where it does not.
    """

    dialect = MYSQL
    errors = (pymysql.Error,)

    def __init__(self, connection: _Guarded, *, ends_when_idle_s: float | None = None) -> None:
        self.native = self._connection = connection
        self._ends_when_idle_s = ends_when_idle_s
        self._used_at = time.monotonic()

    def _execute(self, statement: str, parameters: Sequence[Any]) -> list[Row]:
        # Tuples whatever cursor class an effect may have set on the connection.
        with self._connection.cursor(pymysql.cursors.Cursor) as cursor:
            cursor.execute(statement, tuple(parameters))
            self._used_at = time.monotonic()
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    def _execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        with self._connection.cursor(pymysql.cursors.Cursor) as cursor:
            return cursor.executemany(statement, rows) or 0

    def begin(self) -> None:
        """Begins one, with the savepoint that tells whether it is still the same."""
        self._connection.guarded = False
        self._connection.begin()
        self._execute("savepoint oncewhere_begun", ())
        self._connection.guarded = True

    def commit(self) -> None:
        """COMMIT, unless the transaction is another one by now."""
        self._connection.guarded = False
        try:
            self._execute("release savepoint oncewhere_begun", ())
        except pymysql.Error as error:
            if error.args and error.args[0] == ER.SP_DOES_NOT_EXIST:
                raise ended_by_an_effect("MySQL") from error
            raise
        self._connection.commit()
        self._used_at = time.monotonic()

    def rollback(self) -> None:
        """ROLLBACK."""
        self._connection.guarded = False
        try:
            if self._connection.open:
                self._connection.rollback()
        except (pymysql.Error, OSError):
            self.close()

    @property
    def standing(self) -> Standing:
        """Asked for at COMMIT, by the savepoint: what the server says of itself does not tell one from another."""
        return Standing.OPEN if self._connection.open else Standing.FAILED

    @property
    def alive(self) -> bool:
        """False once it is closed, or once the server must have closed it."""
        if self._ends_when_idle_s is not None and time.monotonic() - self._used_at > self._ends_when_idle_s / 2:
            self.close()
        return bool(self._connection.open)

    def close(self) -> None:
        """Closes it."""
        if self._connection.open:
            with contextlib.suppress(pymysql.Error, OSError):
                self._connection.close()

    def cause(self, error: Exception) -> Cause:
        """By its number."""
        reason, number = _told(error), error.args[0] if error.args else None
        if number in _BEGIN_AGAIN or not self._connection.open:
            return Cause(Fault.AGAIN, reason)
        if number == ER.DUP_ENTRY:
            # "Duplicate entry 'e1' for key 'settlement_event'"; MySQL 8.0.19 writes 'settlement.settlement_event'.
            owner, _, key = str(error.args[1]).rstrip("'").rpartition("'")[2].rpartition(".")
            return Cause(Fault.TAKEN, reason, key, owner)
        return Cause(Fault.OWN, reason)


def _told(error: Exception) -> str:
    """What an error says, without its number; a duplicate's value is not shown."""
    if error.args and error.args[0] == ER.DUP_ENTRY:
        return "a unique key is taken"
    return str(error.args[1]).rstrip(".") if len(error.args) > 1 else first_line(error)
