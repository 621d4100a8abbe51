"""A declared effect and a PostgreSQL server come in; an empty database goes out, and later what is found in it.

Every trial gets a database of its own, copied from a template that the effect's schema was loaded into once.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from oncewhere.drill.checks import PlaceSeen
from oncewhere.drill.effect import Effect
from oncewhere.drill.history import Event
from oncewhere.errors import ConfigurationError
from oncewhere.proxy.tls import POSTGRES, Tls
from oncewhere.wire.postgres import PostgresLink

from .counting import gathered_keys, refused_observe, rows_forgotten, seen_in_rows
from .naming import database_name
from .schema_file import read_schema
from .world import Address, Server

CONNECT_LIMIT_S = 5
DEFAULT_PORT = 5432
_UNIQUE_KEYS = """
    select t.relname::text, array_agg(a.attname::text order by a.attname) filter (where a.attname is not null)
    from pg_class t
    join pg_namespace n on n.oid = t.relnamespace and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    left join pg_index i on i.indrelid = t.oid and i.indisunique and i.indpred is null and i.indexprs is null
    left join pg_attribute a on a.attrelid = t.oid and a.attnum = any(i.indkey::int2[])
    where t.relkind in ('r', 'p') group by t.oid, t.relname, i.indexrelid order by 1, 2
"""
_COLUMNS = """
    select table_name, column_name from information_schema.columns
    where table_schema !~ '^pg_' and table_schema <> 'information_schema'
    order by table_schema, table_name, ordinal_position
"""
NAME_LIMIT = 50
"""Of the template's name, in bytes: PostgreSQL keeps 63, and the trial's database is called after it."""


class PostgresqlWorld:
    """The databases of one effect, on one PostgreSQL server.

    Args:
        name: the effect's name.
        effect: its declaration.
        folder: where the schema file's path starts.
        dsn: a connection string of the real server whose user may create databases.
        tag: keeps the databases of different versions and lanes apart.
    """

    def __init__(self, name: str, effect: Effect, folder: Path, dsn: str, tag: str) -> None:
        self.name = name
        self._effect = effect
        self._dsn = dsn
        self._template = database_name(name, tag, NAME_LIMIT)
        self._database = f"{self._template}_trial"
        self._made_template = False
        self._schema = read_schema(name, effect, folder)
        try:
            found = conninfo_to_dict(dsn)
        except psycopg.ProgrammingError as error:
            raise ConfigurationError(f"{name}: the DSN is not a connection string: {_one_line(error)}.") from None
        self._host = str(found.get("host") or found.get("hostaddr") or "127.0.0.1")
        port = str(found.get("port") or DEFAULT_PORT)
        if not port.isdecimal():
            raise ConfigurationError(f"{name}: the DSN's port is {port!r}.", hint="Write one number, such as 5432.")
        self._port = int(port)
        self._tls = _tls(str(found.get("sslmode") or ""), found.get("sslrootcert"))
        self._user = str(found.get("user") or "")
        self._password = str(found.get("password") or "")

    def reset(self) -> Server:
        """Makes the trial's database anew, with the schema and nothing else in it.

        Raises:
            ConfigurationError: the server cannot be reached, the user may not create databases, the schema is refused.
        """
        with self._connect("postgres") as server:
            if not self._made_template:
                self._drop(server, self._template)
                server.execute(sql.SQL("create database {}").format(sql.Identifier(self._template)))
                self._load_schema()
                self._made_template = True
            self._drop(server, self._database)
            server.execute(
                sql.SQL("create database {} template {} strategy wal_log").format(
                    sql.Identifier(self._database), sql.Identifier(self._template)
                )
            )
        return Server(host=self._host, port=self._port, link=PostgresLink, tls=self._tls)

    def remove(self) -> None:
        """Drops what this world made."""
        with self._connect("postgres") as server:
            self._drop(server, self._database)
            self._drop(server, self._template)

    def placeholders(self, host: str, port: int) -> Mapping[str, str]:
        """The trial's database, reached through the proxy at host:port."""
        return Address(
            scheme="postgresql",
            host=host,
            port=port,
            user=self._user,
            password=self._password,
            path=f"/{self._database}",
        ).placeholders(self.name)

    def seen(self, _events: Iterable[Event]) -> PlaceSeen:
        """Runs the effect's `observe` query.

        Raises:
            ConfigurationError: the query is refused, or does not answer with two columns.
        """
        with self._connect(self._database) as connection:
            try:
                rows = connection.execute(self._effect.observe or "").fetchall()
            except psycopg.Error as error:
                with self._connect(self._database) as another:  # it may be the connection that is gone
                    columns = another.execute(_COLUMNS).fetchall()
                raise refused_observe(self.name, _one_line(error), ((row[0], row[1]) for row in columns)) from None
        return seen_in_rows(self.name, self._effect.system, rows, compare=self._effect.compare is not None)

    @property
    def forgets(self) -> bool:
        """See `Forgetful`."""
        return self._effect.purge is not None

    def now(self) -> str:
        """The server's time and zone; a column without one takes it for a time of the server's; see `Forgetful`."""
        with self._connect(self._database) as connection:
            return str(connection.execute("select current_timestamp::text").fetchall()[0][0])

    def purge(self, cutoff: str) -> int | None:
        """Runs the effect's `purge`; see `Forgetful`."""
        with self._connect(self._database) as connection:
            try:
                cursor = connection.execute(self._effect.purge_before(cutoff))
                results = [(cursor.statusmessage or "", cursor.rowcount)]
                while cursor.nextset():
                    results.append((cursor.statusmessage or "", cursor.rowcount))
            except psycopg.Error as error:
                raise ConfigurationError(f"effects.{self.name}.purge was refused: {_one_line(error)}.") from None
        return rows_forgotten((status.partition(" ")[0], rows) for status, rows in results)

    def unique_keys(self) -> Mapping[str, list[list[str]]]:
        """What the catalogue says; see `Keyed`."""
        with self._connect(self._database) as connection:
            rows = connection.execute(_UNIQUE_KEYS).fetchall()
        return gathered_keys((row[0], row[1]) for row in rows)

    def _load_schema(self) -> None:
        if not self._schema:
            return
        with self._connect(self._template) as connection:
            try:
                connection.execute(self._schema)
            except psycopg.Error as error:
                raise ConfigurationError(f"effects.{self.name}.schema was refused: {_one_line(error)}.") from None

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        try:
            return psycopg.connect(self._dsn, dbname=database, autocommit=True, connect_timeout=CONNECT_LIMIT_S)
        except psycopg.Error as error:
            raise ConfigurationError(
                f"{self.name}: PostgreSQL at {self._host}:{self._port} cannot be used: {_one_line(error)}.",
                hint="Check host, port, user and password of its DSN; leave it out and a server is started.",
            ) from None

    def _drop(self, server: psycopg.Connection[tuple[object, ...]], database: str) -> None:
        server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))


def _tls(mode: str, authority: object) -> Tls | None:
    """What libpq's `sslmode` asks for; its `prefer` is no demand, and the proxy then speaks plainly."""
    if mode not in {"require", "verify-ca", "verify-full"}:
        return None
    context = ssl.create_default_context(cafile=str(authority) if authority else None)
    context.check_hostname = mode == "verify-full"
    if mode == "require":
        context.verify_mode = ssl.CERT_NONE
    return Tls(context=context, preface=POSTGRES)


def _one_line(error: psycopg.Error) -> str:
    """What the server says, without the query and the caret below it, which a line of prose cannot show.

    Where no server answered, libpq asks on a second line whether it runs.
    """
    return " ".join((error.diag.message_primary or str(error).partition("\n")[0]).split()).rstrip(".")
