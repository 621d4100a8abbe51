"""PostgreSQL as a place: what it refuses at the start, in which words, and what it leaves alone."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from oncewhere import (
    ConfigurationError,
    DedupeTable,
    DuplicateEvent,
    OffsetLedger,
    OncewhereError,
    Postgres,
    UnreachableError,
    effect,
)
from oncewhere.effects.place import Batch, Call, Span, Start, UndecidedError
from oncewhere.effects.sql.dedupe_table import RECORDED
from oncewhere.effects.sql.dialect import POSTGRESQL
from oncewhere.effects.sql.ledger_table import LEDGER
from oncewhere.records import Partition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oncewhere.effects.policy import Policy
    from oncewhere.stack import PostgresServer

PARTITION = Partition("payments", 0, "id-1")
GOOD = "create table processed_event (event_id varchar(64) primary key, processed_at timestamp not null default now())"


@pytest.fixture
def dsn(postgres: PostgresServer) -> Iterator[str]:
    name = f"place_{uuid.uuid4().hex[:8]}"
    yield postgres.create_database(name)
    postgres.drop_database(name)


def run(dsn: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def place(dsn: str, policy: Policy) -> Postgres:
    return Postgres(dsn, name="bank", policy=policy)


def test_a_place_without_a_policy_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="policy"):
        Postgres("postgresql://localhost/bank", name="bank")  # type: ignore[call-arg]


def test_something_that_is_no_policy_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cannot honour policy 'offset-ledger'"):
        Postgres("postgresql://localhost/bank", name="bank", policy="offset-ledger")  # type: ignore[arg-type]


def test_a_dsn_that_cannot_be_read_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError, match="DSN of place 'bank' cannot be read") as error:
        Postgres("postgresql//user:secret@localhost/bank", name="bank", policy=OffsetLedger())
    assert "secret" not in str(error.value)


def test_an_address_where_no_server_listens_is_named_without_its_password() -> None:
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1/bank") as error:
        place("postgresql://user:secret@127.0.0.1:1/bank", OffsetLedger()).open("g")
    assert "secret" not in str(error.value)


@pytest.mark.servers
@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (None, r"does not exist.*create table \"processed_event\""),
        ("create table processed_event (id text primary key)", "has no column 'event_id'.*id"),
        ("create table processed_event (event_id text)", "no primary key or unique constraint.*add primary key"),
        (
            "create table processed_event (event_id text, day date, primary key (event_id, day))",
            "no primary key or unique constraint",
        ),
        (
            "create table processed_event (event_id text unique deferrable initially deferred)",
            "no primary key or unique constraint",
        ),
        (
            "create table processed_event (event_id text primary key, amount int not null)",
            "asks for more than an event identity: 'amount'",
        ),
    ],
    ids=["missing", "other column", "no key", "wider key", "deferrable key", "more columns"],
)
def test_a_dedupe_table_that_cannot_refuse_a_duplicate_is_refused(dsn: str, table: str | None, sentence: str) -> None:
    if table is not None:
        run(dsn, table)
    with pytest.raises(ConfigurationError, match=sentence):
        place(dsn, DedupeTable("processed_event")).open("g")


@pytest.mark.servers
def test_the_missions_table_is_taken_as_it_is(dsn: str) -> None:
    run(dsn, GOOD)
    place(dsn, DedupeTable("processed_event")).open("g").close()
    place(dsn, DedupeTable("public.processed_event")).open("g").close()


@pytest.mark.servers
def test_a_ledger_table_of_another_shape_is_refused(dsn: str) -> None:
    run(dsn, "create table oncewhere_ledger (group_id text, next_offset integer)")
    with pytest.raises(ConfigurationError, match=r"lacks topic_id text.*next_offset bigint"):
        place(dsn, OffsetLedger()).open("g")


@pytest.mark.servers
def test_tables_are_created_only_on_request(dsn: str) -> None:
    with pytest.raises(ConfigurationError, match="'oncewhere_ledger' does not exist"):
        place(dsn, OffsetLedger(create=False)).open("g")
    run(dsn, LEDGER.ddl(POSTGRESQL, "oncewhere_ledger"))
    place(dsn, OffsetLedger(create=False)).open("g").close()
    run(dsn, GOOD)
    with pytest.raises(ConfigurationError, match="'oncewhere_recorded' does not exist"):
        place(dsn, DedupeTable("processed_event", create=False)).open("g")
    run(dsn, RECORDED.ddl(POSTGRESQL, "oncewhere_recorded"))
    place(dsn, DedupeTable("processed_event", create=False)).open("g").close()


@pytest.mark.servers
def test_names_are_quoted(dsn: str) -> None:
    run(dsn, 'create schema "Odd ""one"""; create table "Odd ""one""".done ("Event Id" uuid primary key)')
    policy = DedupeTable('Odd "one".done', column="Event Id", recorded="Our own")
    opened = place(dsn, policy).open("g")

    @effect(place(dsn, policy))
    def settle(db: psycopg.Connection[Any]) -> int:
        return 1

    identity = str(uuid.uuid4())
    work = opened.begin(Batch([Span(PARTITION, 0, 1)], [identity]))
    assert work.run(Call(settle, PARTITION, 0, 0, identity), (), {}) == 1
    work.decide()
    work = opened.begin(Batch([Span(PARTITION, 1, 2)], [identity]))
    with pytest.raises(DuplicateEvent):
        work.run(Call(settle, PARTITION, 1, 0, identity), (), {})
    work.abandon()
    opened.close()


@pytest.mark.servers
def test_an_identity_that_is_too_long_is_refused_and_not_cut_short(dsn: str) -> None:
    run(dsn, GOOD)
    policy = DedupeTable("processed_event")
    opened = place(dsn, policy).open("g")

    @effect(place(dsn, policy))
    def settle(db: psycopg.Connection[Any]) -> None:
        return None

    work = opened.begin(Batch([Span(PARTITION, 0, 1)], ["x" * 65]))
    work.run(Call(settle, PARTITION, 0, 0, "x" * 65), (), {})
    with pytest.raises(OncewhereError, match="value too long"):
        work.decide()
    work.abandon()
    opened.close()


@pytest.mark.servers
def test_an_effect_can_neither_commit_nor_roll_back(dsn: str) -> None:
    opened = place(dsn, OffsetLedger()).open("g")
    opened.assigned({PARTITION: Start(0, committed=True)})
    calls = {"commit": psycopg.Connection.commit, "rollback": psycopg.Connection.rollback}
    for offset, (name, call) in enumerate(calls.items()):

        @effect(place(dsn, OffsetLedger()), name=name)
        def end(db: psycopg.Connection[Any]) -> None:
            call(db)  # noqa: B023

        work = opened.begin(Batch([Span(PARTITION, offset, offset + 1)]))
        with pytest.raises(psycopg.ProgrammingError, match="forbidden within a Transaction"):
            work.run(Call(end, PARTITION, offset, 0, None), (), {})
        work.abandon()
    opened.close()


@pytest.mark.servers
def test_two_instances_decide_the_same_batch_and_one_loses(dsn: str) -> None:
    one, two = (place(dsn, OffsetLedger()).open("g") for _ in range(2))
    run(dsn, "create table done (n int)")

    @effect(place(dsn, OffsetLedger()))
    def settle(db: psycopg.Connection[Any]) -> None:
        db.execute("insert into done values (1)")

    for start in (0, 1):  # the first time there is no row yet
        works = []
        for opened in (one, two):
            opened.assigned({PARTITION: Start(start, committed=start > 0)})
            works.append(opened.begin(Batch([Span(PARTITION, start, start + 1)])))
            works[-1].run(Call(settle, PARTITION, start, 0, None), (), {})
        assert works[0].decide().executed == 1
        with pytest.raises(UndecidedError, match="compare-and-set"):
            works[1].decide()
        works[1].abandon()
        assert run(dsn, "select count(*) from done") == [(start + 1,)]
    one.close()
    two.close()


@pytest.mark.servers
def test_a_zombies_open_transaction_does_not_hold_its_locks_for_long(dsn: str) -> None:
    zombie = Postgres(dsn, name="bank", policy=OffsetLedger(), idle_in_transaction_timeout_ms=300).open("g")
    successor = place(dsn, OffsetLedger()).open("g")
    run(dsn, "create table balance as select 1 as amount")

    @effect(place(dsn, OffsetLedger()))
    def add(db: psycopg.Connection[Any]) -> None:
        db.execute("update balance set amount = amount + 1")

    works = []
    for opened in (zombie, successor):
        opened.assigned({PARTITION: Start(0, committed=False)})
        works.append(opened.begin(Batch([Span(PARTITION, 0, 1)])))
        works[-1].run(Call(add, PARTITION, 0, 0, None), (), {})  # the second waits for the first's row lock
    works[1].decide()
    with pytest.raises(UndecidedError):
        works[0].decide()
    works[0].abandon()
    assert run(dsn, "select amount from balance") == [(2,)]
    zombie.close()
    successor.close()
