"""A declared effect and a MySQL (or MariaDB) server come in; an empty database goes out, later what is found in it."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import pymysql
from pymysql.constants import CLIENT

from oncewhere.drill.checks import PlaceSeen
from oncewhere.drill.effect import Effect
from oncewhere.drill.history import Event
from oncewhere.errors import ConfigurationError
from oncewhere.proxy.mysql_tls import connect_mysql
from oncewhere.proxy.tls import Tls
from oncewhere.wire.mysql import MysqlLink

from .counting import first_words, gathered_keys, refused_observe, rows_forgotten, seen_in_rows
from .naming import database_name
from .schema_file import read_schema
from .server_url import parse
from .world import Address, Server

CONNECT_LIMIT_S = 5
PORTS = {"mysql": 3306, "mariadb": 3306}
MODES: Final[Mapping[str, bool]] = MappingProxyType(
    {"DISABLED": False, "PREFERRED": False, "REQUIRED": True, "VERIFY_CA": True, "VERIFY_IDENTITY": True}
)
"""MySQL's `ssl-mode` as its connection strings have it, and whether it demands encryption."""
NAME_LIMIT = 64
"""Characters of a database's name."""


_UNIQUE_KEYS = """
    select t.table_name, group_concat(s.column_name order by s.column_name)
    from information_schema.tables t
    left join information_schema.statistics s
      on s.table_schema = t.table_schema and s.table_name = t.table_name and s.non_unique = 0 and s.sub_part is null
    where t.table_schema = %s group by t.table_name, s.index_name order by 1, 2
"""
_COLUMNS = """
    select table_name, column_name from information_schema.columns
    where table_schema = %s order by table_name, ordinal_position
"""


class MysqlWorld:
    """The database of one effect, on one MySQL or MariaDB server.

    Args:
        name: the effect's name.
        effect: its declaration.
        folder: where the schema file's path starts.
        dsn: the real server's URL, `?ssl-mode=REQUIRED` where it wants encryption; its user may create databases.
        tag: keeps the databases of different versions and lanes apart.
    """

    def __init__(self, name: str, effect: Effect, folder: Path, dsn: str, tag: str) -> None:
        self.name = name
        self._effect = effect
        self._url = parse(dsn, name, PORTS)
        self._context = _context(name, self._url.options)
        self._database = database_name(name, tag, NAME_LIMIT)
        self._schema = read_schema(name, effect, folder)

    def reset(self) -> Server:
        """Makes the trial's database anew, with the schema and nothing else in it.

        Raises:
            ConfigurationError: the server cannot be reached, the user may not create databases, the schema is refused.
        """
        with self._connected() as server, server.cursor() as cursor:
            cursor.execute(f"drop database if exists `{self._database}`")
            cursor.execute(f"create database `{self._database}`")
        if self._schema:
            with self._connected(self._database) as connection, self._refusing("schema"):
                self._run(connection, self._schema)
        tls = None if self._context is None else Tls(context=self._context, late=connect_mysql)
        return Server(host=self._url.host, port=self._url.port, link=MysqlLink, tls=tls)

    def remove(self) -> None:
        """Drops what this world made."""
        with self._connected() as server, server.cursor() as cursor:
            cursor.execute(f"drop database if exists `{self._database}`")

    def placeholders(self, host: str, port: int) -> Mapping[str, str]:
        """The trial's database, reached through the proxy at host:port."""
        return Address(
            scheme="mysql",
            host=host,
            port=port,
            user=self._url.user,
            password=self._url.password,
            path=f"/{self._database}",
        ).placeholders(self.name)

    def seen(self, _events: Iterable[Event]) -> PlaceSeen:
        """Runs the effect's `observe` query.

        Raises:
            ConfigurationError: the query is refused, or does not answer with two columns.
        """
        with self._connected(self._database) as connection, connection.cursor() as cursor:
            try:
                cursor.execute(self._effect.observe)
                rows = list(cursor.fetchall())
            except pymysql.Error as error:
                with self._connected(self._database) as another, another.cursor() as asked:  # the other may be gone
                    asked.execute(_COLUMNS, (self._database,))
                    columns = asked.fetchall()
                raise refused_observe(self.name, _one_line(error), columns) from None
        return seen_in_rows(self.name, self._effect.system, rows, compare=self._effect.compare is not None)

    @property
    def forgets(self) -> bool:
        """See `Forgetful`."""
        return self._effect.purge is not None

    def now(self) -> str:
        """The server's time; see `Forgetful`."""
        with self._connected(self._database) as connection, connection.cursor() as cursor:
            cursor.execute("select cast(now(6) as char)")
            return str(cursor.fetchall()[0][0])

    def purge(self, cutoff: str) -> int | None:
        """Runs the effect's `purge`; see `Forgetful`."""
        statement = self._effect.purge_before(cutoff)
        with self._connected(self._database) as connection, self._refusing("purge"), connection.cursor() as cursor:
            counted = [int(cursor.execute(statement))]
            while cursor.nextset():
                counted.append(int(cursor.rowcount))
        return rows_forgotten(zip(first_words(statement), counted, strict=False))

    def unique_keys(self) -> Mapping[str, list[list[str]]]:
        """What the catalogue says; see `Keyed`."""
        with self._connected(self._database) as connection, connection.cursor() as cursor:
            cursor.execute(_UNIQUE_KEYS, (self._database,))
            rows = cursor.fetchall()
        return gathered_keys((table, columns and columns.split(",")) for table, columns in rows)

    @contextlib.contextmanager
    def _connected(self, database: str | None = None) -> Iterator[pymysql.Connection[Any]]:
        url = self._url
        try:
            connection = pymysql.connect(
                host=url.host,
                port=url.port,
                user=url.user,
                password=url.password,
                database=database,
                connect_timeout=CONNECT_LIMIT_S,
                autocommit=True,
                ssl=self._context,
                client_flag=CLIENT.MULTI_STATEMENTS,
            )
        except pymysql.Error as error:
            raise ConfigurationError(
                f"{self.name}: MySQL at {url.host}:{url.port} cannot be used: {_one_line(error)}.",
                hint="Check host, port, user and password of its DSN; leave it out and a server is started.",
            ) from None
        with connection:
            yield connection

    @contextlib.contextmanager
    def _refusing(self, key: str) -> Iterator[None]:
        try:
            yield
        except pymysql.Error as error:
            raise ConfigurationError(f"effects.{self.name}.{key} was refused: {_one_line(error)}.") from None

    def _run(self, connection: pymysql.Connection[Any], statements: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statements)
            while cursor.nextset():
                pass


def _context(name: str, options: Mapping[str, str]) -> ssl.SSLContext | None:
    """What `ssl-mode` and `ssl-ca` ask for; `PREFERRED` is no demand, and the server is then spoken to plainly."""
    mode = options.get("ssl-mode", "DISABLED").upper()
    if mode not in MODES:
        raise ConfigurationError(
            f"--dsn {name}=…: ssl-mode={mode} is unknown.", hint=f"It is one of {', '.join(MODES)}."
        )
    if not MODES[mode]:
        return None
    authority = options.get("ssl-ca")
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise ConfigurationError(f"--dsn {name}=…: ssl-ca={authority} cannot be read: {error.strerror}.") from None
    context.check_hostname = mode == "VERIFY_IDENTITY"
    if mode == "REQUIRED":
        context.verify_mode = ssl.CERT_NONE
    return context


def _one_line(error: pymysql.Error) -> str:
    said = str(error.args[1]) if len(error.args) > 1 else str(error)
    return " ".join(said.split()).rstrip(".")
