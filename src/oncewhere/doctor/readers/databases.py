"""A database that effects write to comes in; facts about the tables of its policy go out. Nothing is written.

The session is read only where the system has such sessions, and no statement may take long.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote

from oncewhere.doctor.fact import Fact, Unread
from oncewhere.doctor.places import Expected, LedgerPosition, PlaceFacts, Purpose, TableFacts, TextColumn, unreached
from oncewhere.effects.calls import Entry
from oncewhere.effects.place import UndecidedError
from oncewhere.effects.policy import AtMostOnce, DedupeTable, IdempotencyKey, OffsetLedger
from oncewhere.effects.sql.call_journal import CALLS, unsettled
from oncewhere.effects.sql.connection import SqlConnection, first_line
from oncewhere.effects.sql.dedupe_table import RECORDED
from oncewhere.effects.sql.dialect import Dialect
from oncewhere.effects.sql.ledger_table import LEDGER
from oncewhere.effects.sql.place import SqlPlace
from oncewhere.effects.sql.table import Table, columns_of, unique_keys
from oncewhere.effects.sqlite import SqliteConnection
from oncewhere.errors import ConfigurationError

from .catalog import CATALOGS, Catalog, moment_column

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database to look at.

    Attributes:
        name: the user's name for the place.
        policy: the policy's name, for people.
        place: how it is reached.
        tables: what its policy needs there.
        ledger: the ledger's table; empty where there is none.
        calls: the table of claims; empty where there is none.
    """

    name: str
    policy: str
    place: SqlPlace[Any]
    tables: tuple[Expected, ...]
    ledger: str = ""
    calls: str = ""


def database_of(place: object) -> Database | None:
    """What there is to look at of a processor's place; None where its policy keeps nothing in a database."""
    policy = getattr(place, "policy", None)
    name = str(getattr(place, "name", ""))
    match policy:
        case AtMostOnce(claims=SqlPlace() as kept):
            calls = _ours(Purpose.CALLS, CALLS, policy.table, kept.dialect, made=policy.create)
            return Database(name=name, policy=policy.name, place=kept, tables=(calls,), calls=policy.table)
        case IdempotencyKey(answers=SqlPlace() as kept):
            answers = _ours(Purpose.CALLS, CALLS, policy.table, kept.dialect, made=policy.create)
            return Database(name=name, policy=policy.name, place=kept, tables=(answers,))
        case OffsetLedger() if isinstance(place, SqlPlace):
            ledger = _ours(Purpose.LEDGER, LEDGER, policy.table, place.dialect, made=policy.create)
            return Database(name=name, policy=policy.name, place=place, tables=(ledger,), ledger=policy.table)
        case DedupeTable() if isinstance(place, SqlPlace):
            recorded = _ours(Purpose.RECORDED, RECORDED, policy.recorded, place.dialect, made=policy.create)
            return Database(
                name=name,
                policy=policy.name,
                place=place,
                tables=(dedupe(policy.table, policy.column, policy.retention_s), recorded),
            )
        case _ if isinstance(place, SqlPlace):
            return Database(name=name, policy=place.policy.name, place=place, tables=())
    return None


def dedupe(table: str, column: str, kept_s: float | None, *, assumed: bool = False, claimed: bool = False) -> Expected:
    """A dedupe table of the user's."""
    return Expected(
        purpose=Purpose.DEDUPE,
        name=table,
        columns={column: ""},
        key=(column,),
        kept_s=kept_s,
        assumed=assumed,
        claimed=claimed,
    )


def ledger(table: str, dialect: Dialect) -> Expected:
    """A ledger that may be there under our usual name."""
    return replace(_ours(Purpose.LEDGER, LEDGER, table, dialect, made=False), assumed=True)


def _ours(purpose: Purpose, table: Table, name: str, dialect: Dialect, *, made: bool) -> Expected:
    return Expected(
        purpose=purpose,
        name=name,
        columns=table.types(dialect),
        key=table.key,
        made_at_start=made,
        stamp=table.stamp,
    )


def read_database(database: Database, *, group: str | None) -> PlaceFacts:
    """Looks at a database once.

    Args:
        database: which one.
        group: the consumer group, whose rows of a ledger are read.
    """
    system = database.place.system
    try:
        connection = _connect(database.place)
    except (UndecidedError, ConfigurationError) as error:
        return unreached(database.name, system, database.policy, str(error))
    with closing(connection):
        _settle(connection, CATALOGS[system])
        return PlaceFacts(
            name=database.name,
            system=system,
            policy=database.policy,
            reached=True,
            tables=tuple(_table(connection, expected) for expected in database.tables),
            ledger=_positions(connection, database.ledger, group) if database.ledger and group else None,
            unsettled=_unsettled(connection, database.calls, database.name) if database.calls else None,
        )


def _connect(place: SqlPlace[Any]) -> SqlConnection:
    """A connection; the runtime's own to SQLite would make the file, and its write-ahead log."""
    if place.system != "sqlite":
        return place.connect()
    try:
        return SqliteConnection(sqlite3.connect(f"file:{quote(place.address)}?mode=ro", uri=True, isolation_level=None))
    except sqlite3.Error as error:
        raise UndecidedError(first_line(error)) from error


def _settle(connection: SqlConnection, catalog: Catalog) -> None:
    for statement in catalog.settle:
        with contextlib.suppress(*connection.errors, UndecidedError):
            connection.execute(statement)


def _table(connection: SqlConnection, expected: Expected) -> TableFacts:
    dialect, catalog = connection.dialect, CATALOGS[connection.dialect.name]
    columns = _try(connection, lambda: columns_of(connection, expected.name))
    if isinstance(columns, Unread) or not columns:
        return TableFacts(expected=expected, columns=columns, keys=(), rows=0, oldest_ms=None)
    expected = spelt(expected, columns, dialect)
    address = dialect.catalog.address(expected.name)
    stamp = expected.stamp if expected.stamp in columns else moment_column(columns, catalog)
    return TableFacts(
        expected=expected,
        columns=columns,
        keys=_try(connection, lambda: unique_keys(connection, expected.name)),
        rows=_try(connection, lambda: _rows(connection, catalog, expected.name, address)),
        oldest_ms=_try(connection, lambda: _oldest(connection, catalog, expected.name, stamp)) if stamp else None,
        identity=_try(connection, lambda: _identity(connection, catalog, expected, address)),
    )


def spelt(expected: Expected, columns: Iterable[str], dialect: Dialect) -> Expected:
    """The same with its columns spelt as the table has them, where the system takes no notice of their case."""
    if dialect.name == "postgresql":
        return expected
    there = {column.lower(): column for column in columns}
    return replace(
        expected,
        columns={there.get(name.lower(), name): kind for name, kind in expected.columns.items()},
        key=tuple(there.get(name.lower(), name) for name in expected.key),
    )


def _rows(connection: SqlConnection, catalog: Catalog, table: str, address: list[object]) -> int:
    """By estimate; counted where there is none (a table that was never analysed, SQLite)."""
    estimate = connection.execute(catalog.rows, address)[0][0] if catalog.rows else None
    if estimate:
        return int(estimate)
    return int(connection.execute(f"select count(*) from {connection.dialect.quoted(table)}")[0][0])  # noqa: S608


def _identity(
    connection: SqlConnection, catalog: Catalog, expected: Expected, address: list[object]
) -> TextColumn | None:
    if expected.purpose is not Purpose.DEDUPE:
        return None
    for length, collation, folds in connection.execute(catalog.text, [*address, expected.key[0]]):
        return TextColumn(length=None if length is None else int(length), collation=str(collation), folds=bool(folds))
    return None


def _oldest(connection: SqlConnection, catalog: Catalog, table: str, stamp: str) -> int | None:
    quoted = connection.dialect.quoted
    seconds = catalog.seconds.format(column=quoted(stamp))
    found = connection.execute(f"select {seconds} from {quoted(table)}")[0][0]  # noqa: S608 - names are quoted
    return None if found is None else int(float(found) * 1000)


def _positions(connection: SqlConnection, table: str, group: str) -> Fact[tuple[LedgerPosition, ...]]:
    quoted = connection.dialect.quoted
    names = ("topic_id", "topic", "partition", "next_offset", "covered_from")
    statement = (
        f"select {', '.join(map(quoted, names))} from {quoted(table)} "  # noqa: S608 - names are quoted
        f"where {quoted('group_id')} = %s order by 2, 3"
    )

    def read() -> tuple[LedgerPosition, ...]:
        if not columns_of(connection, table):
            return ()
        return tuple(
            LedgerPosition(topic_id=row[0], topic=row[1], partition=row[2], next_offset=row[3], covered_from=row[4])
            for row in connection.execute(statement, [group])
        )

    return _try(connection, read)


def _unsettled(connection: SqlConnection, table: str, place: str) -> Fact[tuple[Entry, ...]]:
    def read() -> tuple[Entry, ...]:
        return tuple(unsettled(connection, table, place)) if columns_of(connection, table) else ()

    return _try(connection, read)


def _try(connection: SqlConnection, read: Callable[[], _T]) -> Fact[_T]:
    faults: tuple[type[Exception], ...] = (*connection.errors, UndecidedError)
    try:
        return read()
    except faults as error:
        return Unread(first_line(error))
