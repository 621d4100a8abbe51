"""Databases in every SQL system, each new for its test; a server that does not start fails the test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests are no package: `systems` is found beside them

from systems import SYSTEMS, Database, new_database


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
