"""A policy at work in an SQL database: calls in, recorded results and statements out.

Statements go through a `Database`, which hides the driver. A `Keeper` lives as long as the processor and keeps one
policy's tables; its `Page` lives as long as one batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oncewhere.effects.place import Batch, Call, Start
    from oncewhere.records import Partition


class Database(Protocol):
    """The one thing that a keeper needs of a driver."""

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Runs one statement in the open transaction; gives its rows, or an empty list where it has none.

        Args:
            statement: SQL with `%s` for each parameter.
            parameters: values in order; a list is an array.

        Raises:
            UndecidedError: the transaction cannot go on, by no fault of the statement.
        """


class Page(Protocol):
    """One policy during one batch."""

    def recall(self, db: Database, call: Call) -> bytes | None:
        """The recorded result of a call; None when its effect must be executed.

        Raises:
            DuplicateEvent: the event was done at another position.
            ReplayError: the record is redelivered, and this call was not recorded.
        """

    def record(self, call: Call, raw: bytes) -> None:
        """Notes the result of an effect that was executed."""

    def needs_decision(self) -> bool:
        """True when the batch has something to write even if no effect was executed."""

    def write(self, db: Database) -> None:
        """Runs the last statements before COMMIT.

        Raises:
            UndecidedError: another instance was faster.
        """

    def decided(self) -> None:
        """COMMIT was answered."""

    def confirmed(self) -> None:
        """Kafka's transaction committed."""


class Keeper(Protocol):
    """One policy's tables in one database."""

    def prepare(self, db: Database) -> None:
        """Checks the tables, and creates those that are ours where the policy says so.

        Raises:
            ConfigurationError: a table is missing or has the wrong shape.
        """

    def assigned(self, db: Database, starts: Mapping[Partition, Start]) -> None:
        """Reads what is recorded of these partitions.

        Raises:
            LedgerRefusedError: it contradicts the starts.
        """

    def released(self, partitions: Iterable[Partition]) -> None:
        """Forgets these partitions."""

    def open(self, batch: Batch) -> Page:
        """A page for one batch."""


def quoted(name: str) -> str:
    """An SQL name, quoted part by part: `bank.processed_event` becomes `"bank"."processed_event"`.

    Raises:
        ConfigurationError: a part is empty, or holds a percent sign (which the driver takes for a parameter).
    """
    if "%" in name or not all(name.split(".")):
        raise ConfigurationError(f"{name!r} is no name for a table or column.", hint="Write 'name' or 'schema.name'.")
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def exists(db: Database, table: str) -> bool:
    """True when a table of that name is on the search path, or in the schema that the name gives."""
    return db.execute("select to_regclass(%s) is not null", [quoted(table)])[0][0] is True


def columns_of(db: Database, table: str) -> dict[str, str]:
    """The table's columns and their types without length (`character varying`), in order."""
    rows = db.execute(
        "select attname, format_type(atttypid, null) from pg_attribute "
        "where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
        [quoted(table)],
    )
    return {str(name): str(kind) for name, kind in rows}


def check_columns(db: Database, table: str, expected: Mapping[str, str], *, place: str) -> None:
    """Refuses a table of ours whose columns are not as expected.

    Raises:
        ConfigurationError: it names the columns that are missing or of another type.
    """
    found = columns_of(db, table)
    wrong = [f"{name} {kind}" for name, kind in expected.items() if found.get(name) != kind]
    if wrong:
        raise ConfigurationError(
            f"Table {table!r} in {place!r} is not the one that oncewhere expects: it lacks {', '.join(wrong)}.",
            hint="Give the policy another table name, or migrate the table.",
        )
