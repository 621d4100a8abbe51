"""A handler's unit test without any server: the rules are those of the runtime, by the runtime's own `Transaction`."""

from __future__ import annotations

import sqlite3

import msgspec
import pytest

from oncewhere import (
    AtLeastOnce,
    DedupeTable,
    DuplicateEvent,
    Function,
    OffsetLedger,
    Record,
    Records,
    ReplayError,
    Sqlite,
    Transaction,
    effect,
    effect_many,
)
from oncewhere.errors import ConfigurationError
from oncewhere.testing import FakeTransaction, Output


class Payment(msgspec.Struct, frozen=True):
    event_id: str
    cents: int


class Settled(msgspec.Struct, frozen=True):
    event_id: str
    balance: int


bank = Sqlite("bank.db", name="bank", policy=OffsetLedger())
deduped = Sqlite("other.db", name="deduped", policy=DedupeTable("processed_event"))
siren = Function("siren", policy=AtLeastOnce(acknowledged="a second ring does no harm"))


@effect(bank)
def settle(db: sqlite3.Connection, payment: Payment) -> Settled:
    (balance,) = db.execute("update account set balance = balance - ? returning balance", (payment.cents,)).fetchone()
    return Settled(payment.event_id, balance)


@effect(deduped)
def settle_once(db: sqlite3.Connection, payment: Payment) -> Settled:
    return settle.function(db, payment)


@effect(siren)
def ring(key: str) -> None:
    raise AssertionError("a stand-in runs in its stead")


@effect_many(bank)
def settle_all(db: sqlite3.Connection, payments: list[Payment]) -> list[Settled]:
    return [settle.function(db, payment) for payment in payments]


def on_payment(record: Record[Payment], tx: Transaction) -> None:
    settled = tx.run(settle, record.value)
    tx.produce("payment-settled", settled, key=record.key, headers=[("by", b"test")])


def record(event_id: str = "e-1", *, offset: int = 0) -> Record[Payment]:
    return Record.of(Payment(event_id, 300), topic="payment-authorized", offset=offset, key=b"account-1")


def account() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("create table account (balance int)")
    db.execute("insert into account values (1000)")
    return db


def test_what_a_handler_produced_and_which_effects_ran() -> None:
    given = record()
    tx = FakeTransaction(given, effects={settle: lambda payment: Settled(payment.event_id, 7)})
    on_payment(given, tx)
    assert tx.outputs == [
        Output(topic="payment-settled", value=Settled("e-1", 7), key=b"account-1", headers=(("by", b"test"),))
    ]
    assert [(run.effect, run.args, run.result) for run in tx.executed] == [(settle, (given.value,), Settled("e-1", 7))]


def test_a_redelivered_record_gets_the_recorded_result_and_runs_nothing() -> None:
    given, db = record(), account()
    tx = FakeTransaction(given, connections={"bank": db})
    on_payment(given, tx)
    again = tx.redelivered()
    on_payment(given, again)
    assert again.outputs == tx.outputs
    assert (again.executed, len(again.recalled)) == ([], 1)
    assert db.execute("select balance from account").fetchone() == (700,)


def test_a_policy_that_records_nothing_runs_its_effect_again() -> None:
    given = record()

    def handler(record: Record[Payment], tx: Transaction) -> None:
        tx.run(ring)

    rung: list[int] = []
    tx = FakeTransaction(given, effects={ring: lambda: rung.append(1)})
    handler(given, tx)
    handler(given, tx.redelivered())
    assert len(rung) == 2


def test_a_handler_that_asks_for_another_effect_on_redelivery_is_told() -> None:
    given = record()
    tx = FakeTransaction(given, effects={settle: Settled("e-1", 7)})
    on_payment(given, tx)
    again = tx.redelivered()
    again.run(settle, given.value)
    with pytest.raises(ReplayError, match="same effects in the same order"):
        again.run(settle, given.value)


def test_the_same_event_at_another_offset_is_a_duplicate() -> None:
    first, second = record(offset=3), record(offset=9)
    tx = FakeTransaction(first, effects={settle_once: Settled("e-1", 7)}, identity="event_id")
    tx.run(settle_once, first.value)
    with pytest.raises(DuplicateEvent):
        tx.followed_by(second).run(settle_once, second.value)
    assert tx.redelivered().run(settle_once, first.value) == Settled("e-1", 7)


def test_a_result_that_is_not_of_the_declared_type_is_refused_as_in_production() -> None:
    given = record()
    with pytest.raises(ConfigurationError, match="does not fit its declared result type"):
        on_payment(given, FakeTransaction(given, effects={settle: lambda payment: payment.cents}))


def test_an_output_that_cannot_be_encoded_is_refused_as_in_production() -> None:
    with pytest.raises(TypeError):
        FakeTransaction(record()).produce("out", object())


def test_an_effect_that_the_test_says_nothing_of_names_the_line_to_write() -> None:
    given = record()
    with pytest.raises(ConfigurationError, match=r"effects=\{settle: …\}"):
        on_payment(given, FakeTransaction(given))


def test_an_exception_stands_in_for_an_effect_that_fails() -> None:
    given = record()
    with pytest.raises(OSError, match="gone"):
        on_payment(given, FakeTransaction(given, effects={settle: OSError("gone")}))


def test_a_batch_handler_runs_an_effect_for_all_its_records_at_once() -> None:
    records = Records([record(offset=n).value for n in range(3)], [record(offset=n).message for n in range(3)])
    tx = FakeTransaction(records, connections={"bank": account()})
    assert [result.balance for _, result in tx.run_each(settle_all, records)] == [700, 400, 100]
    again = tx.redelivered()
    assert [result.balance for _, result in again.run_each(settle_all, records)] == [700, 400, 100]
    assert again.executed == []
