"""A policy's tables as the doctor reads them, in every SQL system; nothing there is changed."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest
from systems import SYSTEMS, new_database
from systems import Database as SqlDatabase

from oncewhere import Processor, Record, Transaction, effect
from oncewhere.cli.servers import dsns_of
from oncewhere.doctor.fact import Fact, Unread
from oncewhere.doctor.places import Purpose, TextColumn
from oncewhere.doctor.readers.databases import Database, database_of, read_database
from oncewhere.doctor.readers.subjects import databases_of, of_processor
from oncewhere.effects.policy import DedupeTable, OffsetLedger
from oncewhere.effects.postgres import Postgres
from oncewhere.effects.sql.dialect import Kind
from oncewhere.effects.sql.schema import script
from oncewhere.effects.sqlite import Sqlite
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from oncewhere.doctor.places import PlaceFacts, TableFacts


@pytest.fixture(params=SYSTEMS)
def db(request: pytest.FixtureRequest, tmp_path: Path) -> SqlDatabase:
    return new_database(request, request.param, tmp_path)


def look(db: SqlDatabase, policy: Any) -> PlaceFacts:
    database = database_of(db.place(policy))
    assert isinstance(database, Database)
    return read_database(database, group="settlement")


def table(facts: PlaceFacts, purpose: Purpose) -> TableFacts:
    (found,) = (one for one in facts.tables if one.expected.purpose is purpose)
    return found


@pytest.mark.servers
@pytest.mark.parametrize(
    ("constraint", "keys"),
    [
        ("primary key (event_id)", {("event_id",)}),
        ("unique (event_id)", {("event_id",)}),
        ("primary key (event_id, processed_at)", {("event_id", "processed_at")}),
        ("check (1 = 1)", set()),
    ],
)
def test_a_dedupe_tables_keys_rows_and_age_are_read(
    db: SqlDatabase, constraint: str, keys: set[tuple[str, ...]]
) -> None:
    db.run(
        "create table processed_event (event_id varchar(64) not null, "
        f"processed_at timestamp not null default current_timestamp, {constraint})"
    )
    db.run("insert into processed_event (event_id) values ('e1')")
    facts = look(db, DedupeTable("processed_event"))
    assert facts.reached is True
    found = table(facts, Purpose.DEDUPE)
    assert not isinstance(found.keys, Unread)
    assert set(found.keys) == keys
    assert found.rows == 1
    assert isinstance(found.oldest_ms, int)
    assert abs(found.oldest_ms / 1000 - time.time()) < 600
    assert table(facts, Purpose.RECORDED).columns == {}  # and it was not made
    assert db.run("select count(*) from processed_event") == [(1,)]


LOOSE = {
    "postgresql": "citext",
    "mysql": "varchar(20) character set utf8mb4 collate utf8mb4_general_ci",
    "sqlite": "varchar(20) collate nocase",
}
REFUSALS = (psycopg.IntegrityError, pymysql.IntegrityError, sqlite3.IntegrityError)


@pytest.mark.servers
def test_how_a_dedupe_tables_column_compares_identities_and_how_long_they_may_be_is_read(db: SqlDatabase) -> None:
    if db.system == "postgresql":
        db.run("create extension citext")

    def identity(name: str, kind: str) -> Fact[TextColumn | None]:
        db.run(f"create table {name} (event_id {kind} not null primary key)")
        return table(look(db, DedupeTable(name)), Purpose.DEDUPE).identity

    schema = {"postgresql": "public", "sqlite": "main"}.get(db.system) or str(db.run("select database()")[0][0])
    loose = identity(f"{schema}.loose", LOOSE[db.system])
    db.run("insert into loose (event_id) values ('e1')")
    with pytest.raises(REFUSALS):
        db.run("insert into loose (event_id) values ('E1')")
    assert isinstance(loose, TextColumn)
    assert loose.folds
    assert loose.length == (20 if db.system == "mysql" else None)

    whole = identity("whole", db.dialect.types[Kind.NAME])
    assert isinstance(whole, TextColumn)
    assert (whole.folds, whole.length) == (False, 255 if db.system == "mysql" else None)
    limited = identity("limited", "varchar(20)")
    assert isinstance(limited, TextColumn)
    assert limited.length == (None if db.system == "sqlite" else 20), "SQLite takes any length"
    number = identity("number", "bigint")
    assert number == (TextColumn(length=None, collation="BINARY", folds=False) if db.system == "sqlite" else None)


@pytest.mark.servers
def test_a_ledgers_rows_of_the_group_are_read(db: SqlDatabase) -> None:
    for statement in script(db.dialect).split(";\n"):
        if statement.strip():
            db.run(statement)
    partition = db.dialect.quoted("partition")
    for group in ("settlement", "another"):
        db.run(
            f"insert into oncewhere_ledger (group_id, topic_id, {partition}, topic, next_offset, covered_from, "
            "results) values (%s, 'id', 3, 'authorized', 7, 5, '')",
            group,
        )
    facts = look(db, OffsetLedger())
    assert not isinstance(facts.ledger, Unread)
    assert facts.ledger is not None
    (row,) = facts.ledger
    assert (row.topic, row.partition, row.next_offset, row.covered_from) == ("authorized", 3, 7, 5)
    ledger = table(facts, Purpose.LEDGER)
    assert not isinstance(ledger.columns, Unread)
    assert ledger.columns.items() >= ledger.expected.columns.items()
    assert not isinstance(ledger.keys, Unread)
    assert ("group_id", "topic_id", "partition") in ledger.keys


@pytest.mark.servers
def test_a_database_that_does_not_answer_is_unread_without_its_password() -> None:
    place = Postgres("postgresql://me:planted-s3cret@127.0.0.1:1/bank", name="bank", policy=OffsetLedger())
    database = database_of(place)
    assert database is not None
    facts = read_database(database, group="settlement")
    assert isinstance(facts.reached, Unread)
    assert "planted-s3cret" not in repr(facts)


def test_a_database_of_a_processor_is_looked_for_where_the_user_says() -> None:
    bank = Postgres("postgresql://prod/bank", name="bank", policy=OffsetLedger())
    app = Processor({"bootstrap.servers": "prod:9092"}, group_id="settlement", transactional_id="settlement-0")

    @effect(bank)
    def settle(db: psycopg.Connection, value: bytes) -> None: ...

    @app.consume("payment-authorized", bytes)
    def handle(record: Record[bytes], tx: Transaction) -> None:
        tx.run(settle, record.value)

    names = databases_of(app)
    assert names == {"bank": "postgresql"}
    given = dsns_of(["bank=postgresql://me@here:6432/copy"], names, "database of settlement:app")
    (database,) = of_processor(app, name="settlement:app", outputs=(), dsns=given).databases
    assert database.place.address == "here:6432/copy"
    assert (database.name, database.ledger) == ("bank", "oncewhere_ledger"), "its policy stays the code's"
    with pytest.raises(ConfigurationError, match="--dsn shop=… names no database of settlement:app"):
        dsns_of(["shop=postgresql://here/shop"], names, "database of settlement:app")


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    database = database_of(Sqlite(tmp_path / "bank.db", name="bank", policy=OffsetLedger()))
    assert database is not None
    assert isinstance(read_database(database, group=None).reached, Unread)
    assert list(tmp_path.iterdir()) == []
