"""A declared effect and a server come in; an empty database goes out, and later what is found in it.

Every trial gets a database of its own, copied from a template that the effect's schema was loaded into once.
Blocking calls; the engine runs them in a thread.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from oncewhere.errors import ConfigurationError

from .checks import PlaceSeen
from .declaration import Effect

CONNECT_LIMIT_S = 5
DEFAULT_PORT = 5432
_SAFE = re.compile(r"[^a-z0-9_]")


class DatabaseWorld:
    """The databases of one effect, on one PostgreSQL server.

    Args:
        name: the effect's name.
        effect: its declaration.
        folder: where the schema file's path starts.
        server_dsn: a connection string of the real server whose user may create databases.
        tag: keeps the databases of different versions and lanes apart.
    """

    def __init__(self, name: str, effect: Effect, folder: Path, server_dsn: str, tag: str) -> None:
        self.name = name
        self.effect = effect
        self._dsn = server_dsn
        self._template = _SAFE.sub("_", f"oncewhere_{name}_{tag}".lower())[:50]
        self.database = f"{self._template}_trial"
        self._made_template = False
        self._schema = self._read_schema(folder)
        try:
            found = conninfo_to_dict(server_dsn)
        except psycopg.ProgrammingError as error:
            raise ConfigurationError(f"{name}: the DSN is not a connection string: {_one_line(error)}.") from None
        self.host = str(found.get("host") or found.get("hostaddr") or "127.0.0.1")
        port = str(found.get("port") or DEFAULT_PORT)
        if not port.isdecimal():
            raise ConfigurationError(f"{name}: the DSN's port is {port!r}.", hint="Write one number, such as 5432.")
        self.port = int(port)
        self._user = str(found.get("user") or "")
        self._password = str(found.get("password") or "")

    def reset(self) -> None:
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
            self._drop(server, self.database)
            server.execute(
                sql.SQL("create database {} template {} strategy wal_log").format(
                    sql.Identifier(self.database), sql.Identifier(self._template)
                )
            )

    def remove(self) -> None:
        """Drops what this world made."""
        with self._connect("postgres") as server:
            self._drop(server, self.database)
            self._drop(server, self._template)

    def address_through(self, host: str, port: int) -> str:
        """The URL that the processor is given: the trial's database, reached through the proxy at host:port."""
        user = f"{quote(self._user, safe='')}{':' + quote(self._password, safe='') if self._password else ''}@"
        return f"postgresql://{user if self._user else ''}{host}:{port}/{self.database}"

    def seen(self) -> PlaceSeen:
        """Runs the effect's `observe` query.

        Raises:
            ConfigurationError: the query is refused, or does not answer with two columns.
        """
        counts: Counter[str] = Counter()
        unidentified = 0
        with self._connect(self.database) as connection:
            try:
                rows = connection.execute(self.effect.observe).fetchall()
            except psycopg.Error as error:
                raise ConfigurationError(f"effects.{self.name}.observe was refused: {_one_line(error)}.") from None
        for row in rows:
            if len(row) != 2 or not isinstance(row[1], int):
                raise ConfigurationError(
                    f"effects.{self.name}.observe must answer two columns, identity and count; it answered {len(row)}.",
                    hint="For example: select event_id, count(*) from processed_event group by event_id",
                )
            if row[0] is None:
                unidentified += row[1]
            else:
                counts[str(row[0])] += row[1]
        return PlaceSeen(
            place=self.name,
            system=self.effect.system,
            counts=dict(counts),
            unidentified=unidentified,
            hidden=None,
        )

    def _read_schema(self, folder: Path) -> str:
        if self.effect.schema is None:
            return ""
        path = folder / self.effect.schema
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"effects.{self.name}.schema: {path} cannot be read: {error.strerror}.") from None

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
                f"{self.name}: PostgreSQL at {self.host}:{self.port} cannot be used: {_one_line(error)}.",
                hint="Check host, port, user and password of its DSN; leave it out and a server is started.",
            ) from None

    def _drop(self, server: psycopg.Connection[tuple[object, ...]], database: str) -> None:
        server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))


def _one_line(error: psycopg.Error) -> str:
    return " ".join(str(error).split()).rstrip(".")
