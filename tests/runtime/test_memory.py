"""Outputs that wait are counted: a batch is over once they are enough, however small its records are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from scene import Bank, Recorder, Running, Topics, eventually

from oncewhere import OffsetLedger, Postgres, Processor, Record, Records, Skip, Transaction, effect
from oncewhere.runtime.batch import Batch, staging
from oncewhere.runtime.events import TransactionBegun
from oncewhere.runtime.growing import Growing
from oncewhere.runtime.limits import Limits
from oncewhere.runtime.pace import FIRST_RECORDS
from oncewhere.runtime.poison import Poison
from oncewhere.runtime.streaming import MAX_CHUNK_RECORDS, Streaming
from oncewhere.runtime.subscription import subscription

if TYPE_CHECKING:
    from collections.abc import Callable

    from oncewhere.records import Message

OUTPUT = b"x" * 100_000
MAX_BYTES = 1_000_000
FITS = MAX_BYTES // len(OUTPUT)


def each(record: Record[bytes], tx: Transaction) -> None:
    tx.produce("out", OUTPUT)


def many(records: Records[bytes], tx: Transaction) -> None:
    tx.produce_batch("out", [OUTPUT] * len(records), records.keys)


def one_in_a_hundred(record: Record[bytes], tx: Transaction) -> None:
    tx.produce("out", OUTPUT if record.offset % 100 == 99 else b"")


@pytest.mark.parametrize(
    ("handler", "careful", "most"),
    [
        (each, False, FITS),
        (each, True, FITS),
        (many, False, FITS),
        (one_in_a_hundred, False, FITS * 100 + MAX_CHUNK_RECORDS),
    ],
)
def test_handlers_without_effects_wait_once_enough_is_staged(
    handler: Callable[..., None], careful: bool, most: int
) -> None:
    declared = subscription("in", bytes, handler, on_error=Skip(), batch=handler is many)
    tx, poison = Transaction(), Poison(lambda event: None)
    if careful:
        poison.be_careful()
    hands = Streaming({"in": declared}, tx, poison, max_output_bytes=MAX_BYTES, max_batch_bytes=MAX_BYTES)
    for _ in range(3):
        batch = Batch(opened_at=0.0)
        tx.to(staging(batch, MAX_BYTES))
        done = hands.fill(batch, messages(5_000), float("inf"))
        assert done == batch.records
        assert FITS <= done <= most, "as many as fit, and no chunk of them beyond"
        assert batch.size < 2 * MAX_BYTES


def messages(count: int) -> list[Message]:
    return [Record.of(b"v", topic="in", partition=0, offset=offset).message for offset in range(count)]


def test_a_batch_that_was_sealed_full_is_due_once_its_outputs_have_left() -> None:
    """It takes no more records, so it must not wait for its time, with nothing asked of the consumer meanwhile."""
    declared = subscription("in", bytes, each, on_error=Skip(), batch=False)
    tx, sent = Transaction(), list[bytes]()
    hands = Streaming(
        {"in": declared}, tx, Poison(lambda event: None), max_output_bytes=MAX_BYTES, max_batch_bytes=MAX_BYTES
    )
    writer = SimpleNamespace(begin=lambda: None, send=lambda _, value, *__: sent.append(value), mend=None)
    session: Any = SimpleNamespace(writer=writer, max_output_bytes=MAX_BYTES, take=lambda *_: [])
    positions: Any = SimpleNamespace(seal=lambda *_: None)
    limits = Limits(max_batch_records=5_000, max_batch_bytes=MAX_BYTES, commit_interval_s=3_600, ahead=True)
    growing = Growing(session, hands, tx=tx, limits=limits, positions=positions)
    growing.fill(messages(100), ending=True)
    batch = growing.batch
    assert batch is not None
    assert growing.due(ending=True), "it is full"
    growing.prepare(batch)
    growing.go_direct()
    assert len(sent) == batch.outputs >= FITS
    assert growing.due(ending=False)


@pytest.mark.servers
def test_a_batch_with_an_effect_stages_no_more_than_fits(topics: Topics, bank: Bank) -> None:
    seen = Recorder()
    app = Processor(
        {"bootstrap.servers": topics.address},
        group_id=topics.group,
        transactional_id=topics.group,
        max_batch_bytes=MAX_BYTES,
        on_event=seen,
    )

    @effect(Postgres(bank.dsn, name="bank", policy=OffsetLedger()))
    def settle(db: Any, value: bytes) -> int:
        return len(value)

    @app.consume(topics.input, bytes)
    def on_record(record: Record[bytes], tx: Transaction) -> None:
        tx.run(settle, record.value)
        tx.produce(topics.output, OUTPUT)

    topics.send(*[b"v"] * 100)
    running = Running(app)
    eventually(lambda: running.error is not None or topics.committed() == 100)
    assert running.stop() is None
    outputs = [event.outputs for event in seen.of(TransactionBegun)]  # type: ignore[attr-defined]
    assert sum(outputs) == 100
    assert outputs[0] <= FIRST_RECORDS, "nothing is known of them yet"
    assert max(outputs[1:]) == FITS, "without a count they would be 64 and 20: 6.4 MB where 1 MB is allowed"
