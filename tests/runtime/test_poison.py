"""A record that cannot be processed: the run stops, or the batch goes on without it, and its bytes are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from confluent_kafka import Producer
from scene import Bank, CrashError, Payment, Recorder, Running, Topics, apply, eventually, read_committed

from oncewhere import (
    DeadLetter,
    DedupeTable,
    DeserializationError,
    HandlerError,
    OffsetLedger,
    Postgres,
    Processor,
    Record,
    Records,
    Skip,
    Stop,
    Transaction,
    effect,
)
from oncewhere.runtime import attempts, events

if TYPE_CHECKING:
    from collections.abc import Callable

    from oncewhere.runtime.rejection import OnError
    from oncewhere.stack import PostgresServer

pytestmark = pytest.mark.servers

PAYMENTS = [Payment(f"e{n}", f"account-{n % 3}", n + 1) for n in range(10)]
POISON = PAYMENTS[6]
OTHERS = [payment.event_id for payment in PAYMENTS if payment is not POISON]
both_ways = pytest.mark.parametrize("effects", [False, True], ids=["kafka only", "with an effect"])


class PoisonError(Exception):
    pass


@pytest.fixture
def letters(topics: Topics) -> str:
    """A dead-letter topic."""
    return topics.another("rejected")


def processor(
    topics: Topics,
    bank: Bank | None,
    on_error: OnError,
    *,
    listener: Recorder | None = None,
    before: Callable[[Payment], None] = lambda payment: None,
    after: Callable[[Payment], None] = lambda payment: None,
) -> Processor:
    """Settles payments; `before` runs before the effect and the output, `after` behind them."""
    app = Processor(
        {"bootstrap.servers": topics.address},
        group_id=topics.group,
        transactional_id=topics.group,
        on_event=listener,
    )
    settle = None if bank is None else effect(Postgres(bank.dsn, name="bank", policy=OffsetLedger()))(apply)

    @app.consume(topics.input, Payment, on_error=on_error, effects=[settle] if settle else [])
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        before(record.value)
        tx.produce(topics.output, tx.run(settle, record.value) if settle else record.value, record.key)
        after(record.value)

    return app


def fail(payment: Payment) -> None:
    if payment == POISON:
        raise PoisonError(f"no {payment.event_id}")


def outputs(topics: Topics) -> list[str]:
    return [msgspec.json.decode(message.value())["event_id"] for message in topics.messages()]


def run_to_the_end(app: Processor, topics: Topics) -> None:
    running = Running(app)
    eventually(lambda: running.error is not None or topics.committed() == len(PAYMENTS))
    assert running.stop() is None


def settled_in(bank: Bank | None) -> int:
    return 0 if bank is None else sum(settled for _, settled in bank.balances().values())


@both_ways
@pytest.mark.parametrize("at", ["before", "after"])
def test_a_dead_letter_carries_the_record_and_the_reason_and_the_others_go_on(
    topics: Topics, bank: Bank, letters: str, at: str, *, effects: bool
) -> None:
    seen = Recorder()
    place = bank if effects else None
    topics.send(*PAYMENTS)
    app = processor(topics, place, DeadLetter(letters), listener=seen, **{at: fail})  # type: ignore[arg-type]
    run_to_the_end(app, topics)
    assert sorted(outputs(topics)) == sorted(OTHERS)
    if effects:
        assert settled_in(place) == len(OTHERS)
    (letter,) = read_committed(topics.address, letters)
    assert letter.value() == msgspec.json.encode(POISON)
    assert letter.key() == b"k"
    headers = dict(letter.headers())
    assert headers.pop("oncewhere.timestamp_ms").isdigit()
    assert headers == {
        "trace": b"t1",
        "oncewhere.topic": topics.input.encode(),
        "oncewhere.partition": b"0",
        "oncewhere.offset": b"6",
        "oncewhere.attempt": b"1",
        "oncewhere.error.class": f"{PoisonError.__module__}.PoisonError".encode(),
        "oncewhere.error.message": b"no e6",
    }
    (told,) = seen.of(events.RecordRejected)
    assert (told.offset, told.error, told.action) == (6, "PoisonError", "dead-letter")


@both_ways
def test_a_skipped_record_is_counted(topics: Topics, bank: Bank, *, effects: bool) -> None:
    seen = Recorder()
    topics.send(*PAYMENTS)
    run_to_the_end(processor(topics, bank if effects else None, Skip(), listener=seen, before=fail), topics)
    assert sorted(outputs(topics)) == sorted(OTHERS)
    assert [(told.offset, told.action) for told in seen.of(events.RecordRejected)] == [(6, "skip")]


@both_ways
@pytest.mark.parametrize("at", ["before", "after"])
def test_attempts_are_limited_and_one_that_works_is_enough(
    topics: Topics, bank: Bank, letters: str, at: str, *, effects: bool
) -> None:
    calls = []

    def fail_twice(payment: Payment) -> None:
        if payment == POISON:
            calls.append(payment)
            if len(calls) < 3:
                raise PoisonError

    place = bank if effects else None
    topics.send(*PAYMENTS)
    app = processor(topics, place, DeadLetter(letters, max_attempts=3), **{at: fail_twice})  # type: ignore[arg-type]
    run_to_the_end(app, topics)
    assert sorted(outputs(topics)) == sorted(payment.event_id for payment in PAYMENTS)
    assert settled_in(place) in {0, len(PAYMENTS)}
    assert read_committed(topics.address, letters) == []


@both_ways
def test_a_record_that_cannot_be_decoded_becomes_a_dead_letter(
    topics: Topics, bank: Bank, letters: str, *, effects: bool
) -> None:
    topics.send(*PAYMENTS[:6], b'{"no": "payment"}', *PAYMENTS[7:])
    run_to_the_end(processor(topics, bank if effects else None, DeadLetter(letters)), topics)
    assert sorted(outputs(topics)) == sorted(OTHERS)
    (letter,) = read_committed(topics.address, letters)
    assert letter.value() == b'{"no": "payment"}'
    assert dict(letter.headers())["oncewhere.error.class"] == b"msgspec.ValidationError"


@both_ways
def test_by_default_the_run_ends_and_nothing_of_the_record_remains(
    topics: Topics, bank: Bank, *, effects: bool
) -> None:
    place = bank if effects else None
    topics.send(*PAYMENTS)
    seen = Recorder()
    error = Running(processor(topics, place, Stop(), listener=seen, after=fail)).wait()
    assert isinstance(error, HandlerError)
    (told,) = seen.of(events.RecordRejected)
    assert (told.offset, told.error, told.attempt, told.action) == (6, "PoisonError", 1, "stop")  # type: ignore[attr-defined]
    assert (error.topic, error.partition, error.offset) == (topics.input, 0, 6)
    assert isinstance(error.__cause__, PoisonError)
    assert "e6" not in str(error).replace(topics.input, ""), "an error must not show the payload"
    assert POISON.event_id not in outputs(topics)
    assert topics.committed() <= 6
    assert settled_in(place) <= 6
    run_to_the_end(processor(topics, place, Stop()), topics)
    assert sorted(outputs(topics)) == sorted(payment.event_id for payment in PAYMENTS)
    assert settled_in(place) in {0, len(PAYMENTS)}


def test_by_default_a_record_that_cannot_be_decoded_ends_the_run(topics: Topics) -> None:
    seen = Recorder()
    topics.send(b'{"card": "4111"}')
    error = Running(processor(topics, None, Stop(), listener=seen)).wait()
    assert [(told.error, told.action) for told in seen.of(events.RecordRejected)] == [("ValidationError", "stop")]  # type: ignore[attr-defined]
    assert isinstance(error, DeserializationError)
    assert error.offset == 0
    assert "4111" not in str(error)


@both_ways
def test_a_letter_of_a_batch_that_is_lost_is_not_seen(
    topics: Topics, bank: Bank, letters: str, *, effects: bool
) -> None:
    place = bank if effects else None
    topics.send(*PAYMENTS)
    crashing = Recorder(crash_at=events.TransactionBegun)
    app = processor(topics, place, DeadLetter(letters), listener=crashing, before=fail)
    assert isinstance(Running(app).wait(), CrashError)
    assert read_committed(topics.address, letters) == []
    run_to_the_end(processor(topics, place, DeadLetter(letters), before=fail), topics)
    assert len(read_committed(topics.address, letters)) == 1
    assert sorted(outputs(topics)) == sorted(OTHERS)


@pytest.mark.parametrize("leaves_something", [False, True])
def test_a_batch_handler_loses_only_the_poison_one(topics: Topics, letters: str, *, leaves_something: bool) -> None:
    app = Processor({"bootstrap.servers": topics.address}, group_id=topics.group, transactional_id=topics.group)
    sizes: list[int] = []

    @app.consume_batch(topics.input, Payment, on_error=DeadLetter(letters))
    def on_payments(records: Records[Payment], tx: Transaction) -> None:
        sizes.append(len(records))
        if leaves_something:
            tx.produce_batch(topics.output, records.values, records.keys)
        for payment in records.values:
            fail(payment)
        if not leaves_something:
            tx.produce_batch(topics.output, records.values, records.keys)

    topics.send(*PAYMENTS)
    run_to_the_end(app, topics)
    assert sorted(outputs(topics)) == sorted(OTHERS)
    assert [letter.value() for letter in read_committed(topics.address, letters)] == [msgspec.json.encode(POISON)]
    assert max(sizes) > 1


def test_a_missing_dead_letter_topic_is_told_before_anything_is_processed(topics: Topics) -> None:
    topics.send(*PAYMENTS)
    error: Any = Running(processor(topics, None, DeadLetter("no-such-topic"))).wait()
    assert "'no-such-topic' does not exist" in str(error)
    assert topics.committed() < 0


@both_ways
@pytest.mark.parametrize("at", ["before", "after"])
def test_a_handler_is_called_as_often_as_max_attempts_says(
    topics: Topics, bank: Bank, letters: str, at: str, *, effects: bool
) -> None:
    calls = []

    def fail_and_count(payment: Payment) -> None:
        if payment == POISON:
            calls.append(payment)
            raise PoisonError

    topics.send(*PAYMENTS)
    policy = DeadLetter(letters, max_attempts=2)
    run_to_the_end(processor(topics, bank if effects else None, policy, **{at: fail_and_count}), topics)  # type: ignore[arg-type]
    assert len(calls) == 2
    (letter,) = read_committed(topics.address, letters)
    assert dict(letter.headers())["oncewhere.attempt"] == b"2"


@both_ways
def test_more_poison_records_than_a_batch_has_attempts_do_not_end_the_run(
    topics: Topics, bank: Bank, monkeypatch: pytest.MonkeyPatch, *, effects: bool
) -> None:
    monkeypatch.setattr(attempts, "MAX_ATTEMPTS", 3)
    poison = {1, 2, 4, 6, 7, 9}

    def fail_often(payment: Payment) -> None:
        if PAYMENTS.index(payment) in poison:
            raise PoisonError

    seen = Recorder()
    topics.send(*PAYMENTS)
    place = bank if effects else None
    run_to_the_end(processor(topics, place, Skip(max_attempts=2), listener=seen, after=fail_often), topics)
    assert sorted(outputs(topics)) == [p.event_id for n, p in enumerate(PAYMENTS) if n not in poison]
    assert settled_in(place) in {0, len(PAYMENTS) - len(poison)}
    assert {told.offset for told in seen.of(events.RecordRejected)} == poison


@both_ways
def test_a_dead_letter_is_the_same_record_byte_by_byte(
    topics: Topics, bank: Bank, letters: str, *, effects: bool
) -> None:
    def fail_because(payment: Payment) -> None:
        raise PoisonError("no account") from KeyError(payment.account)

    value = b' {"event_id":"e0", "account":"a\\u0062c" , "amount": 1}'
    own = [("trace", b"t1"), ("trace", None), ("oncewhere.topic", b"their own")]
    producer = Producer({"bootstrap.servers": topics.address, "linger.ms": 0})
    producer.produce(topics.input, value, "ключ", 0, headers=own, timestamp=1_700_000_000_123)
    assert producer.flush(20) == 0
    app = processor(topics, bank if effects else None, DeadLetter(letters), after=fail_because)
    running = Running(app)
    eventually(lambda: running.error is not None or topics.committed() == 1)
    assert running.stop() is None
    (letter,) = read_committed(topics.address, letters)
    assert (letter.value(), letter.key(), letter.timestamp()[1]) == (value, "ключ".encode(), 1_700_000_000_123)
    assert letter.headers()[:3] == own
    about = dict(letter.headers()[3:])
    assert about["oncewhere.topic"] == topics.input.encode()
    assert about["oncewhere.timestamp_ms"] == b"1700000000123"
    assert about["oncewhere.error.class"].endswith(b"PoisonError"), (
        "what the handler raised, not what it was raised from"
    )
    assert about["oncewhere.error.message"] == b"no account"


@both_ways
def test_a_batch_that_begins_again_writes_its_letters_once(
    topics: Topics, bank: Bank, letters: str, *, effects: bool
) -> None:
    later = iter([PAYMENTS[8]])  # fails once, behind its output: the batch begins again, and the poison with it

    def fail_once(payment: Payment) -> None:
        if payment == PAYMENTS[8] and next(later, None):
            raise PoisonError

    seen = Recorder()
    topics.send(*PAYMENTS)
    policy = DeadLetter(letters, max_attempts=2)
    app = processor(topics, bank if effects else None, policy, listener=seen, before=fail, after=fail_once)
    run_to_the_end(app, topics)
    assert seen.of(events.Rewound)
    assert [letter.value() for letter in read_committed(topics.address, letters)] == [msgspec.json.encode(POISON)]
    assert sorted(outputs(topics)) == sorted(OTHERS)


def test_a_record_that_its_database_gave_up_is_given_up_again_after_a_crash(
    topics: Topics, bank: Bank, letters: str
) -> None:
    topics.send(*PAYMENTS)
    crashing = Recorder(crash_at=events.TransactionBegun)
    assert isinstance(
        Running(processor(topics, bank, DeadLetter(letters), listener=crashing, after=fail)).wait(), CrashError
    )
    assert settled_in(bank) == len(OTHERS), "it was decided without the poison record"
    run_to_the_end(processor(topics, bank, DeadLetter(letters)), topics)  # now its handler would work
    assert settled_in(bank) == len(OTHERS)
    assert sorted(outputs(topics)) == sorted(OTHERS)
    (letter,) = read_committed(topics.address, letters)
    assert dict(letter.headers())["oncewhere.error.class"] == b"oncewhere.errors.ReplayError"


def test_what_one_database_gave_up_the_other_does_not_do(
    topics: Topics, bank: Bank, letters: str, postgres: PostgresServer
) -> None:
    later = Bank(postgres.create_database(f"later_{topics.group[-8:]}"))
    first = effect(Postgres(bank.dsn, name="a", policy=OffsetLedger()), name="first")(apply)
    second = effect(Postgres(later.dsn, name="b", policy=OffsetLedger()), name="second")(apply)

    def app(before: Callable[[Payment], None], listener: Recorder | None = None) -> Processor:
        app = Processor(
            {"bootstrap.servers": topics.address},
            group_id=topics.group,
            transactional_id=topics.group,
            on_event=listener,
        )

        @app.consume(topics.input, Payment, on_error=DeadLetter(letters))
        def on_payment(record: Record[Payment], tx: Transaction) -> None:
            before(record.value)
            tx.run(second, record.value)
            tx.produce(topics.output, tx.run(first, record.value))

        return app

    topics.send(*PAYMENTS)
    crashing = Recorder(crash_at=events.BatchDecided)  # of place a, which decides before place b
    assert isinstance(Running(app(fail, crashing)).wait(), CrashError)
    assert (settled_in(bank), settled_in(later)) == (len(OTHERS), 0)
    run_to_the_end(app(lambda payment: None), topics)
    assert (settled_in(bank), settled_in(later)) == (len(OTHERS), len(OTHERS))
    assert sorted(outputs(topics)) == sorted(OTHERS)
    assert len(read_committed(topics.address, letters)) == 1
    postgres.drop_database(f"later_{topics.group[-8:]}")


def test_an_identity_that_cannot_be_taken_is_the_records_own_fault(topics: Topics, bank: Bank, letters: str) -> None:
    app = Processor({"bootstrap.servers": topics.address}, group_id=topics.group, transactional_id=topics.group)
    settle = effect(Postgres(bank.dsn, name="bank", policy=DedupeTable("processed_event")))(apply)

    def identity(payment: Payment) -> str:
        fail(payment)
        return payment.event_id

    @app.consume(topics.input, Payment, identity=identity, on_error=DeadLetter(letters))
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        tx.produce(topics.output, tx.run(settle, record.value))

    topics.send(*PAYMENTS)
    run_to_the_end(app, topics)
    assert sorted(outputs(topics)) == sorted(OTHERS)
    (letter,) = read_committed(topics.address, letters)
    assert dict(letter.headers())["oncewhere.error.class"].endswith(b"PoisonError")


def test_a_thousand_attempts_are_a_thousand_calls_in_a_loop(topics: Topics, bank: Bank) -> None:
    calls: list[str] = []

    def fail_and_count(payment: Payment) -> None:
        calls.append(payment.event_id)
        fail(payment)

    seen = Recorder()
    topics.send(*PAYMENTS)
    run_to_the_end(processor(topics, bank, Skip(max_attempts=1500), listener=seen, before=fail_and_count), topics)
    assert calls.count(POISON.event_id) == 1500
    assert [(told.offset, told.attempt) for told in seen.of(events.RecordRejected)] == [(6, 1500)]  # type: ignore[attr-defined]
    assert sorted(outputs(topics)) == sorted(OTHERS)
