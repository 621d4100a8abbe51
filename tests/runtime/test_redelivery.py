"""What a crash, a rewind or a zombie leaves behind: one effect and one output per payment, whatever happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
import pytest
from scene import Bank, CrashError, Payment, Recorder, Running, Settled, Topics, apply, eventually

from oncewhere import (
    DedupeTable,
    HandlerError,
    LedgerRefusedError,
    OffsetLedger,
    Postgres,
    Processor,
    Record,
    ReplayError,
    Transaction,
    effect,
)
from oncewhere.effects.place import UndecidedError
from oncewhere.effects.recorded import CallKey, pack
from oncewhere.effects.sql.work import SqlWork
from oncewhere.runtime import events

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oncewhere.effects.policy import Policy
    from oncewhere.effects.sql.connection import Statement

pytestmark = pytest.mark.servers

POLICIES = [OffsetLedger(), DedupeTable("processed_event")]
both_policies = pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: str(policy.name))

PAYMENTS = [Payment(f"e{n}", f"account-{n % 3}", n + 1) for n in range(10)]


def settlement(
    topics: Topics,
    bank: Bank,
    policy: Policy,
    *,
    listener: Recorder | None = None,
    before: Callable[[Record[Payment]], None] = lambda record: None,
    transactional_id: str = "settlement-0",
    **settings: Any,
) -> Processor:
    """The mission's processor; `before` runs in the handler after the effect."""
    place = Postgres(bank.dsn, name="bank", policy=policy)
    settle = effect(place, name="settle")(apply)
    app = Processor(
        {"bootstrap.servers": topics.address},
        group_id=topics.group,
        transactional_id=f"{topics.group}-{transactional_id}",
        on_event=listener,
        **settings,
    )

    @app.consume(topics.input, Payment, identity="event_id")
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        settled = tx.run(settle, record.value)
        before(record)
        tx.produce(topics.output, settled, key=settled.account, headers=record.headers)

    return app


def run_until(app: Processor, condition: Callable[[], Any]) -> None:
    running = Running(app)
    try:
        eventually(lambda: running.error is not None or condition())
    finally:
        assert running.stop() is None


def assert_once(topics: Topics, bank: Bank, payments: list[Payment]) -> None:
    """Each payment has one effect and one output, and they agree."""
    assert topics.committed() == len(payments)
    outputs = topics.outputs()
    assert sorted(out.event_id for out in outputs) == sorted(p.event_id for p in payments)
    balances = bank.balances()
    assert sum(settled for _, settled in balances.values()) == len(payments)
    assert sum(amount for amount, _ in balances.values()) == sum(p.amount for p in payments)
    for account, (amount, _) in balances.items():
        assert max(out.balance for out in outputs if out.account == account) == amount


@both_policies
def test_redelivery_after_database_commit_reemits_the_recorded_output(
    topics: Topics,
    bank: Bank,
    policy: Policy,
) -> None:
    topics.send(*PAYMENTS)
    crashed = Running(settlement(topics, bank, policy, listener=Recorder(crash_at=events.BatchDecided)))
    assert isinstance(crashed.wait(), CrashError)
    assert topics.committed() < 0
    assert topics.outputs() == []
    assert sum(settled for _, settled in bank.balances().values()) == 10

    seen = Recorder()
    run_until(settlement(topics, bank, policy, listener=seen), lambda: topics.committed() == 10)

    assert_once(topics, bank, PAYMENTS)
    assert [e.calls for e in seen.of(events.Replayed)] == [10]  # type: ignore[attr-defined]


@both_policies
def test_crash_with_an_open_kafka_transaction_leaves_nothing_twice(topics: Topics, bank: Bank, policy: Policy) -> None:
    topics.send(*PAYMENTS)
    crashed = Running(settlement(topics, bank, policy, listener=Recorder(crash_at=events.TransactionBegun)))
    assert isinstance(crashed.wait(), CrashError)
    run_until(settlement(topics, bank, policy), lambda: topics.committed() == 10)
    assert_once(topics, bank, PAYMENTS)


@both_policies
def test_crash_after_the_kafka_commit_redelivers_nothing(topics: Topics, bank: Bank, policy: Policy) -> None:
    topics.send(*PAYMENTS)
    crashed = Running(settlement(topics, bank, policy, listener=Recorder(crash_at=events.TransactionCommitted)))
    assert isinstance(crashed.wait(), CrashError)
    topics.send(Payment("e10", "account-0", 100))
    seen = Recorder()
    run_until(settlement(topics, bank, policy, listener=seen), lambda: topics.committed() == 11)
    assert_once(topics, bank, [*PAYMENTS, Payment("e10", "account-0", 100)])
    assert not seen.of(events.Replayed)


@both_policies
def test_a_batch_can_hold_redelivered_and_new_records(topics: Topics, bank: Bank, policy: Policy) -> None:
    topics.send(*PAYMENTS[:4])
    crashed = Running(settlement(topics, bank, policy, listener=Recorder(crash_at=events.BatchDecided)))
    assert isinstance(crashed.wait(), CrashError)
    topics.send(*PAYMENTS[4:])
    crashed = Running(settlement(topics, bank, policy, listener=Recorder(crash_at=events.BatchDecided)))
    assert isinstance(crashed.wait(), CrashError)
    run_until(settlement(topics, bank, policy, max_batch_records=3), lambda: topics.committed() == 10)
    assert_once(topics, bank, PAYMENTS)


@both_policies
def test_a_handler_error_takes_the_whole_batch_back(topics: Topics, bank: Bank, policy: Policy) -> None:
    topics.send(*PAYMENTS)

    def fail(record: Record[Payment]) -> None:
        if record.offset == 7:
            raise ZeroDivisionError("secret payload")

    error = Running(settlement(topics, bank, policy, before=fail)).wait()
    assert isinstance(error, HandlerError)
    assert (error.topic, error.partition, error.offset) == (topics.input, 0, 7)
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert "secret" not in str(error)
    assert bank.balances() == {}
    assert topics.outputs() == []
    assert topics.committed() < 0
    run_until(settlement(topics, bank, policy), lambda: topics.committed() == 10)
    assert_once(topics, bank, PAYMENTS)


@both_policies
def test_an_effects_error_cannot_be_swallowed(topics: Topics, bank: Bank, policy: Policy) -> None:
    place = Postgres(bank.dsn, name="bank", policy=policy)

    @effect(place)
    def wrong(db: psycopg.Connection[Any], payment: Payment) -> None:
        db.execute("select no_such_column from balance")

    app = Processor({"bootstrap.servers": topics.address}, group_id=topics.group, transactional_id=topics.group)

    @app.consume(topics.input, Payment, identity="event_id")
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        try:
            tx.run(wrong, record.value)
        except psycopg.Error:
            tx.produce(topics.output, Settled("e0", "nobody", 0))

    topics.send(PAYMENTS[0])
    error = Running(app).wait()
    assert isinstance(error, HandlerError)
    assert isinstance(error.__cause__, psycopg.errors.UndefinedColumn)
    assert topics.committed() < 0


@both_policies
@pytest.mark.parametrize("how", ["serialization failure", "connection lost"])
def test_a_failure_that_is_nobodys_fault_begins_the_batch_again(
    topics: Topics,
    bank: Bank,
    policy: Policy,
    how: str,
) -> None:
    topics.send(*PAYMENTS)
    place = Postgres(bank.dsn, name="bank", policy=policy)
    failures = iter([True])

    @effect(place)
    def settle(db: psycopg.Connection[Any], payment: Payment) -> Settled:
        settled = apply(db, payment)
        if payment.event_id == "e5" and next(failures, False):
            if how == "connection lost":
                bank.execute("select pg_terminate_backend(%s)", db.info.backend_pid)
                db.execute("select 1")
            raise psycopg.errors.SerializationFailure("could not serialize access")
        return settled

    seen = Recorder()
    app = Processor(
        {"bootstrap.servers": topics.address},
        group_id=topics.group,
        transactional_id=topics.group,
        on_event=seen,
    )

    @app.consume(topics.input, Payment, identity="event_id")
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        tx.produce(topics.output, tx.run(settle, record.value))

    run_until(app, lambda: topics.committed() == 10)
    assert_once(topics, bank, PAYMENTS)
    assert len(seen.of(events.TransactionAborted)) == 1


@both_policies
@pytest.mark.parametrize("committed", [True, False])
def test_a_lost_answer_to_commit_is_resolved_by_reading(
    topics: Topics,
    bank: Bank,
    policy: Policy,
    committed: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit, losses = SqlWork._commit, iter([True])

    def lose_the_answer(self: SqlWork, last: Sequence[Statement]) -> None:
        if next(losses, False):
            connection = self._open
            assert connection is not None
            if committed:
                commit(self, last)
            connection.close()
            raise UndecidedError("the answer to COMMIT was lost", unknown=True)
        commit(self, last)

    monkeypatch.setattr(SqlWork, "_commit", lose_the_answer)
    topics.send(*PAYMENTS)
    seen = Recorder()
    run_until(settlement(topics, bank, policy, listener=seen), lambda: topics.committed() == 10)
    assert_once(topics, bank, PAYMENTS)
    assert [e.unconfirmed for e in seen.of(events.TransactionAborted)] == [True]  # type: ignore[attr-defined]
    assert len(seen.of(events.Replayed)) == (1 if committed else 0)


def test_a_zombie_loses_the_compare_and_set(topics: Topics, bank: Bank) -> None:
    topics.send(PAYMENTS[0])
    recorded = Settled("e0", "account-0", 777)
    visits = []

    def successor(record: Record[Payment]) -> None:
        """While the zombie is in its handler, its successor decides the same record."""
        visits.append(record.offset)
        if len(visits) == 1:
            row = pack({CallKey(0, "settle", 0): msgspec.msgpack.encode(recorded)})
            bank.execute(
                "insert into oncewhere_ledger "
                "(group_id, topic_id, partition, topic, next_offset, covered_from, results) "
                "values (%s, %s, 0, %s, 1, 0::bigint, %s)",
                topics.group,
                topic_id(seen),
                topics.input,
                row,
            )

    seen = Recorder()
    app = settlement(topics, bank, OffsetLedger(), listener=seen, before=successor)
    run_until(app, lambda: topics.committed() == 1)
    assert bank.balances() == {}, "the zombie's effect was rolled back"
    assert topics.outputs() == [recorded]
    assert "compare-and-set" in seen.of(events.TransactionAborted)[0].reason  # type: ignore[attr-defined]


def test_a_zombie_loses_at_the_dedupe_tables_key(topics: Topics, bank: Bank) -> None:
    topics.send(PAYMENTS[0])
    visits = []

    def other_instance(record: Record[Payment]) -> None:
        visits.append(record.offset)
        if len(visits) == 1:
            bank.execute("insert into processed_event (event_id) values ('e0')")

    app = settlement(topics, bank, DedupeTable("processed_event"), before=other_instance)
    run_until(app, lambda: topics.committed() == 1)
    assert bank.balances() == {}
    assert topics.outputs() == []


def topic_id(seen: Recorder) -> str:
    assigned = seen.of(events.Assigned)[0]
    assert isinstance(assigned, events.Assigned)
    return next(iter(assigned.starts)).topic_id


def test_duplicate_event_at_another_position_is_suppressed(topics: Topics, bank: Bank) -> None:
    topics.send(PAYMENTS[0], PAYMENTS[1], PAYMENTS[0])  # twice in one batch
    seen = Recorder()
    policy = DedupeTable("processed_event")
    run_until(settlement(topics, bank, policy, listener=seen), lambda: topics.committed() == 3)
    topics.send(PAYMENTS[1])  # and again later
    run_until(settlement(topics, bank, policy, listener=seen), lambda: topics.committed() == 4)
    assert [out.event_id for out in topics.outputs()] == ["e0", "e1"]
    assert sum(settled for _, settled in bank.balances().values()) == 2
    assert [e.offset for e in seen.of(events.DuplicateSuppressed)] == [2, 3]  # type: ignore[attr-defined]
    assert bank.execute("select count(*) from processed_event") == [(2,)]


def test_a_redelivered_duplicate_is_suppressed_again(topics: Topics, bank: Bank) -> None:
    policy = DedupeTable("processed_event")
    topics.send(PAYMENTS[0], PAYMENTS[0], PAYMENTS[1])
    crashed = Running(settlement(topics, bank, policy, listener=Recorder(crash_at=events.BatchDecided)))
    assert isinstance(crashed.wait(), CrashError)
    run_until(settlement(topics, bank, policy), lambda: topics.committed() == 3)
    assert [out.event_id for out in topics.outputs()] == ["e0", "e1"]
    assert sum(settled for _, settled in bank.balances().values()) == 2


def test_a_record_that_runs_no_effect_leaves_no_dedupe_row(topics: Topics, bank: Bank) -> None:
    place = Postgres(bank.dsn, name="bank", policy=DedupeTable("processed_event"))
    settle = effect(place)(apply)
    app = Processor({"bootstrap.servers": topics.address}, group_id=topics.group, transactional_id=topics.group)

    @app.consume(topics.input, Payment, identity="event_id")
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        if record.value.amount % 2:
            tx.run(settle, record.value)

    topics.send(*PAYMENTS)
    run_until(app, lambda: topics.committed() == 10)
    assert bank.execute("select count(*) from processed_event") == [(5,)]


def test_the_ledger_moves_with_records_that_run_no_effect(topics: Topics, bank: Bank) -> None:
    place = Postgres(bank.dsn, name="bank", policy=OffsetLedger())
    settle = effect(place)(apply)
    app = Processor({"bootstrap.servers": topics.address}, group_id=topics.group, transactional_id=topics.group)

    @app.consume(topics.input, Payment)
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        if record.value.event_id == "e0":
            tx.run(settle, record.value)

    topics.send(*PAYMENTS)
    run_until(app, lambda: topics.committed() == 10)
    topics.send(*PAYMENTS[1:])
    run_until(app, lambda: topics.committed() == 19)
    assert bank.execute("select next_offset from oncewhere_ledger") == [(19,)]


def test_ledger_behind_is_refused(topics: Topics, bank: Bank) -> None:
    topics.send(*PAYMENTS)
    run_until(settlement(topics, bank, OffsetLedger()), lambda: topics.committed() == 10)
    bank.execute("update oncewhere_ledger set next_offset = 4, covered_from = 2")
    error = Running(settlement(topics, bank, OffsetLedger())).wait()
    assert isinstance(error, LedgerRefusedError)
    assert "stands at 4" in str(error)
    assert "committed offset 10" in str(error)


def test_a_group_moved_back_before_the_recorded_results_is_refused(topics: Topics, bank: Bank) -> None:
    for payment, end in zip(PAYMENTS[:3], (1, 2, 3), strict=True):
        topics.send(payment)
        run_until(settlement(topics, bank, OffsetLedger()), lambda end=end: topics.committed() == end)  # type: ignore[misc]
    topics.move_group(0)
    error = Running(settlement(topics, bank, OffsetLedger())).wait()
    assert isinstance(error, LedgerRefusedError)
    assert sum(settled for _, settled in bank.balances().values()) == 3


def test_a_redelivered_record_that_asks_for_another_effect_stops_the_run(topics: Topics, bank: Bank) -> None:
    topics.send(PAYMENTS[0])
    crashed = Running(settlement(topics, bank, OffsetLedger(), listener=Recorder(crash_at=events.BatchDecided)))
    assert isinstance(crashed.wait(), CrashError)

    place = Postgres(bank.dsn, name="bank", policy=OffsetLedger())
    renamed = effect(place, name="settle_payment")(apply)
    app = Processor({"bootstrap.servers": topics.address}, group_id=topics.group, transactional_id=topics.group)

    @app.consume(topics.input, Payment)
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        tx.run(renamed, record.value)

    error = Running(app).wait()
    assert isinstance(error, ReplayError)
    assert error.offset == 0
    assert sum(settled for _, settled in bank.balances().values()) == 1


def test_two_places_each_remember_what_they_did(topics: Topics, bank: Bank, postgres: Any) -> None:
    other = Bank(postgres.create_database(f"audit_{topics.group[-8:]}"))
    first = effect(Postgres(bank.dsn, name="bank", policy=OffsetLedger()), name="settle")(apply)
    second = effect(Postgres(other.dsn, name="audit", policy=DedupeTable("processed_event")), name="note")(apply)

    def app(listener: Recorder | None = None) -> Processor:
        app = Processor(
            {"bootstrap.servers": topics.address},
            group_id=topics.group,
            transactional_id=topics.group,
            on_event=listener,
        )

        @app.consume(topics.input, Payment, identity="event_id")
        def on_payment(record: Record[Payment], tx: Transaction) -> None:
            settled = tx.run(first, record.value)
            noted = tx.run(second, record.value)
            assert settled == noted
            tx.produce(topics.output, settled)

        return app

    topics.send(*PAYMENTS)
    crashed = Running(
        app(Recorder(crash_at=events.BatchDecided)),
    )  # after the first place's decision, before the second's
    assert isinstance(crashed.wait(), CrashError)
    decided = [sum(settled for _, settled in b.balances().values()) for b in (bank, other)]
    assert sorted(decided) == [0, 10]
    run_until(app(), lambda: topics.committed() == 10)
    assert_once(topics, bank, PAYMENTS)
    assert_once(topics, other, PAYMENTS)
    postgres.drop_database(f"audit_{topics.group[-8:]}")
