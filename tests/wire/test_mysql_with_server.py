"""A real MariaDB and a real client through the real proxy: what is told, and what a stopped commit leaves."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pymysql
import pytest
from pymysql.constants import CLIENT

from oncewhere.wire.mysql import MysqlLink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Passage
    from oncewhere.stack import MariadbServer

    Through = Callable[..., Passage]

pytestmark = pytest.mark.servers

LIMIT_S = 20
SETUP = """
    drop database if exists wire; create database wire; use wire;
    create table t (a int primary key, b longtext); create table u (a int);
    create function settle(x int) returns int modifies sql data begin insert into u values (x); return x; end;
    create procedure opens() begin start transaction; insert into u values (1); end;
    create procedure fails() begin start transaction; insert into u values (2); signal sqlstate '45000'; end;
    create procedure twice(x int) begin insert into u values (x); select x; insert into u values (x); select a from u; end;
"""  # noqa: E501  # one line a statement, as the client sends them


def connect(mariadb: MariadbServer, port: int | None = None, **options: Any) -> pymysql.Connection[Any]:
    url = urlsplit(mariadb.dsn())
    return pymysql.connect(
        host="127.0.0.1",
        port=port or url.port or 0,
        user=url.username,
        password=url.password or "",
        client_flag=CLIENT.MULTI_STATEMENTS,
        read_timeout=LIMIT_S,
        **options,
    )


@pytest.fixture
def port(mariadb: MariadbServer) -> int:
    with connect(mariadb, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in SETUP.strip().splitlines():
            cursor.execute(statement)
            while cursor.nextset():
                pass
    return mariadb.port


def run(connection: pymysql.Connection[Any], sql: str, *values: object) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        found = list(cursor.fetchall())
        while cursor.nextset():
            found += cursor.fetchall()
        return found


def test_every_way_of_writing_to_mariadb_is_told(
    through: Through, mariadb: MariadbServer, port: int, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("70\tsecret\n71\tsecret\n")

    def work(through_port: int) -> None:
        with connect(mariadb, through_port, database="wire", local_infile=True) as c:
            run(c, "insert into t values (1, 'secret')")
            c.commit()
            run(c, "select * from t")
            c.commit()
            run(c, "replace into t values (1, %s)", "secret" * 500_000)
            assert run(c, "select b from t") == [("secret" * 500_000,)]
            c.rollback()
            c.autocommit(True)  # the driver's signature
            run(c, "insert into t values (2, 'secret') returning a")
            with pytest.raises(pymysql.IntegrityError):
                run(c, "insert into t values (2, 'secret')")
            assert run(c, "select a from t where b = %s union select 9", "secret") == [(1,), (2,), (9,)]
            assert run(c, "select settle(5)") == [(5,)]
            assert run(c, "call twice(6)")
            run(c, "insert into t values (3, ''); select 1; insert into t values (4, '')")
            with pytest.raises(pymysql.IntegrityError):
                run(c, "insert into t values (5, ''); insert into t values (5, '')")
            c.begin()
            run(c, "delete from t where a = 5")
            run(c, "create table v (a int)")
            run(c, f"load data local infile '{file}' into table t")
            run(c, "execute immediate 'insert into u values (8)'")
            c.ping()
            c.select_db("wire")

    passage = through(port, MysqlLink, work)
    assert passage.unknown_bytes == 0
    assert passage.replies("outcome") == [
        "startup None",
        "query None",
        "query None",
        "write open",
        "commit committed",
        "query None",
        "query None",
        "write open",
        "query None",
        "rollback None",
        "query None",
        "commit committed",
        "commit failed",
        "query None",
        "commit committed",
        "commit committed",
        "commit committed",
        "commit committed",
        "begin None",
        "write open",
        "commit committed",
        "commit copying",
        "commit committed",
        "commit committed",
    ]
    assert "secret" not in str(passage.messages)
    with connect(mariadb, database="wire") as c:
        assert run(c, "select a from t order by a") == [(1,), (2,), (3,), (4,), (70,), (71,)]


def test_what_is_open_and_what_a_definition_commits_is_what_mariadb_says(
    through: Through, mariadb: MariadbServer, port: int
) -> None:
    def refused(c: pymysql.Connection[Any], sql: str, number: int) -> None:
        with pytest.raises(pymysql.Error, match=str(number)):
            run(c, sql)

    def work(through_port: int) -> None:
        with connect(mariadb, through_port, database="wire", autocommit=True) as c:
            run(c, "set statement max_statement_time = 30 for insert into t values (1, '')")
            run(c, "call opens()")
            c.commit()
            refused(c, "call fails()", 1644)
            c.commit()
            c.begin()
            run(c, "insert into t values (2, '')")
            run(c, "set autocommit = 1")
            run(c, "prepare s from 'select 1'")
            run(c, "drop prepare s")
            run(c, "unlock tables")
            c.rollback()
            c.begin()
            run(c, "insert into t values (3, '')")
            refused(c, "create table u (a int,,)", 1064)
            refused(c, "create table u (a int)", 1050)
            c.rollback()

    passage = through(port, MysqlLink, work)
    assert passage.replies("outcome") == [
        "startup None",
        "query None",
        "commit committed",
        "commit open",
        "commit committed",
        "commit unknown",
        "commit committed",
        "begin None",
        "write open",
        "query None",
        "query None",
        "query None",
        "commit open",
        "rollback None",
        "begin None",
        "write open",
        "commit unknown",
        "commit committed",
        "rollback None",
    ]
    with connect(mariadb, database="wire") as c:
        assert run(c, "select a from t order by a") == [(1,), (3,)]
        assert run(c, "select a from u order by a") == [(1,), (2,)]


def test_a_client_that_wants_encryption_is_told_by_its_driver_that_there_is_none(
    through: Through, mariadb: MariadbServer, port: int
) -> None:
    def work(through_port: int) -> None:
        with pytest.raises(pymysql.OperationalError, match="SSL"):
            connect(mariadb, through_port, ssl={"check_hostname": False, "verify_mode": "none"})

    assert through(port, MysqlLink, work).messages == []


def test_a_commit_stopped_leaves_what_the_phase_says(
    through: Through, mariadb: MariadbServer, port: int, phase: str
) -> None:
    def work(through_port: int) -> None:
        with contextlib.suppress(pymysql.Error), connect(mariadb, through_port, database="wire") as c:
            run(c, "insert into t values (1, '')")
            c.commit()
            pytest.fail("the commit was answered")

    passage = through(port, MysqlLink, work, at=("commit", phase))
    assert passage.unanswered == ()
    with connect(mariadb, database="wire") as c:
        assert len(run(c, "select * from t")) == (0 if phase == "before" else 1)
