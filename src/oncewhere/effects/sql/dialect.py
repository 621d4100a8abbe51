"""What differs between SQL systems, as data: kinds of columns and shapes of statements in, SQL text out.

Statements are written once, with `%s` for each parameter and with the names of the standard; a dialect fills in the
rest. Whoever adds a system adds one `Dialect` here and one driver module beside `effects/mysql.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from oncewhere.errors import ConfigurationError


class Kind(StrEnum):
    """What a column of ours holds."""

    NAME = "name"
    """Text that is compared byte by byte and may be part of a key."""
    INTEGER = "integer"
    BIGINT = "bigint"
    BYTES = "bytes"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class Catalog:
    """How a system is asked about its tables; each statement takes the parameters that `address` gives.

    Attributes:
        address: a table's name as the parameters of the statements below.
        columns: gives (name, type without length) of each column, in order; nothing where there is no such table.
        keys: gives (key, column, 1 where only a part of a column counts, or what is computed), in order, of each
            unique key that is checked at once, for every row.
        required: gives the columns that may not be null and have no default.
        engine: gives the table's storage engine; empty where every table is transactional.
        bearers: gives the unique keys of one name, in full: with their schema in PostgreSQL, with their table in MySQL
            (those of the connection's database). Empty where an error always names a key in full.
    """

    address: Callable[[str], list[object]]
    columns: str
    keys: str
    required: str
    engine: str = ""
    bearers: str = ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One SQL system.

    Attributes:
        name: what it is called in declarations: `postgresql`.
        title: what it is called in sentences: `PostgreSQL`.
        quote: what stands around a name.
        types: how a column of each kind is declared.
        reported: how the catalog reports those kinds that it does not report as they are declared.
        arrays: True where rows travel as one array for each column (`unnest`), False where each is bound by itself.
        upsert: what follows an INSERT that may find its key taken, with `{keys}` and `{sets}` to be filled in.
        claim: what follows an INSERT of one row that gives `{keys}` where the key was free, and nothing where it is
            taken; empty where there is none that tells a taken key from every other refusal (MySQL).
        proposed: the value that was to be inserted, inside `{sets}`, with `{column}` to be filled in.
        catalog: how its tables are looked at.
        creation_lock: a statement that lets only one instance at a time create tables; empty where none is needed.
        table_options: what follows a table's columns in CREATE TABLE.
        hot_options: the same for a table whose few rows are updated all the time.
        transactional_engine: the storage engine that a table must have; empty where there is only one.
        ddl_commits: True where CREATE TABLE commits by itself.
        common_key: what the primary key of each table is called, where a name is not the table's own choice; in lower
            case. Empty where each has a name of its own.
    """

    name: str
    title: str
    quote: str
    types: Mapping[Kind, str]
    reported: Mapping[Kind, str]
    arrays: bool
    upsert: str
    proposed: str
    catalog: Catalog
    claim: str = ""
    creation_lock: str = ""
    table_options: str = ""
    hot_options: str = ""
    transactional_engine: str = ""
    ddl_commits: bool = False
    common_key: str = ""

    def quoted(self, name: str) -> str:
        """A name, quoted part by part: `bank.processed_event` becomes `"bank"."processed_event"`.

        Raises:
            ConfigurationError: a part is empty, or holds a percent sign (which a driver takes for a parameter).
        """
        if "%" in name or "\0" in name or not all(name.split(".")):
            raise ConfigurationError(
                f"{name!r} is no name for a table or column.", hint="Write 'name' or 'schema.name'."
            )
        mark = self.quote
        return ".".join(mark + part.replace(mark, mark * 2) + mark for part in name.split("."))

    def reports(self, kind: Kind) -> str:
        """How the catalog reports a column of a kind."""
        return self.reported.get(kind, self.types[kind])

    def insert(
        self,
        table: str,
        columns: Mapping[str, str],
        *,
        one: bool = False,
        replacing: Sequence[str] = (),
        stamp: str = "",
    ) -> str:
        """The statement that inserts many rows, or one.

        Args:
            table: its name, not quoted yet.
            columns: the columns and their types, in order.
            one: True for a single row, whose values are bound by themselves in every system.
            replacing: the columns of a key whose row, where there is one, gets the new values; none to have it refused.
            stamp: the column that then says when that was.
        """
        names = ", ".join(self.quoted(column) for column in columns)
        if self.arrays and not one:
            arrays = ", ".join(f"%s::{kind}[]" for kind in columns.values())
            rows = f"select * from unnest({arrays})"  # noqa: S608 - types come from the catalog
        else:
            rows = f"values ({', '.join(['%s'] * len(columns))})"
        tail = f" {self._upsert(columns, replacing, stamp)}" if replacing else ""
        return f"insert into {self.quoted(table)} ({names}) {rows}{tail}"

    def claiming(self, table: str, column: str) -> str:
        """The statement that inserts a row with one value, and gives it where nobody had it; empty: see `claim`."""
        name = self.quoted(column)
        return f"{self.insert(table, {column: ''}, one=True)} {self.claim.format(keys=name)}" if self.claim else ""

    def among(self, column: str, kind: str, count: int) -> str:
        """A condition: the column's value is one of `count` given ones; `Database.find` fills them in."""
        if self.arrays:
            return f"{column} = any(%s::{kind}[])"
        return f"{column} in ({', '.join(['%s'] * count)})"

    def _upsert(self, columns: Mapping[str, str], keys: Sequence[str], stamp: str) -> str:
        sets = [
            f"{self.quoted(column)} = {self.proposed.format(column=self.quoted(column))}"
            for column in columns
            if column not in keys
        ]
        if stamp:
            sets.append(f"{self.quoted(stamp)} = current_timestamp")
        return self.upsert.format(keys=", ".join(self.quoted(key) for key in keys), sets=", ".join(sets))


def split(table: str) -> tuple[str | None, str]:
    """`schema.name` as its parts; None where no schema is named."""
    schema, _, name = table.rpartition(".")
    return schema or None, name


def _quoted_for_postgresql(table: str) -> list[object]:
    return [POSTGRESQL.quoted(table)]


POSTGRESQL = Dialect(
    name="postgresql",
    title="PostgreSQL",
    quote='"',
    types={
        Kind.NAME: "text",
        Kind.INTEGER: "integer",
        Kind.BIGINT: "bigint",
        Kind.BYTES: "bytea",
        Kind.MOMENT: "timestamp with time zone",
    },
    reported={},
    arrays=True,
    upsert="on conflict ({keys}) do update set {sets}",
    claim="on conflict ({keys}) do nothing returning {keys}",
    proposed="excluded.{column}",
    catalog=Catalog(
        address=_quoted_for_postgresql,
        columns="select attname, format_type(atttypid, null) from pg_attribute "
        "where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
        keys="select i.indexrelid::regclass::text, a.attname, 0 from pg_index i "
        "cross join lateral unnest(i.indkey) with ordinality k(attnum, n) "
        "join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum "
        "where i.indrelid = to_regclass(%s) and i.indisunique and i.indimmediate and i.indisvalid "
        "and i.indpred is null and i.indexprs is null and k.n <= i.indnkeyatts order by 1, k.n",
        required="select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 "
        "and not attisdropped and attnotnull and not atthasdef and attidentity = '' and attgenerated = ''",
        bearers="select n.nspname || '.' || c.relname from pg_index i join pg_class c on c.oid = i.indexrelid "
        "join pg_namespace n on n.oid = c.relnamespace "
        "where c.relname = %s and i.indisunique and not pg_is_other_temp_schema(n.oid) order by 1",
    ),
    creation_lock="select pg_advisory_xact_lock(1869505381)",  # "once"
    # Room beside a row for its next version: an update that changes no index stays on its page.
    hot_options=" with (fillfactor = 50)",
)

MYSQL = Dialect(
    name="mysql",
    title="MySQL",
    quote="`",
    types={
        # Compared byte by byte: in MySQL's own default collation 'E1' and 'e1' are the same key.
        Kind.NAME: "varchar(255) character set utf8mb4 collate utf8mb4_bin",
        Kind.INTEGER: "int",
        Kind.BIGINT: "bigint",
        Kind.BYTES: "longblob",
        Kind.MOMENT: "timestamp(6)",
    },
    reported={Kind.NAME: "varchar", Kind.MOMENT: "timestamp"},
    arrays=False,
    upsert="on duplicate key update {sets}",
    proposed="values({column})",
    catalog=Catalog(
        address=lambda table: list(split(table)),
        columns="select column_name, data_type from information_schema.columns "
        "where table_schema = coalesce(%s, database()) and table_name = %s order by ordinal_position",
        keys="select index_name, column_name, sub_part is not null or column_name is null "
        "from information_schema.statistics "
        "where table_schema = coalesce(%s, database()) and table_name = %s and non_unique = 0 "
        "order by index_name, seq_in_index",
        required="select column_name from information_schema.columns where table_schema = coalesce(%s, database()) "
        "and table_name = %s and is_nullable = 'NO' and column_default is null "
        "and extra not like '%%auto_increment%%' and extra not like '%%GENERATED%%'",
        engine="select engine from information_schema.tables "
        "where table_schema = coalesce(%s, database()) and table_name = %s",
        bearers="select distinct concat(table_name, '.', index_name) from information_schema.statistics "
        "where table_schema = database() and index_name = %s and non_unique = 0 order by 1",
    ),
    table_options=" engine = InnoDB",
    hot_options=" engine = InnoDB",
    transactional_engine="InnoDB",
    ddl_commits=True,
    common_key="primary",
)

SQLITE = Dialect(
    name="sqlite",
    title="SQLite",
    quote='"',
    types={
        Kind.NAME: "text",
        Kind.INTEGER: "integer",
        Kind.BIGINT: "bigint",
        Kind.BYTES: "blob",
        Kind.MOMENT: "timestamp",
    },
    reported={},
    arrays=False,
    upsert="on conflict ({keys}) do update set {sets}",
    claim="on conflict ({keys}) do nothing returning {keys}",
    proposed="excluded.{column}",
    catalog=Catalog(
        address=lambda table: [split(table)[1], split(table)[0] or "main"],
        columns="select name, lower(type) from pragma_table_info(%s, %s)",
        # `cross join` keeps the order: SQLite asks the second function before the first otherwise, and finds nothing.
        keys="with t(name, place) as (select %s, %s) "
        "select i.name, c.name, c.name is null from t cross join pragma_index_list(t.name, t.place) i "
        "cross join pragma_index_info(i.name, t.place) c "
        'where i."unique" = 1 and i.partial = 0 '
        "union all select '', p.name, 0 from t cross join pragma_table_info(t.name, t.place) p where p.pk > 0",
        required='select name from pragma_table_info(%s, %s) where "notnull" = 1 and dflt_value is null and pk = 0',
    ),
)

DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (POSTGRESQL, MYSQL, SQLITE)}
