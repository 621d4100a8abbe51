"""One table of ours, as data: columns in; the statement that creates it, or what is wrong with the one there, out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oncewhere.effects.sql.dialect import Kind, split
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oncewhere.effects.sql.connection import Database
    from oncewhere.effects.sql.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Table:
    """What a table of ours looks like, in every system.

    Attributes:
        columns: names and kinds, in order; none of them may be null.
        key: the columns of the primary key; in a table that is there already a unique one does as well.
        stamp: a column beside them that says when a row was written; for people.
        nullable: those of the columns that may be null.
        hot: True when few rows are updated all the time.
    """

    columns: Mapping[str, Kind]
    key: tuple[str, ...]
    stamp: str
    nullable: frozenset[str] = frozenset()
    hot: bool = False

    def ddl(self, dialect: Dialect, name: str) -> str:
        """The statement that creates it, for your own migrations.

        Args:
            dialect: in which SQL.
            name: `name` or `schema.name`.
        """
        width = max(len(dialect.quoted(column)) for column in (*self.columns, self.stamp))
        lines = []
        for column, kind in self.columns.items():
            null = "" if column in self.nullable else " not null"
            lines.append(f"  {dialect.quoted(column):<{width}} {dialect.types[kind]}{null},")
        moment = dialect.types[Kind.MOMENT]
        precision = moment[moment.find("(") :] if "(" in moment else ""
        lines.append(f"  {dialect.quoted(self.stamp):<{width}} {moment} not null default current_timestamp{precision},")
        lines.append(f"  primary key ({', '.join(map(dialect.quoted, self.key))})")
        options = dialect.hot_options if self.hot else dialect.table_options
        return f"create table if not exists {dialect.quoted(name)} (\n" + "\n".join(lines) + f"\n){options}"

    def types(self, dialect: Dialect) -> dict[str, str]:
        """Its columns with their types, as `insert` takes them."""
        return {column: dialect.reports(kind) for column, kind in self.columns.items()}

    def ensure(self, db: Database, name: str, *, create: bool, place: str) -> None:
        """Creates the table where it is missing, or checks the one that is there.

        Args:
            db: where.
            name: `name` or `schema.name`.
            create: whether it may be created.
            place: the place's name, for sentences.

        Raises:
            ConfigurationError: it is missing and may not be created, or it has another shape or no such key: the
                sentence has the difference.
        """
        dialect = db.dialect
        if not exists(db, name):
            if not create:
                raise ConfigurationError(
                    f"The table {name!r} does not exist in {place!r}.",
                    hint=f"Create it in your migrations (`oncewhere schema {dialect.name}` prints it), "
                    "or let the policy do so: create=True.",
                    detail=self.ddl(dialect, name),
                )
            if dialect.creation_lock:
                db.execute(dialect.creation_lock)
            db.execute(self.ddl(dialect, name))
        check_engine(db, name, place=place)
        found = columns_of(db, name)
        expected = self.types(dialect)
        wrong = [
            f"{column} {kind}" + (f" (it is {found[column]})" if column in found else "")
            for column, kind in expected.items()
            if found.get(column) != kind
        ]
        if wrong:
            raise ConfigurationError(
                f"Table {name!r} in {place!r} is not the one that oncewhere expects: it lacks {', '.join(wrong)}.",
                hint="Give the policy another table name, or migrate the table.",
            )
        beside = set(required_columns(db, name)) - set(expected)
        if beside:
            raise ConfigurationError(
                f"Table {name!r} in {place!r} has columns that oncewhere does not fill, without a default: "
                f"{', '.join(sorted(beside))}.",
                hint="Give them a default, or give the policy another table name.",
            )
        self._check_key(db, name, place=place)

    def _check_key(self, db: Database, name: str, *, place: str) -> None:
        """Refuses a table that would take two rows for one key: of two instances both would decide."""
        keys = unique_keys(db, name)
        if any(set(key) == set(self.key) for key in keys):
            return
        there = "; ".join(sorted({", ".join(key) for key in keys}))
        q = db.dialect.quoted
        index, columns = q(f"{split(name)[1]}_key"), ", ".join(map(q, self.key))
        raise ConfigurationError(
            f"Table {name!r} in {place!r} has no primary key or unique constraint on exactly {', '.join(self.key)}"
            + (f" (only on {there})" if there else "")
            + ", so it cannot refuse the second of two instances that decide the same.",
            hint=f"Add one: create unique index {index} on {q(name)} ({columns});",
        )


def exists(db: Database, table: str) -> bool:
    """True when there is a table of that name, on the search path or in the schema that the name gives."""
    return bool(columns_of(db, table))


def columns_of(db: Database, table: str) -> dict[str, str]:
    """The table's columns and their types without length (`character varying`), in order."""
    catalog = db.dialect.catalog
    return {str(name): str(kind) for name, kind in db.execute(catalog.columns, catalog.address(table))}


def unique_keys(db: Database, table: str) -> tuple[tuple[str, ...], ...]:
    """The primary key and the unique ones, each with its columns; one that looks at a part of a column only is none."""
    catalog = db.dialect.catalog
    found: dict[str, list[str]] = {}
    partial: set[str] = set()
    for name, column, part in db.execute(catalog.keys, catalog.address(table)):
        found.setdefault(str(name), []).append(str(column))
        if part:
            partial.add(str(name))
    return tuple(tuple(columns) for name, columns in found.items() if name not in partial)


def required_columns(db: Database, table: str) -> list[str]:
    """The columns that may not be null and have no default."""
    catalog = db.dialect.catalog
    return [str(row[0]) for row in db.execute(catalog.required, catalog.address(table))]


def check_engine(db: Database, table: str, *, place: str) -> None:
    """Refuses a table that takes no part in transactions.

    Raises:
        ConfigurationError: its storage engine is not a transactional one.
    """
    catalog, wanted = db.dialect.catalog, db.dialect.transactional_engine
    if not wanted:
        return
    rows = db.execute(catalog.engine, catalog.address(table))
    engine = str(rows[0][0]) if rows else "unknown"
    if engine != wanted:
        raise ConfigurationError(
            f"Table {table!r} in {place!r} has the storage engine {engine}, which takes no part in transactions: a "
            "rollback would leave its rows behind.",
            hint=f"Write: alter table {db.dialect.quoted(table)} engine = {wanted};",
        )
