"""Databases in every SQL system, each new for its test; a server that does not start fails the test."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests are no package: `systems` and `mariadb` are found beside them

import mariadb as mariadb_server
from systems import SYSTEMS, Database, database

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MariaDB server for the whole session: its URL, without a database."""
    with mariadb_server.server(tmp_path_factory.mktemp("mariadb")) as url:
        yield url


@pytest.fixture(params=SYSTEMS)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """An empty database, once in each system."""
    return new_database(request, request.param, tmp_path)


@pytest.fixture
def mysql(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """An empty database in MariaDB."""
    return new_database(request, "mysql", tmp_path)


@pytest.fixture
def sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """An empty database in SQLite."""
    return new_database(request, "sqlite", tmp_path)


def new_database(request: pytest.FixtureRequest, system: str, folder: Path) -> Database:
    """A new database; only the server that it needs is started."""
    return database(
        system,
        postgres=request.getfixturevalue("postgres") if system == "postgresql" else None,
        mariadb=request.getfixturevalue("mariadb") if system == "mysql" else None,
        folder=folder,
    )
