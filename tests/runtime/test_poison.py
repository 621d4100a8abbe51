"""A record that cannot be processed: the run stops, or the batch goes on without it, and its bytes are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from scene import Bank, CrashError, Payment, Recorder, Running, Topics, apply, eventually, read_committed

from oncewhere import (
    DeadLetter,
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
from oncewhere.runtime import events

if TYPE_CHECKING:
    from collections.abc import Callable

    from oncewhere.runtime.rejection import OnError

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
    error = Running(processor(topics, place, Stop(), after=fail)).wait()
    assert isinstance(error, HandlerError)
    assert (error.topic, error.partition, error.offset) == (topics.input, 0, 6)
    assert isinstance(error.__cause__, PoisonError)
    assert "e6" not in str(error), "an error must not show the payload"
    assert POISON.event_id not in outputs(topics)
    assert topics.committed() <= 6
    assert settled_in(place) <= 6
    run_to_the_end(processor(topics, place, Stop()), topics)
    assert sorted(outputs(topics)) == sorted(payment.event_id for payment in PAYMENTS)
    assert settled_in(place) in {0, len(PAYMENTS)}


def test_by_default_a_record_that_cannot_be_decoded_ends_the_run(topics: Topics) -> None:
    topics.send(b'{"card": "4111"}')
    error = Running(processor(topics, None, Stop())).wait()
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
