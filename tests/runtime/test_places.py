"""Several places in one handler, on a real Kafka: a crash between any two leaves none twice, and none lost."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from scene import Bank, CrashError, Payment, Recorder, Running, Settled, Topics, apply, eventually

sys.path.insert(0, str(Path(__file__).parents[1] / "effects"))  # tests are no package: `downstream` is found there

from downstream import DROP_AFTER, Downstream, running

from oncewhere import (
    AtMostOnce,
    DeadLetter,
    DedupeTable,
    Http,
    IdempotencyKey,
    OffsetLedger,
    Postgres,
    Processor,
    Record,
    Records,
    Sqlite,
    Transaction,
    effect,
    effect_many,
)
from oncewhere.effects.http import Requests
from oncewhere.runtime import events

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    import psycopg

    from oncewhere.effects.policy import Policy

pytestmark = pytest.mark.servers

PAYMENTS = [Payment(f"e{n}", f"account-{n % 3}", n + 1) for n in range(6)]


@pytest.fixture
def gateway() -> Iterator[Downstream]:
    with running() as downstream:
        yield downstream


def processor(topics: Topics, **settings: Any) -> Processor:
    return Processor(
        {"bootstrap.servers": topics.address},
        group_id=topics.group,
        transactional_id=f"{topics.group}-0",
        **settings,
    )


def charge(http: Requests, payment: Payment) -> str:
    return str(http.post("/charges", json={"charge": payment.event_id}).json()["receipt"])


class CrashAtPlace(Recorder):
    """Ends the run once a place has decided."""

    def __init__(self, place: str | None) -> None:
        super().__init__()
        self.place = place

    def __call__(self, event: events.Event) -> None:
        super().__call__(event)
        if isinstance(event, events.BatchDecided) and event.place == self.place:
            raise CrashError(event.place)


@pytest.mark.parametrize("crash", ["audit", "bank", "gateway", "begun"])
def test_three_places_each_remember_what_they_did(
    topics: Topics,
    bank: Bank,
    gateway: Downstream,
    tmp_path: Path,
    crash: str,
) -> None:
    """The order of decisions is that of the names: audit (SQLite), bank (PostgreSQL), gateway (HTTP)."""
    audit = Sqlite(tmp_path / "audit.db", name="audit", policy=OffsetLedger())
    accounts = Postgres(bank.dsn, name="bank", policy=DedupeTable("processed_event"))
    settle = effect(accounts, name="settle")(apply)
    capture = effect(Http(gateway.url, name="gateway", policy=IdempotencyKey(answers=accounts)))(charge)

    @effect(audit)
    def note(db: sqlite3.Connection, event_id: str) -> None:
        db.execute("create table if not exists note (event_id text)")
        db.execute("insert into note values (?)", [event_id])

    def made(listener: Recorder) -> Processor:
        app = processor(topics, on_event=listener)

        @app.consume(topics.input, Payment, identity="event_id")
        def on_payment(record: Record[Payment], tx: Transaction) -> None:
            receipt = tx.run(capture, record.value)
            settled = tx.run(settle, record.value)
            tx.run(note, record.value.event_id)
            tx.produce(topics.output, settled, key=receipt)

        return app

    topics.send(*PAYMENTS)
    dying = Recorder(crash_at=events.TransactionBegun) if crash == "begun" else CrashAtPlace(crash)
    assert isinstance(Running(made(dying)).wait(), CrashError)
    assert topics.outputs() == []
    seen = Recorder()
    run_until(made(seen), lambda: topics.committed() == len(PAYMENTS))

    assert sorted(out.event_id for out in topics.outputs()) == [p.event_id for p in PAYMENTS]
    assert sum(count for _, count in bank.balances().values()) == len(PAYMENTS)
    assert gateway.done == {p.event_id: 1 for p in PAYMENTS}
    connection = audit.connect().native
    assert connection.execute("select event_id, count(*) from note group by 1").fetchall() == [
        (p.event_id, 1) for p in PAYMENTS
    ]
    connection.close()
    replayed = {e.place for e in seen.of(events.Replayed)}  # type: ignore[attr-defined]
    assert replayed == {place for place in ("audit", "bank", "gateway") if crash == "begun" or place <= crash}


def test_a_call_in_doubt_gives_no_output_and_is_told(topics: Topics, gateway: Downstream, tmp_path: Path) -> None:
    claims = Sqlite(tmp_path / "claims.db", name="claims", policy=OffsetLedger())
    capture = effect(Http(gateway.url, name="gateway", policy=AtMostOnce(claims=claims)))(charge)
    gateway.script = [DROP_AFTER]
    seen = Recorder()
    app = processor(topics, on_event=seen)

    @app.consume(topics.input, Payment, identity="event_id")
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        tx.run(capture, record.value)
        tx.produce(topics.output, Settled(record.value.event_id, "a", 0))

    topics.send(*PAYMENTS)
    run_until(app, lambda: topics.committed() == len(PAYMENTS))
    assert [out.event_id for out in topics.outputs()] == [p.event_id for p in PAYMENTS[1:]]
    assert gateway.done == {p.event_id: 1 for p in PAYMENTS}
    doubts = seen.of(events.CallInDoubt)
    assert [doubt.offset for doubt in doubts] == [0]  # type: ignore[attr-defined]


def apply_all(db: psycopg.Connection[Any], payments: list[Payment]) -> list[Settled]:
    return [apply(db, payment) for payment in payments]


@pytest.mark.parametrize("policy", [OffsetLedger(), DedupeTable("processed_event")], ids=lambda one: str(one.name))
def test_a_batch_handler_runs_effects_for_many_records_at_once(topics: Topics, bank: Bank, policy: Policy) -> None:
    settle = effect_many(Postgres(bank.dsn, name="bank", policy=policy), name="settle")(apply_all)
    sizes: list[int] = []

    def made(listener: Recorder) -> Processor:
        app = processor(topics, on_event=listener)

        @app.consume_batch(topics.input, Payment, identity="event_id")
        def on_payments(records: Records[Payment], tx: Transaction) -> None:
            done = tx.run_each(settle, records)
            sizes.append(len(done))
            tx.produce_batch(topics.output, done.results, done.records.keys)

        return app

    topics.send(*PAYMENTS, PAYMENTS[0])
    dying = Recorder(crash_at=events.BatchDecided)
    assert isinstance(Running(made(dying)).wait(), CrashError)
    seen = Recorder()
    run_until(made(seen), lambda: topics.committed() == len(PAYMENTS) + 1)
    duplicates = len(seen.of(events.DuplicateSuppressed))
    assert duplicates == (1 if policy.needs_identity else 0)
    assert len(topics.outputs()) == len(PAYMENTS) + 1 - duplicates
    assert sum(count for _, count in bank.balances().values()) == len(PAYMENTS) + 1 - duplicates
    assert max(sizes) > 1, "they were handled one by one"
    assert sum(e.calls for e in seen.of(events.Replayed)) >= 1  # type: ignore[attr-defined]


def test_a_poison_record_of_a_batch_handler_costs_its_own_rejection_only(topics: Topics, bank: Bank) -> None:
    settle = effect_many(Postgres(bank.dsn, name="bank", policy=OffsetLedger()), name="settle")(apply_all)
    letters = topics.another("letters")
    app = processor(topics)

    @app.consume_batch(topics.input, Payment, on_error=DeadLetter(letters))
    def on_payments(records: Records[Payment], tx: Transaction) -> None:
        done = tx.run_each(settle, records)
        if any(payment.event_id == "e3" for payment in records.values):
            raise ValueError("e3")
        tx.produce_batch(topics.output, done.results, done.records.keys)

    topics.send(*PAYMENTS)
    run_until(app, lambda: topics.committed() == len(PAYMENTS))
    assert sorted(out.event_id for out in topics.outputs()) == ["e0", "e1", "e2", "e4", "e5"]
    assert sum(count for _, count in bank.balances().values()) == len(PAYMENTS) - 1


def run_until(app: Processor, condition: Callable[[], Any]) -> None:
    run = Running(app)
    try:
        eventually(lambda: run.error is not None or condition())
    finally:
        assert run.stop() is None
