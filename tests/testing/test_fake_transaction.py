"""A handler's unit test without any server: the rules are those of the runtime, by the runtime's own `Transaction`."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec
import pytest

from oncewhere import (
    AtLeastOnce,
    AtMostOnce,
    DedupeTable,
    Derive,
    DuplicateEvent,
    EffectInDoubt,
    Function,
    IdempotencyKey,
    NotDone,
    OffsetLedger,
    OutcomeUnknown,
    Record,
    RecordError,
    Records,
    ReplayError,
    Sqlite,
    Transaction,
    effect,
    effect_many,
)
from oncewhere.effects.policy import Policy
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


def test_another_record_at_a_position_that_was_delivered_is_refused_and_a_redelivery_is_not() -> None:
    tx = FakeTransaction(record(), effects={settle_once: Settled("e-1", 7)}, identity="event_id")
    with pytest.raises(ConfigurationError, match=r"offset 0 already.* Record\.of\(…, offset=1\); .* redelivered\(\)"):
        tx.followed_by(record())
    other = tx.followed_by(record(offset=1))
    with pytest.raises(ConfigurationError, match="at offset 0 already"):
        other.followed_by(record())
    batch = [record(offset=2), record(offset=3)]
    many = other.redelivered().followed_by(Records([one.value for one in batch], [one.message for one in batch]))
    with pytest.raises(ConfigurationError, match="at offset 3 already"):
        many.redelivered().followed_by(record(offset=3))


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


CALLED: list[Policy] = [
    AtMostOnce(claims=bank),
    IdempotencyKey(answers=bank),
    AtMostOnce(claims=bank, derive=Derive.POSITION),
    IdempotencyKey(answers=bank, derive=Derive.POSITION),
    IdempotencyKey(),
]


def called(policy: Policy) -> Any:
    """An effect at an outside place of this policy."""

    @effect(Function("gateway", policy=policy))
    def capture(key: str, payment: Payment) -> str:
        raise AssertionError("a stand-in runs in its stead")

    return capture


@pytest.mark.parametrize("policy", CALLED, ids=str)
def test_what_was_answered_is_found_by_what_the_policy_makes_its_key_of(policy: Any) -> None:
    capture, calls = called(policy), iter("abc")
    first, elsewhere = record(offset=3), record(offset=9)
    tx = FakeTransaction(first, effects={capture: lambda payment: next(calls)}, identity="event_id")
    assert tx.run(capture, first.value) == "a"
    kept = isinstance(policy, AtMostOnce) or policy.answers is not None
    assert tx.redelivered().run(capture, first.value) == ("a" if kept else "b")
    other = tx.followed_by(elsewhere)
    by_identity = policy.derive is Derive.IDENTITY
    assert other.run(capture, elsewhere.value) == ("a" if kept and by_identity else "b" if kept else "c")
    assert len(other.recalled) == (kept and by_identity)


def test_a_call_that_was_not_made_before_is_made_on_redelivery_as_in_production() -> None:
    first, capture = record(), called(AtMostOnce(claims=bank))
    tx = FakeTransaction(first, effects={capture: "receipt"}, identity="event_id")
    assert tx.redelivered().run(capture, first.value) == "receipt"


@pytest.mark.parametrize(("policy", "executed"), [(AtMostOnce(claims=bank), 1), (IdempotencyKey(answers=bank), 2)])
def test_in_one_batch_a_claim_is_settled_at_once_and_answers_are_kept_at_its_end(policy: Policy, executed: int) -> None:
    capture = called(policy)
    given = [record(offset=3), record(offset=9)]
    records = Records([one.value for one in given], [one.message for one in given])
    tx = FakeTransaction(records, effects={capture: "receipt"}, identity="event_id")
    assert [result for _, result in tx.run_each(capture, records)] == ["receipt", "receipt"]
    assert len(tx.executed) == executed


@pytest.mark.parametrize("policy", [*CALLED, DedupeTable("processed_event")], ids=str)
def test_a_policy_that_goes_by_identity_refuses_a_record_that_has_none(policy: Policy) -> None:
    given = record()
    if isinstance(policy, DedupeTable):
        wanted: Any = settle_once
    else:
        wanted = called(policy)
    nameless = FakeTransaction(given, effects={wanted: Settled("e-1", 7) if wanted is settle_once else "receipt"})
    without = FakeTransaction(given, effects={wanted: "receipt"}, identity=lambda payment: None)
    if not policy.needs_identity:
        assert nameless.run(wanted, given.value) == "receipt"
        assert without.run(wanted, given.value) == "receipt"
        return
    with pytest.raises(ConfigurationError, match="and the test names none") as caught:
        nameless.run(wanted, given.value)
    assert "identity='event_id'" in (caught.value.hint or "")
    with pytest.raises(RecordError, match="this record has none"):
        without.run(wanted, given.value)


@pytest.mark.parametrize("found", [b"e-1", 1.5])
def test_an_identity_without_one_spelling_is_refused_as_in_production(found: object) -> None:
    with pytest.raises(TypeError, match="an event identity is text, a whole number or a UUID"):
        FakeTransaction(record(), identity=lambda payment: found)


def test_an_effects_failure_that_the_handler_swallows_leaves_no_output_as_in_production() -> None:
    given = record()

    def handler(record: Record[Payment], tx: Transaction) -> None:
        try:
            tx.produce("payment-settled", tx.run(settle, record.value))
        except TimeoutError:
            tx.produce("payment-failed", record.value)

    failing = FakeTransaction(given, effects={settle: TimeoutError("slow")})
    handler(given, failing)
    assert (failing.outputs, str(failing.failure)) == ([], "slow")
    well = FakeTransaction(given, effects={settle: Settled("e-1", 7)})
    handler(given, well)
    assert ([output.topic for output in well.outputs], well.failure) == (["payment-settled"], None)


@effect(bank)
def audit(db: sqlite3.Connection, payment: Payment) -> str:
    raise AssertionError("a stand-in runs in its stead")


def test_a_delivery_whose_second_effect_fails_has_recorded_nothing_and_both_run_again() -> None:
    given, answers = record(), iter([ConnectionError("reset"), "audited"])

    def audited(payment: Payment) -> str:
        answer = next(answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def handler(record: Record[Payment], tx: Transaction) -> None:
        tx.run(settle, record.value)
        tx.produce("audited", tx.run(audit, record.value))

    tx = FakeTransaction(given, effects={settle: Settled("e-1", 7), audit: audited})
    with pytest.raises(ConnectionError):
        handler(given, tx)
    again = tx.redelivered()
    handler(given, again)
    assert [run.effect for run in again.executed] == [settle, audit]
    after = again.redelivered()
    handler(given, after)
    assert [run.effect for run in after.recalled] == [settle, audit]
    assert after.outputs == again.outputs


def test_a_redelivery_that_fails_takes_back_nothing_of_the_delivery_before_it() -> None:
    given = record()
    tx = FakeTransaction(given, effects={settle: Settled("e-1", 7)})
    on_payment(given, tx)
    again = tx.redelivered()
    on_payment(given, again)
    with pytest.raises(ReplayError):
        again.run(settle, given.value)
    assert again.outputs == []
    third = again.redelivered()
    on_payment(given, third)
    assert third.outputs == tx.outputs
    assert third.executed == []


def test_an_event_whose_effect_failed_is_no_duplicate_at_another_offset() -> None:
    tx = FakeTransaction(record(), effects={settle_once: OSError("gone")}, identity="event_id")
    with pytest.raises(OSError, match="gone"):
        tx.run(settle_once, record().value)
    elsewhere = record(offset=1)
    with pytest.raises(OSError, match="gone"):
        tx.followed_by(elsewhere).run(settle_once, elsewhere.value)


def test_answers_are_kept_where_a_delivery_ends_well_and_settled_claims_where_it_fails_too() -> None:
    given = record()
    for policy, found in ((AtMostOnce(claims=bank), 1), (IdempotencyKey(answers=bank), 0)):
        capture = called(policy)
        tx = FakeTransaction(given, effects={capture: "receipt", settle: OSError("gone")}, identity="event_id")
        tx.run(capture, given.value)
        with pytest.raises(OSError, match="gone"):
            tx.run(settle, given.value)
        again = tx.redelivered()
        assert again.run(capture, given.value) == "receipt"
        assert len(again.recalled) == found


def test_a_call_at_most_once_that_failed_is_in_doubt_from_then_on() -> None:
    given, capture = record(), called(AtMostOnce(claims=bank))
    tx = FakeTransaction(given, effects={capture: ConnectionError("reset")}, identity="event_id")
    with pytest.raises(ConnectionError):
        tx.run(capture, given.value)
    with pytest.raises(EffectInDoubt) as doubt:
        tx.redelivered().run(capture, given.value)
    with pytest.raises(EffectInDoubt, match=doubt.value.key):
        tx.redelivered().redelivered().run(capture, given.value)


def test_a_call_at_most_once_that_certainly_did_not_happen_is_made_again() -> None:
    given, capture, asked = record(), called(AtMostOnce(claims=bank)), []

    def declined(payment: Payment) -> str:
        asked.append(payment)
        raise NotDone("declined", permanent=True)

    tx = FakeTransaction(given, effects={capture: declined}, identity="event_id")
    for delivery in (tx, tx.redelivered()):
        with pytest.raises(NotDone):
            delivery.run(capture, given.value)
    assert len(asked) == 2


def test_an_unknown_outcome_at_most_once_is_a_doubt_that_a_handler_may_catch_by_name() -> None:
    given, capture = record(), called(AtMostOnce(claims=bank))

    def handler(record: Record[Payment], tx: Transaction) -> None:
        try:
            tx.run(capture, record.value)
        except EffectInDoubt:
            tx.produce("to-be-looked-at", record.value)

    tx = FakeTransaction(given, effects={capture: OutcomeUnknown("timeout")}, identity="event_id")
    handler(given, tx)
    assert [output.topic for output in tx.outputs] == ["to-be-looked-at"]
    assert tx.failure is None
    records = Records([given.value], [given.message])
    many = FakeTransaction(records, effects={capture: OutcomeUnknown("timeout")}, identity="event_id")
    assert list(many.run_each(capture, records)) == []
    assert [type(why) for _, why in many.passed] == [EffectInDoubt]


def test_an_effect_that_the_test_says_nothing_of_leaves_no_claim() -> None:
    given, capture = record(), called(AtMostOnce(claims=bank))
    tx = FakeTransaction(given, identity="event_id")
    for delivery in (tx, tx.redelivered()):
        with pytest.raises(ConfigurationError, match="The test says nothing"):
            delivery.run(capture, given.value)


@pytest.mark.parametrize("headers", [{"a": b"x"}, ["ab"], [("a", 1)], [["a", b"x"]]])
def test_headers_that_librdkafka_would_not_take_are_refused_as_in_production(headers: Any) -> None:
    tx = FakeTransaction(record())
    with pytest.raises(TypeError, match="header"):
        tx.produce("out", None, headers=headers)
    assert tx.outputs == []


def test_a_serializer_that_makes_no_bytes_is_refused_as_in_production() -> None:
    with pytest.raises(TypeError, match="a value is bytes"):
        FakeTransaction(record(), serializers={"out": lambda value: value}).produce("out", 7)  # type: ignore[dict-item]


def test_what_was_produced_before_a_duplicate_left_the_handler_is_dropped_as_in_production() -> None:
    first, second = record(), record(offset=1)

    def handler(record: Record[Payment], tx: Transaction) -> None:
        tx.produce("seen", record.value)
        tx.produce("payment-settled", tx.run(settle_once, record.value))

    tx = FakeTransaction(first, effects={settle_once: Settled("e-1", 7)}, identity="event_id")
    handler(first, tx)
    other = tx.followed_by(second)
    with pytest.raises(DuplicateEvent):
        handler(second, other)
    assert (len(tx.outputs), other.outputs) == (2, [])
    other.produce("told", second.value)  # as of a handler that caught it
    assert [output.topic for output in other.outputs] == ["seen", "told"]
