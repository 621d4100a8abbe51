"""The PostgreSQL that we start: real, on loopback, with a password, and run by whoever may run it."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from oncewhere.errors import ConfigurationError, StackError
from oncewhere.stack import PostgresServer, plain_user
from oncewhere.stack.postgres_binaries import find_installation

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.servers


@pytest.fixture
def own(tmp_path: Path, cache: Path) -> Iterator[PostgresServer]:
    """A server that a test may break."""
    server = PostgresServer(tmp_path / "postgres", cache)
    yield server
    server.stop()


def query(dsn: str, statement: str) -> object:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement)  # type: ignore[arg-type]
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def test_a_new_database_is_empty_unicode_and_durable(postgres: PostgresServer) -> None:
    dsn = postgres.create_database("Zahlungen ‘26")
    assert query(dsn, "select current_database()") == "Zahlungen ‘26"
    assert query(dsn, "show server_encoding") == "UTF8"
    assert query(dsn, "select lower('ÄÖ')") == "äö"
    assert query(dsn, "show fsync") == "on"
    assert query(dsn, "show idle_in_transaction_session_timeout") == "0"
    query(dsn, "create table t ()")
    again = postgres.create_database("Zahlungen ‘26")
    assert query(again, "select to_regclass('t')") is None


def test_a_database_in_use_can_be_dropped(postgres: PostgresServer) -> None:
    dsn = postgres.create_database("in_use")
    with psycopg.connect(dsn):
        postgres.drop_database("in_use")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(dsn)


def test_it_asks_for_its_password(postgres: PostgresServer) -> None:
    password = postgres.dsn().partition(":")[2].partition(":")[2].partition("@")[0]
    assert len(password) == 32
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.dsn().replace(password, "guess"))


def test_it_listens_on_loopback_only(postgres: PostgresServer) -> None:
    assert query(postgres.dsn(), "show listen_addresses") == "127.0.0.1"
    assert query(postgres.dsn(), "show unix_socket_directories") == ""


def test_a_killed_server_comes_back_at_the_same_port_with_what_was_committed(own: PostgresServer) -> None:
    own.start()
    dsn = own.create_database("bank")
    query(dsn, "create table t (i int)")
    for number in range(3):
        query(dsn, f"insert into t values ({number})")
        own.kill()
        own.start()
        assert query(dsn, "select count(*) from t") == number + 1


def test_a_drill_may_do_without_fsync(tmp_path: Path, cache: Path) -> None:
    server = PostgresServer(tmp_path, cache, fsync=False)
    try:
        server.start()
        assert query(server.dsn(), "show fsync") == "off"
    finally:
        server.stop()


def test_a_port_in_use_is_one_sentence(tmp_path: Path, cache: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"PostgreSQL cannot listen on port {port}"):
            PostgresServer(tmp_path, cache, port=port).start()


def test_a_port_lost_before_the_server_binds_it_is_replaced_by_another(own: PostgresServer) -> None:
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", 0))
        thief.listen()
        own.port = lost = thief.getsockname()[1]
        own.start()
    assert own.port != lost
    assert query(own.dsn(), "select 1") == 1


def test_a_server_that_does_not_come_up_shows_the_end_of_its_log(tmp_path: Path, cache: Path) -> None:
    server = PostgresServer(tmp_path, cache, settings={"shared_buffers": "lots"})
    try:
        with pytest.raises(StackError) as caught:
            server.start()
    finally:
        server.stop()
    assert caught.value.message == "PostgreSQL ended with 1 while it started."
    assert 'invalid value for parameter "shared_buffers"' in (caught.value.detail or "")


def test_a_missing_wheel_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError) as caught:
        find_installation()
    assert caught.value.message == "There is no PostgreSQL to start."
    assert "DSN" in (caught.value.hint or "")


def test_the_cached_password_is_for_its_owner_only(postgres: PostgresServer, cache: Path) -> None:
    password = next(cache.glob("postgres/*/password"))
    assert password.stat().st_mode & 0o077 == 0


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


@needs_root
def test_root_without_user_namespaces_runs_it_as_nobody(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("setpriv") is None:
        pytest.fail("setpriv (util-linux) is missing")
    monkeypatch.setattr(plain_user, "prefix_for", lambda program: plain_user.AS_NOBODY)
    folder = Path(tempfile.mkdtemp())  # pytest's own folders cannot be entered by others
    folder.chmod(0o755)
    server = PostgresServer(folder / "postgres", folder / "cache")
    try:
        server.start()
        assert query(server.create_database("bank"), "select 1") == 1
        assert server.data.stat().st_uid == plain_user.NOBODY
        server.kill()
        server.start()
        assert query(server.dsn("bank"), "select 1") == 1
    finally:
        server.stop()
        shutil.rmtree(folder)


@needs_root
def test_root_without_user_namespaces_in_a_closed_folder_is_told_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plain_user, "prefix_for", lambda program: plain_user.AS_NOBODY)
    tmp_path.chmod(0o700)
    server = PostgresServer(tmp_path / "postgres", tmp_path / "cache")
    try:
        with pytest.raises(ConfigurationError, match="the user nobody cannot enter"):
            server.start()
    finally:
        server.stop()
