"""Partitions that come while a batch of others is open cost no record, whoever had them meanwhile."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from scene import STRATEGIES, Bank, Payment, Recorder, Running, Settled, Topics, apply, eventually

from oncewhere import OffsetLedger, Postgres, Processor, Record, Transaction, effect
from oncewhere.runtime import events

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

pytestmark = pytest.mark.servers

EVERY_S = 0.004  # a payment; while it waits for one, the consumer hears of its partitions
INTERVAL_MS = 400  # so that a batch is open nearly always
RETURNS = 3
PROMPT: Mapping[str, Mapping[str, Any]] = {
    name: settings if "group.protocol" in settings else {**settings, "heartbeat.interval.ms": 300}
    for name, settings in STRATEGIES.items()
    if name != "eager"  # there all partitions go before any comes
}


def settling(topics: Topics, bank: Bank, recorder: Recorder, settings: Mapping[str, Any]) -> Processor:
    app = Processor(
        {"bootstrap.servers": topics.address, **settings},
        group_id=topics.group,
        transactional_id=f"{topics.group}-0",
        commit_interval_ms=INTERVAL_MS,
        on_event=recorder,
    )

    @effect(Postgres(bank.dsn, name="bank", policy=OffsetLedger()))
    def settle(db: psycopg.Connection[Any], payment: Payment) -> Settled:
        return apply(db, payment)

    @app.consume(topics.input, Payment)
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        tx.produce(topics.output, tx.run(settle, record.value))

    return app


class Load:
    """Payments that come one by one, to both partitions, until it is closed."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._stopped = threading.Event()
        self.sent: list[Payment] = []
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _send(self) -> None:
        producer = Producer({"bootstrap.servers": self._topics.address, "linger.ms": 0})
        while not self._stopped.wait(EVERY_S):
            number = len(self.sent)
            payment = Payment(f"e{number:05}", f"account-{number % 3}", 1)
            producer.produce(self._topics.input, msgspec.json.encode(payment), b"k", number % 2)
            self.sent.append(payment)
        assert producer.flush(20) == 0

    def close(self) -> None:
        self._stopped.set()
        self._thread.join(30)


@pytest.fixture
def load(two_partitions: Topics) -> Iterator[Load]:
    with closing(Load(two_partitions)) as load:
        yield load


@pytest.mark.parametrize("strategy", PROMPT)
def test_what_was_taken_together_with_new_partitions_is_handled(
    two_partitions: Topics, bank: Bank, load: Load, strategy: str
) -> None:
    topics, settings = two_partitions, PROMPT[strategy]
    recorder = Recorder()
    first = Running(settling(topics, bank, recorder, settings))

    def came() -> int:
        return len([event for event in recorder.of(events.Assigned) if event.starts])

    def went() -> int:
        return len(recorder.of(events.Released))

    eventually(came)
    for _ in range(RETURNS):
        before_went, before_came = went(), came()
        member = {"bootstrap.servers": topics.address, "group.id": topics.group, **settings}
        with closing(Consumer({**member, "enable.auto.commit": False})) as other:
            other.subscribe([topics.input])
            eventually(lambda old=before_went: (other.poll(0.05), other.assignment())[1] and went() > old)
        eventually(lambda old=before_came: came() > old)
    load.close()
    per_partition = [len(load.sent[0::2]), len(load.sent[1::2])]
    eventually(lambda: first.error or [topics.committed(0), topics.committed(1)] == per_partition)
    assert first.stop() is None
    assert sorted(out.event_id for out in topics.outputs()) == [payment.event_id for payment in load.sent]
    assert sum(settled for _, settled in bank.balances().values()) == len(load.sent)
