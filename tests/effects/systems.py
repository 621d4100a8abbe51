"""The SQL systems as the tests see them: a name in; a database of its own, and a place in it, out."""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql

from oncewhere.effects.mysql import MySql
from oncewhere.effects.postgres import Postgres
from oncewhere.effects.sql.dialect import DIALECTS, Dialect
from oncewhere.effects.sqlite import Sqlite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from oncewhere.effects.policy import Policy
    from oncewhere.effects.sql.place import SqlPlace
    from oncewhere.stack import MariadbServer, PostgresServer

SYSTEMS = ("postgresql", "mysql", "sqlite")
EVENTS = (
    "create table processed_event (event_id varchar(64) primary key, "
    "processed_at timestamp not null default current_timestamp)"
)
"""The mission's table, as every system takes it."""


class Database:
    """One database, empty at first.

    Attributes:
        system: which system it is in.
        dialect: its SQL.
        address: for a place.
    """

    def __init__(self, system: str, address: str) -> None:
        self.system = system
        self.dialect: Dialect = DIALECTS[system]
        self.address = address

    def place(self, policy: Policy, *, name: str = "bank", **options: Any) -> SqlPlace[Any]:
        kinds: dict[str, Any] = {"postgresql": Postgres, "mysql": MySql, "sqlite": Sqlite}
        place: SqlPlace[Any] = kinds[self.system](self.address, name=name, policy=policy, **options)
        return place

    def connect(self) -> Any:
        """A connection of the test's own, in autocommit."""
        if self.system == "postgresql":
            return psycopg.connect(self.address, autocommit=True)
        if self.system == "sqlite":
            return sqlite3.connect(self.address, isolation_level=None, timeout=20)
        return mysql_connection(self.address)

    def run(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        connection = self.connect()
        try:
            return self.on(connection, statement, *parameters)
        finally:
            connection.close()

    def on(self, connection: Any, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """One statement on a connection: the test's own, or an effect's."""
        cursor = connection.cursor()
        text = statement.replace("%s", "?") if self.system == "sqlite" else statement
        cursor.execute(text, parameters) if parameters else cursor.execute(text)
        return list(cursor.fetchall()) if cursor.description else []

    def in_background(self, statement: str) -> Callable[[], None]:
        """Runs a statement that may have to wait; gives what waits for its end."""
        thread = threading.Thread(target=self.run, args=(statement,), daemon=True)
        thread.start()
        time.sleep(0.3)

        def end() -> None:
            thread.join(30)
            assert not thread.is_alive()

        return end


def mysql_connection(url: str) -> Any:
    """A connection of the test's own, in autocommit."""
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port or 0,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/") or None,
        autocommit=True,
    )


def database(
    system: str,
    *,
    postgres: PostgresServer | None,
    mariadb: MariadbServer | None,
    folder: Path,
) -> Database:
    """A new database in a running system."""
    name = f"d{uuid.uuid4().hex[:10]}"
    if system == "postgresql":
        assert postgres is not None
        return Database(system, postgres.create_database(name))
    if system == "sqlite":
        return Database(system, str(folder / f"{name}.db"))
    assert mariadb is not None
    connection = mysql_connection(mariadb.dsn())
    with connection.cursor() as cursor:
        cursor.execute(f"create database {name}")
    connection.close()
    return Database(system, mariadb.dsn(name))


def new_database(request: pytest.FixtureRequest, system: str, folder: Path) -> Database:
    """A new database; only the server that it needs is started."""
    return database(
        system,
        postgres=request.getfixturevalue("postgres") if system == "postgresql" else None,
        mariadb=request.getfixturevalue("mariadb") if system == "mysql" else None,
        folder=folder,
    )
