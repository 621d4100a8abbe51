"""One connection to a database, whatever the driver: statements in, rows out, and what an error means.

A driver's module derives one class from `SqlConnection`; nobody else calls the driver. Errors of the driver become one
of three things here: the batch begins again (`UndecidedError`), a unique key was taken (`TakenError`), or they are the
statement's own fault and stay what they are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import nullcontext
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from oncewhere.effects.place import UndecidedError
from oncewhere.errors import OncewhereError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from oncewhere.effects.sql.dialect import Dialect

Row = tuple[Any, ...]

MOST_PARAMETERS = 1000  # in one `in (…)` list; SQLite takes 32,766, and parsing is what costs


class Statement(NamedTuple):
    """One statement, to be run once for each row of parameters.

    Attributes:
        text: SQL with `%s` for each parameter.
        rows: of parameters.
        touches: True where each row of parameters must touch one row of the table: a compare-and-set.
    """

    text: str
    rows: Sequence[Sequence[Any]]
    touches: bool = False


class TakenError(Exception):
    """A unique key that a row of ours needs is taken.

    Args:
        key: the violated key, as the system names it.
    """

    def __init__(self, key: str) -> None:
        super().__init__(f"the unique key {key} is taken")
        self.key = key


class Fault(Enum):
    """What a driver's error means for the transaction."""

    AGAIN = "again"
    """It cannot go on, by nobody's fault: a deadlock, a serialization failure, a server that went away."""
    TAKEN = "taken"
    """A unique key refused a row."""
    OWN = "own"
    """The statement is wrong, or what it asks for is not allowed."""


class Standing(Enum):
    """What has become of the transaction that `begin` began."""

    OPEN = "open"
    FAILED = "failed"
    """A statement failed, and the system will not commit it."""
    GONE = "gone"
    """Somebody ended it: an effect, or the system."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A driver's error, understood.

    Attributes:
        fault: what it means.
        reason: its first line, without a full stop.
        key: the violated unique key, as the system names it; empty for other faults.
        owner: what tells it from others of that name, where the system says: its schema in PostgreSQL, its table in
            MySQL. Empty in MariaDB, whose error names the key alone.
    """

    fault: Fault
    reason: str
    key: str = ""
    owner: str = ""


class Database(Protocol):
    """What a keeper needs: statements in the open transaction."""

    @property
    def dialect(self) -> Dialect:
        """Which SQL it speaks."""

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Runs one statement in the open transaction; gives its rows, or an empty list where it has none.

        Args:
            statement: SQL with `%s` for each parameter.
            parameters: values in order; a list is an array, where the dialect has arrays.

        Raises:
            UndecidedError: the transaction cannot go on, by no fault of the statement.
            TakenError: a unique key refused a row.
        """

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Runs one statement for each row of parameters; gives how many rows of tables were touched together.

        Raises:
            UndecidedError: see `execute`.
            TakenError: see `execute`.
        """


def inserting(
    dialect: Dialect,
    table: str,
    columns: Mapping[str, str],
    rows: Sequence[Sequence[Any]],
    *,
    replacing: Sequence[str] = (),
    stamp: str = "",
) -> Statement:
    """The insertion of many rows; one whose key is taken refuses them all, unless `replacing` says otherwise.

    Args:
        dialect: in which SQL.
        table: its name, not quoted.
        columns: the columns and their types, in the order of each row's values.
        rows: at least one.
        replacing: see `Dialect.insert`.
        stamp: see `Dialect.insert`.
    """
    one = len(rows) == 1
    text = dialect.insert(table, columns, one=one, replacing=replacing, stamp=stamp)
    together = dialect.arrays and not one
    return Statement(text, [[list(column) for column in zip(*rows, strict=True)]] if together else rows)


def find(
    db: Database,
    table: str,
    columns: Sequence[str],
    *,
    among: tuple[str, str],
    values: Sequence[Any],
    where: Mapping[str, Any] | None = None,
) -> list[Row]:
    """The rows whose column has one of many values.

    Args:
        db: where.
        table: its name, not quoted.
        columns: what to give of each row.
        among: the column that is compared, and its type.
        values: what with.
        where: other columns, and what they must be.
    """
    quoted = db.dialect.quoted
    fixed = where or {}
    found: list[Row] = []
    step = len(values) if db.dialect.arrays else MOST_PARAMETERS
    for start in range(0, len(values), step or 1):
        some = list(values[start : start + step])
        conditions = [f"{quoted(column)} = %s" for column in fixed]
        conditions.append(db.dialect.among(quoted(among[0]), among[1], len(some)))
        found += db.execute(
            f"select {', '.join(map(quoted, columns))} from {quoted(table)} "  # noqa: S608 - names are quoted
            f"where {' and '.join(conditions)}",
            [*fixed.values(), *([some] if db.dialect.arrays else some)],
        )
    return found


class SqlConnection(ABC):
    """A driver's connection, in autocommit between our transactions.

    Attributes:
        dialect: which SQL it speaks.
        errors: the driver's own errors.
        native: what an effect gets as its first argument.
    """

    dialect: Dialect
    errors: tuple[type[Exception], ...]
    native: Any

    def lent(self) -> AbstractContextManager[Any]:
        """What one effect gets as its first argument, while it runs."""
        return nullcontext(self.native)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """See `Database.execute`."""
        try:
            return self._execute(statement, parameters)
        except self.errors as error:
            raise self.told(error) from error

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """See `Database.execute_many`."""
        try:
            return self._execute_many(statement, rows)
        except self.errors as error:
            raise self.told(error) from error

    def told(self, error: Exception) -> Exception:
        """The driver's error as `UndecidedError` or `TakenError`, or as it is."""
        cause = self.cause(error)
        if cause.fault is Fault.AGAIN:
            return UndecidedError(cause.reason)
        return TakenError(cause.key) if cause.fault is Fault.TAKEN else error

    def begin_with(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Begins a transaction and runs its first statement; in one trip where the driver can.

        Raises:
            UndecidedError: see `Database.execute`.
        """
        try:
            self.begin()
        except self.errors as error:
            raise UndecidedError(self.cause(error).reason) from error
        return self.execute(statement, parameters)

    def commit_with(self, last: Sequence[Statement]) -> None:
        """Runs the last statements and commits; in one trip where the driver can.

        Raises:
            TakenError: one of them was refused by a unique key, or lost a compare-and-set.
            UndecidedError: see `Database.execute`.
            Exception: one of `errors`, by COMMIT; with `alive` False afterwards, nobody knows whether it was committed.
        """
        for statement in last:
            touched = self.execute_many(statement.text, statement.rows)
            if statement.touches and touched != len(statement.rows):
                raise TakenError("of a compare-and-set")
        self.commit()

    @abstractmethod
    def _execute(self, statement: str, parameters: Sequence[Any]) -> list[Row]: ...

    @abstractmethod
    def _execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int: ...

    @abstractmethod
    def begin(self) -> None:
        """Begins a transaction; from here on an effect can neither commit nor roll back.

        Raises:
            Exception: one of `errors`.
        """

    @abstractmethod
    def commit(self) -> None:
        """Commits it.

        Raises:
            Exception: one of `errors`; with `alive` False afterwards, nobody knows whether it was committed.
        """

    @abstractmethod
    def rollback(self) -> None:
        """Takes it back; closes the connection where that cannot be told. Never raises."""

    @property
    @abstractmethod
    def standing(self) -> Standing:
        """What has become of the transaction."""

    @property
    @abstractmethod
    def alive(self) -> bool:
        """False once the connection is lost or closed."""

    @abstractmethod
    def close(self) -> None:
        """Closes it; what is open is rolled back by the server. Never raises."""

    @abstractmethod
    def cause(self, error: Exception) -> Cause:
        """What one of `errors` means."""


def ended_by_an_effect(title: str, or_else: str = "") -> OncewhereError:
    """The transaction is not the one that we began any more. Trying again would do again what was committed with it.

    Args:
        title: the system's.
        or_else: what looks the same to us, and is forbidden as well; with a comma before it.
    """
    return OncewhereError(
        f"An effect ended the transaction that it ran in{or_else}: part of its batch may have been committed in "
        f"{title}, alone.",
        hint="An effect may not run COMMIT or ROLLBACK, nor what commits by itself (CREATE TABLE in MySQL), nor "
        "RESET ALL in PostgreSQL, nor swallow the error of a deadlock. Mend it, and look at what the last batch left.",
    )


def first_line(error: BaseException) -> str:
    """An error's first line, without its full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
