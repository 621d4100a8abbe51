"""PostgreSQL as a place: what it refuses at the start, in which words, and what it leaves alone."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from oncewhere import (
    AtLeastOnce,
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
from oncewhere.effects.postgres.connection import adopt
from oncewhere.effects.sql.connection import Standing
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


def test_a_place_without_a_policy_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"names no policy.*OffsetLedger"):
        Postgres("postgresql://localhost/bank", name="bank")  # type: ignore[call-arg]


def test_a_dsn_that_cannot_be_read_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError, match="DSN of place 'bank' cannot be read") as error:
        Postgres("postgresql//user:secret@localhost/bank", name="bank", policy=OffsetLedger())
    assert "secret" not in str(error.value)


def test_an_address_where_no_server_listens_is_named_without_its_password() -> None:
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1/bank") as error:
        place("postgresql://user:secret@127.0.0.1:1/bank", OffsetLedger()).open("g")
    assert "secret" not in str(error.value)


@pytest.mark.servers
def test_a_key_that_is_checked_only_at_commit_cannot_refuse_a_duplicate_in_time(dsn: str) -> None:
    run(dsn, "create table processed_event (event_id text unique deferrable initially deferred)")
    with pytest.raises(ConfigurationError, match="no primary key or unique constraint"):
        place(dsn, DedupeTable("processed_event")).open("g")


@pytest.mark.servers
def test_the_missions_table_is_taken_as_it_is(dsn: str) -> None:
    run(dsn, GOOD)
    place(dsn, DedupeTable("processed_event")).open("g").close()
    place(dsn, DedupeTable("public.processed_event")).open("g").close()


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
@pytest.mark.parametrize("policy", [OffsetLedger(), DedupeTable("processed_event")], ids=lambda one: str(one.name))
def test_a_constraint_that_refuses_at_commit_takes_the_batch_back_and_is_no_rival(dsn: str, policy: Policy) -> None:
    """The last statements and COMMIT travel together: an error of COMMIT itself is told from one of ours."""
    run(dsn, GOOD)
    run(dsn, "create table done (n int unique deferrable initially deferred)")

    @effect(place(dsn, policy))
    def twice(db: psycopg.Connection[Any]) -> None:
        db.execute("insert into done values (1), (1)")

    opened = place(dsn, policy).open("g")
    opened.assigned({PARTITION: Start(0, committed=False)})
    work = opened.begin(Batch([Span(PARTITION, 0, 1)], ["e0"]))
    work.run(Call(twice, PARTITION, 0, 0, "e0"), (), {})
    with pytest.raises(OncewhereError, match="PostgreSQL refuses the batch: duplicate key"):
        work.decide()
    work.abandon()
    assert opened.connection().standing is Standing.GONE, "nothing is open, and the connection lives on"
    opened.close()
    assert run(dsn, "select (select count(*) from done), (select count(*) from processed_event)") == [(0, 0)]


@pytest.mark.servers
@pytest.mark.parametrize("policy", [OffsetLedger(), DedupeTable("processed_event")], ids=lambda one: str(one.name))
def test_a_connection_that_dies_while_the_batch_is_committed_leaves_it_unknown(dsn: str, policy: Policy) -> None:
    run(dsn, GOOD)
    run(dsn, "create table done (n int)")

    @effect(place(dsn, policy))
    def once(db: psycopg.Connection[Any]) -> None:
        db.execute("insert into done values (1)")

    opened = place(dsn, policy).open("g")
    for attempt in ("dies", "decides"):
        opened.assigned({PARTITION: Start(0, committed=False)})
        work = opened.begin(Batch([Span(PARTITION, 0, 1)], ["e0"]))
        work.run(Call(once, PARTITION, 0, 0, "e0"), (), {})
        if attempt == "dies":
            run(dsn, f"select pg_terminate_backend({opened.connection().native.info.backend_pid})")
            with pytest.raises(UndecidedError) as raised:
                work.decide()
            assert raised.value.unknown
            work.abandon()
        else:
            assert work.decide().executed == 1
    opened.close()
    assert run(dsn, "select count(*) from done") == [(1,)]


@pytest.mark.servers
@pytest.mark.parametrize("policy", [OffsetLedger(), DedupeTable("processed_event")], ids=lambda one: str(one.name))
@pytest.mark.parametrize("how", ["commit and chain", "commit; begin", "rollback and chain", "reset all"])
def test_an_effect_that_ends_its_transaction_and_begins_another_is_noticed(dsn: str, policy: Policy, how: str) -> None:
    """The server's status is that of an open transaction again; the mark of ours is not."""
    run(dsn, GOOD)
    run(dsn, "create table done (n int)")

    @effect(place(dsn, policy))
    def ends(db: psycopg.Connection[Any]) -> None:
        db.execute("insert into done values (1)")
        db.execute(how.encode())
        db.execute("insert into done values (2)")

    opened = place(dsn, policy).open("g")
    opened.assigned({PARTITION: Start(0, committed=False)})
    work = opened.begin(Batch([Span(PARTITION, 0, 1)], ["e0"]))
    work.run(Call(ends, PARTITION, 0, 0, "e0"), (), {})
    with pytest.raises(OncewhereError, match=r"ended the transaction that it ran in, or .* \(RESET ALL\)"):
        work.decide()
    work.abandon()
    opened.close()
    assert run(dsn, "select n from done where n = 2") == [], "what came after it is not committed"
    table = "oncewhere_ledger" if isinstance(policy, OffsetLedger) else "oncewhere_recorded"
    assert run(dsn, f"select count(*) from {table}") == [(0,)]


@pytest.mark.servers
@pytest.mark.parametrize(
    "policy", [OffsetLedger(), AtLeastOnce(acknowledged="COMMIT alone is sent")], ids=lambda p: p.name
)
def test_what_cannot_be_serialized_is_refused_at_commit_and_begun_again_as_a_whole(dsn: str, policy: Policy) -> None:
    """Two transactions that each read what the other one writes: the server takes one of them."""
    run(dsn, "create table done (n int)")
    strict = make_conninfo(dsn, options="-c default_transaction_isolation=serializable")

    @effect(place(strict, policy))
    def count(db: psycopg.Connection[Any]) -> int:
        (before,) = db.execute("select count(*) from done").fetchone() or (0,)
        db.execute("insert into done values (1)")
        return int(before)

    opened = place(strict, policy).open("g")
    outcomes = []
    with psycopg.connect(strict) as rival:
        for rivals in (True, False):
            opened.assigned({PARTITION: Start(0, committed=False)})
            work = opened.begin(Batch([Span(PARTITION, 0, 1)], ["e0"]))
            outcomes.append(work.run(Call(count, PARTITION, 0, 0, "e0"), (), {}))
            if rivals:
                rival.execute("select count(*) from done")
                rival.execute("insert into done values (2)")
                rival.commit()
                with pytest.raises(UndecidedError, match="could not serialize access") as raised:
                    work.decide()
                assert not raised.value.unknown
            else:
                assert work.decide().executed == 1
            work.abandon()
    opened.close()
    assert outcomes == [0, 1], "the second time it saw what the rival had written"
    assert run(dsn, "select n from done order by n") == [(1,), (2,)]


@pytest.mark.servers
def test_of_two_instances_with_one_event_the_second_waits_and_is_given_the_recorded_result(dsn: str) -> None:
    """A batch of one event asks by inserting its row: whoever comes second hears what the first one made of it."""
    run(dsn, GOOD)
    policy = DedupeTable("processed_event")
    executed = []

    @effect(place(dsn, policy))
    def once(db: psycopg.Connection[Any], who: str) -> str:
        executed.append(who)
        return who

    opened = [place(dsn, policy).open("g") for _ in range(2)]
    works = [one.begin(Batch([Span(PARTITION, 0, 1)], ["e0"])) for one in opened]
    call = Call(once, PARTITION, 0, 0, "e0")
    assert works[0].run(call, ("first",), {}) == "first"
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(works[1].run, call, ("second",), {})
        until = time.monotonic() + 30
        while not run(dsn, "select 1 from pg_stat_activity where wait_event = 'transactionid'"):
            assert time.monotonic() < until, "the second does not wait"
        works[0].decide()
        assert second.result(timeout=30) == "first"
    assert works[1].decide().replayed == 1
    for one in opened:
        one.close()
    assert executed == ["first"]


@pytest.mark.servers
@pytest.mark.parametrize("policy", [OffsetLedger(), DedupeTable("processed_event")], ids=lambda one: str(one.name))
def test_what_is_prepared_may_be_thrown_away_by_an_effect_or_by_a_rollback(dsn: str, policy: Policy) -> None:
    run(dsn, GOOD)

    @effect(place(dsn, policy))
    def careless(db: psycopg.Connection[Any], offset: int) -> int:
        if offset == 2:
            db.execute("deallocate all")
        return offset

    opened = place(dsn, policy).open("g")
    opened.assigned({PARTITION: Start(0, committed=False)})
    outcomes = []
    for offset, decided in ((0, True), (1, True), (2, True), (2, True), (3, False), (3, True), (4, True)):
        work = opened.begin(Batch([Span(PARTITION, offset, offset + 1)], [f"e{offset}"]))
        work.run(Call(careless, PARTITION, offset, 0, f"e{offset}"), (offset,), {})
        try:
            if decided:
                work.decide()
            outcomes.append(decided)
        except UndecidedError:
            outcomes.append(False)
        work.abandon()
    opened.close()
    assert outcomes == [True, True, False, True, False, True, True], "begun again once, and then decided"


@pytest.mark.servers
def test_a_connection_that_prepares_everything_at_once_is_taken(dsn: str) -> None:
    """With prepare_threshold=0, as SQLAlchemy's connect_args may set it, psycopg prepares whatever it is given."""
    run(dsn, "create table done (n int)")
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=0) as native:
        ours = adopt(native, 10_000)
        ours.begin()
        ours.execute("insert into done values (%s)", [1])
        ours.commit()
        ours.begin_with("insert into done values (%s)", [2])
        ours.commit_with([])
    assert run(dsn, "select n from done order by n") == [(1,), (2,)]


@pytest.mark.servers
def test_a_lookup_of_many_is_never_kept_as_a_plan(dsn: str) -> None:
    """A plan made while the table was small reads all of it, for each batch, once it has grown."""
    run(dsn, GOOD)
    kept: list[str] = []

    @effect(place(dsn, DedupeTable("processed_event")))
    def look(db: psycopg.Connection[Any]) -> int:
        kept[:] = [statement for (statement,) in db.execute("select statement from pg_prepared_statements")]
        return 0

    opened = place(dsn, DedupeTable("processed_event")).open("g")
    for first in range(0, 24, 2):  # more often than psycopg needs to prepare by itself
        identities = [f"e{number}" for number in (first // 4, first + 100)]  # done before, and new
        work = opened.begin(Batch([Span(PARTITION, first, first + 2)], identities))
        for nth, identity in enumerate(identities):
            try:
                work.run(Call(look, PARTITION, first + nth, 0, identity), (), {})
            except DuplicateEvent:
                assert first, "only later batches have events that are done"
        work.decide()
    opened.close()
    assert any(statement.startswith("insert") for statement in kept), "what is prepared is not seen here"
    assert not [statement for statement in kept if "any(" in statement]
