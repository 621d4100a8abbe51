"""SQLite as a place: Python's own driver for the policies of `oncewhere.effects.sql`.

What makes it durable is set here: a write-ahead log, and `synchronous=FULL`, so that a COMMIT which was answered
survives the loss of power. A transaction takes the write lock when it begins (`BEGIN IMMEDIATE`): it then cannot fail
half-way for want of it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oncewhere.addresses import address_of
from oncewhere.effects.place import UndecidedError
from oncewhere.effects.sql.connection import Cause, Fault, SqlConnection, Standing, first_line
from oncewhere.effects.sql.dialect import SQLITE
from oncewhere.effects.sql.place import SqlPlace
from oncewhere.effects.steps import Steps
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oncewhere.effects.policy import Policy
    from oncewhere.effects.sql.connection import Row

_PRIMARY = 0xFF  # the low byte of an extended result code (sqlite.org/rescode.html)
_BEGIN_AGAIN = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_WRITES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_CREATE_TABLE})
_INTERNAL = "sqlite_"  # how the names of SQLite's own tables begin (sqlite.org/fileformat2.html#intschema)
_CACHED_STATEMENTS = 128  # Python's own default
_TAKEN = frozenset(
    {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID},
)
# Told apart from what an effect may write: a statement that is cached already is not authorised again.
_COMMIT = "commit /* oncewhere */"
_ROLLBACK = "rollback /* oncewhere */"


class Sqlite(SqlPlace[sqlite3.Connection]):
    """An SQLite database file that effects write to.

    A running processor has one connection of its own: an effect gets it inside an open transaction, and can neither
    commit nor roll back (its statements are authorised one by one). One process at a time writes to the file; others
    wait. So a journal (`AtMostOnce(claims=…)` and its like) that one processor uses beside it has a file of its own.

    No server ends what a stopped process holds: a zombie keeps the write lock until it goes on or is killed, and its
    successor waits meanwhile. What it wrote is never seen, since its compare-and-set is still to come.

    Args:
        path: the file; it is created where it is missing, its folder is not.
        name: your name for this place, such as `bank`; used in errors, events and the document.
        policy: how duplicates are prevented: `OffsetLedger()`, `DedupeTable("processed_event")`,
            `UniqueConstraint("settlement.event_id")` or `AtLeastOnce(acknowledged="why")`. There is no default.
        busy_timeout_ms: how long to wait for the write lock before the batch begins again, in milliseconds.
        steps: `host:port` of who is told of each commit before it is done, and lets it be done (`{NAME.steps}` of a
            drill, which has no other way to see it); None for nobody, as ever outside of drills.

    Raises:
        ConfigurationError: the path names no file, the name is empty, or the policy is none that SQLite can honour; or
            `steps` is no address.
    """

    dialect = SQLITE

    def __init__(
        self,
        path: str | Path,
        *,
        name: str,
        policy: Policy,
        busy_timeout_ms: int = 5_000,
        steps: str | None = None,
    ) -> None:
        super().__init__(name=name, policy=policy)
        path = address_of(name, str(path))
        if str(path) in {"", ":memory:"} or str(path).startswith("file:"):
            raise ConfigurationError(
                f"Place {name!r} needs a file: what is kept in memory is gone with the process.",
                hint="Write Sqlite('bank.db', name='bank', policy=…).",
            )
        self._path = Path(path)
        self._busy_ms = busy_timeout_ms
        self._steps = steps
        self._told()  # refuses what is no address
        self.address = str(path)

    @property
    def idle_limit_s(self) -> None:
        """There is none: no server watches a transaction."""
        return

    @property
    def written_file(self) -> str:
        """The file that a batch here is the only writer of; see `oncewhere.effects.one_writer`."""
        return str(self._path.resolve())

    def connection_type(self) -> type[sqlite3.Connection]:
        """What an effect gets as its first argument."""
        return sqlite3.Connection

    def connect(self) -> SqliteConnection:
        """A new connection, outside any transaction.

        Raises:
            UndecidedError: the file cannot be opened.
            ConfigurationError: it cannot have a write-ahead log (a network file system).
        """
        steps = self._told()
        # A statement that is cached is not authorised again, and what a commit is about would not be known.
        cached = _CACHED_STATEMENTS if steps is None else 0
        try:
            connection = sqlite3.connect(
                self._path,
                timeout=self._busy_ms / 1000,
                isolation_level=None,
                cached_statements=cached,
            )
            mode = connection.execute("pragma journal_mode = wal").fetchone()[0]
            connection.execute("pragma synchronous = full")
            connection.execute("pragma foreign_keys = on")
        except sqlite3.Error as error:
            raise UndecidedError(first_line(error)) from error
        if mode != "wal":
            connection.close()
            raise ConfigurationError(
                f"SQLite cannot keep a write-ahead log beside {self.address} (place {self.name!r}); it says {mode!r}.",
                hint="Put the file on a local disk.",
            )
        return SqliteConnection(connection, steps)

    def _told(self) -> Steps | None:
        """Who is told of one connection's commits."""
        return None if self._steps is None else Steps(self._steps, place=self.name)


class SqliteConnection(SqlConnection):
    """One sqlite3 connection.

    Args:
        connection: the driver's own, in autocommit.
        steps: who is told of its commits; None for nobody.
    """

    dialect = SQLITE
    errors = (sqlite3.Error,)

    def __init__(self, connection: sqlite3.Connection, steps: Steps | None = None) -> None:
        self.native = self._connection = connection
        self._steps = steps
        self._written: set[str] = set()
        self._guarded = False
        self._closed = False
        connection.set_authorizer(self._authorise)

    def _authorise(self, action: int, name: str | None, *_names: object) -> int:
        """Refuses BEGIN, COMMIT and ROLLBACK inside an effect; savepoints are another action, and welcome."""
        if action in _WRITES and name is not None and not name.startswith(_INTERNAL):
            self._written.add(name)
        refused = self._guarded and action == sqlite3.SQLITE_TRANSACTION
        return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK

    def _execute(self, statement: str, parameters: Sequence[Any]) -> list[Row]:
        cursor = self._connection.cursor()
        cursor.row_factory = None  # tuples whatever an effect may have set on the connection
        return cursor.execute(_own(statement), tuple(parameters)).fetchall()

    def _execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        return self._connection.executemany(_own(statement), rows).rowcount

    def begin(self) -> None:
        """Takes the write lock."""
        self._guarded = False
        self._written.clear()
        self._connection.execute("begin immediate")
        self._guarded = True

    def commit(self) -> None:
        """COMMIT; announced where somebody wants to know, and something was written.

        Raises:
            UndecidedError: it was not allowed.
        """
        self._guarded = False
        if self._steps is None or not self._written:
            self._connection.execute(_COMMIT)
            return
        try:
            with self._steps.step("commit", self._written):
                self._connection.execute(_COMMIT)
        except UndecidedError:
            self.rollback()
            raise

    def rollback(self) -> None:
        """ROLLBACK."""
        self._guarded = False
        try:
            if self._connection.in_transaction:
                self._connection.execute(_ROLLBACK)
        except sqlite3.Error:
            self.close()

    @property
    def standing(self) -> Standing:
        """SQLite ends a transaction by itself when the disk is full or fails."""
        if not self.alive:
            return Standing.FAILED
        return Standing.OPEN if self._connection.in_transaction else Standing.GONE

    @property
    def alive(self) -> bool:
        """False once it is closed."""
        return not self._closed

    def close(self) -> None:
        """Closes it."""
        self._closed = True
        if self._steps is not None:
            self._steps.close()
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def cause(self, error: Exception) -> Cause:
        """By its result code."""
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:
            return Cause(Fault.OWN, first_line(error))
        if code & _PRIMARY in _BEGIN_AGAIN:
            return Cause(Fault.AGAIN, first_line(error))
        if code in _TAKEN:
            # It says: UNIQUE constraint failed, and after a colon settlement.event_id
            return Cause(Fault.TAKEN, first_line(error), str(error).partition(": ")[2])
        return Cause(Fault.OWN, first_line(error))


def _own(statement: str) -> str:
    """A keeper's statement with SQLite's marks for parameters; names hold no percent sign (`Dialect.quoted`)."""
    return statement.replace("%s", "?").replace("%%", "%")
