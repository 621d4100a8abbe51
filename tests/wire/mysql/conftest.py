"""A real MariaDB server; a machine without one fails these tests, it never skips them."""

from __future__ import annotations

import getpass
import shutil
import signal
import time
from typing import TYPE_CHECKING

import pymysql
import pytest

from oncewhere.processes import spawn
from oncewhere.stack.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_LIMIT_S = 60.0
MISSING = "There is no MariaDB server here: apt-get install --no-install-recommends mariadb-server"


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server of our own; `root` has no password, and `app` has the password `secret`."""
    install, server = (
        shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
        for name in ("mariadb-install-db", "mariadbd")
    )
    assert install, MISSING
    assert server, MISSING
    folder = tmp_path_factory.mktemp("mariadb")
    data, log, port = folder / "data", folder / "log", free_port()
    user = f"--user={getpass.getuser()}"
    made = spawn(
        [
            *(install, "--no-defaults", user, f"--datadir={data}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db"),
        ],
        stdout=log,
        stderr=log,
    )
    assert made.wait(START_LIMIT_S) == 0, log.read_text(errors="replace")
    child = spawn(
        [
            *(server, "--no-defaults", user, f"--datadir={data}", f"--socket={folder / 's'}", f"--port={port}"),
            *("--bind-address=127.0.0.1", "--local-infile=1", "--max-allowed-packet=64M", "--skip-name-resolve"),
        ],
        stdout=log,
        stderr=log,
    )
    try:
        _prepare(port, log)
        yield port
    finally:
        child.stop(10.0, signal.SIGTERM)


def _prepare(port: int, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            connection = pymysql.connect(host="127.0.0.1", port=port, user="root", autocommit=True)
            break
        except pymysql.OperationalError:
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.02)
    with connection, connection.cursor() as cursor:
        cursor.execute("create user app@'%' identified by 'secret'")
        cursor.execute("grant all on *.* to app@'%'")
        cursor.execute("create database bank")


@pytest.fixture
def bank(mariadb: int) -> Iterator[pymysql.connections.Connection]:  # type: ignore[type-arg]
    """A direct connection to an empty table `processed_event`."""
    connection = pymysql.connect(
        host="127.0.0.1", port=mariadb, user="app", password="secret", database="bank", autocommit=True
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("drop table if exists processed_event")
        cursor.execute("create table processed_event (event_id varchar(64) primary key, note longtext) engine=innodb")
        yield connection
