"""A real MariaDB server and a real client through the real proxy: what is told, and what a stopped unit leaves."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pymysql
import pytest
from pymysql.constants import CLIENT, COMMAND

from oncewhere.wire.mysql import MysqlLink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Passage

    Through = Callable[..., Passage]
    Bank = pymysql.connections.Connection[Any]

pytestmark = pytest.mark.servers

LIMIT_S = 20

PROCEDURE = """
create or replace procedure settle(n int) begin
    insert into processed_event values (n, '');
    select n;
    signal sqlstate '45000';
end
"""
FUNCTION = """
create or replace function touch(n int) returns int begin
    insert into processed_event values (n, '');
    return n;
end
"""


def connect(port: int, **settings: Any) -> Bank:
    given = {"user": "app", "password": "secret", "database": "bank", "autocommit": True} | settings
    return pymysql.connect(host="127.0.0.1", port=port, read_timeout=LIMIT_S, **given)


def units(passage: Passage) -> list[str]:
    """One line a boundary: what was sent, and how it ended."""
    verbs = {message.sequence: message.fields["verbs"] for message in passage.messages if "verbs" in message.fields}
    return [
        f"{message.kind} {' '.join(verbs[message.sequence])} {message.fields['outcome']}"
        for message in passage.messages
        if message.boundary and "outcome" in message.fields
    ]


def test_every_way_of_writing_is_told(through: Through, mariadb: int, bank: Bank) -> None:
    def work(port: int) -> None:
        with connect(port, client_flag=CLIENT.MULTI_STATEMENTS) as connection, connection.cursor() as cursor:
            cursor.execute("insert into processed_event values ('e-1', 'secret; commit')")
            with pytest.raises(pymysql.err.IntegrityError):
                cursor.execute("insert into processed_event values ('e-1', 'it\\'s secret')")
            connection.begin()
            cursor.executemany("insert into processed_event values (%s, %s)", [(f"m-{n}", "x" * n) for n in range(300)])
            cursor.execute("select event_id, note from processed_event for update")
            assert len(cursor.fetchall()) == 301
            connection.commit()
            connection.begin()
            cursor.execute("delete from processed_event")
            connection.rollback()
            connection.autocommit(False)
            cursor.execute("replace into processed_event values ('e-2', null)")
            cursor.execute("create table if not exists other (a int)")
            cursor.execute("insert into other values (1)")
            connection.commit()
            connection.commit()
            connection.autocommit(True)
            cursor.execute("insert into other values (2); select * from other; insert into other values (3)")
            while cursor.nextset():
                pass
            cursor.execute("insert into processed_event values ('large', %s)", ("y" * 20_000_000,))
            cursor.execute("select note from processed_event where event_id = 'large'")
            assert cursor.fetchone() == ("y" * 20_000_000,)
            cursor.execute("drop table other")
            connection.ping()
            connection.select_db("bank")

    passage = through(mariadb, MysqlLink, work)
    assert passage.unknown_bytes == 0
    assert units(passage) == [
        "commit INSERT committed",
        "commit INSERT failed",
        "write INSERT open",
        "commit COMMIT committed",
        "write DELETE open",
        "write REPLACE open",
        "commit CREATE committed",
        "write INSERT open",
        "commit COMMIT committed",
        "commit INSERT SELECT INSERT committed",
        "commit INSERT committed",
        "commit DROP committed",
    ]
    assert "secret" not in str(passage.messages)
    with bank.cursor() as cursor:
        cursor.execute("select count(*) from processed_event")
        assert cursor.fetchone() == (303,)


def test_routines_and_prepared_statements_are_told(through: Through, mariadb: int, bank: Bank) -> None:
    def work(port: int) -> None:
        with connect(port) as connection, connection.cursor() as cursor:
            cursor.execute(PROCEDURE)
            cursor.callproc("settle", (1,))
            with pytest.raises(pymysql.err.OperationalError):
                cursor.nextset()
            cursor.execute(FUNCTION)
            cursor.execute("select touch(2)")
            # PyMySQL prepares nothing itself.
            connection._execute_command(COMMAND.COM_STMT_PREPARE, "insert into processed_event values (?, '')")
            number = struct.unpack("<I", connection._read_packet().get_all_data()[1:5])[0]
            end = connection._read_packet()
            while not end.is_eof_packet():
                end = connection._read_packet()
            execute = struct.pack("<IBI", number, 0, 1) + b"\0\x01\xfd\0\x03e-9"
            connection._execute_command(COMMAND.COM_STMT_EXECUTE, execute)
            assert connection._read_packet().is_ok_packet()

    passage = through(mariadb, MysqlLink, work)
    assert passage.unknown_bytes == 0
    assert units(passage) == [
        "commit CREATE committed",
        "commit CALL unknown",
        "commit CREATE committed",
        "commit SELECT committed",
        "commit INSERT committed",
    ]
    with bank.cursor() as cursor:
        cursor.execute("select event_id from processed_event order by 1")
        assert cursor.fetchall() == (("1",), ("2",), ("e-9",)), "what the routine did before it failed is committed"


def test_a_local_file_passes(through: Through, mariadb: int, bank: Bank, tmp_path: Path) -> None:
    rows = tmp_path / "secret.csv"
    rows.write_text("".join(f"e-{number}\tnote\n" for number in range(5000)))

    def work(port: int) -> None:
        with connect(port, local_infile=True) as connection, connection.cursor() as cursor:
            cursor.execute(f"load data local infile '{rows}' into table processed_event")
            cursor.execute("insert into processed_event values ('after', '')")

    passage = through(mariadb, MysqlLink, work)
    assert passage.unknown_bytes == 0
    assert units(passage) == ["write LOAD DATA copying", "commit LOAD END committed", "commit INSERT committed"]
    with bank.cursor() as cursor:
        cursor.execute("select count(*) from processed_event")
        assert cursor.fetchone() == (5001,)


def test_a_refused_login_is_told(through: Through, mariadb: int) -> None:
    def work(port: int) -> None:
        with pytest.raises(pymysql.err.OperationalError):
            connect(port, password="wrong")

    passage = through(mariadb, MysqlLink, work)
    assert [message.fields.get("errno") for message in passage.messages] == [None, 1045]
    assert passage.messages[0].fields == {"user": "app", "database": "bank"}


def settle(connection: Bank) -> None:
    with connection.cursor() as cursor:
        cursor.execute("insert into processed_event values ('e-1', '')")
    connection.commit()


@pytest.mark.parametrize("kind", ["write", "commit"])
def test_a_unit_that_is_stopped_leaves_what_the_phase_says(
    through: Through, mariadb: int, bank: Bank, kind: str, phase: str
) -> None:
    def work(port: int) -> None:
        connection = connect(port, autocommit=False)
        with pytest.raises(pymysql.err.OperationalError):
            settle(connection)
        connection._force_close()

    assert through(mariadb, MysqlLink, work, at=(kind, phase)).unanswered == ()
    done = kind == "commit" and phase != "before"
    with bank.cursor() as cursor:
        # A lock on the row would mean that the dead client's transaction is still there.
        cursor.execute("select count(*) from processed_event for update")
        assert cursor.fetchone() == (int(done),)
