"""Our runtime: `PEER_HANDLER=record` (a call per record) or `batch` (a call per list of records).

PEER_STATS names a file for the durations of its commits, in milliseconds, written when the run ends.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import at_least_once
from job import Job, job, option
from payment import Payment

from oncewhere import Processor
from oncewhere.runtime.events import TransactionBegun, TransactionCommitted

if TYPE_CHECKING:
    from oncewhere import Record, Transaction
    from oncewhere.records import Records
    from oncewhere.runtime.events import Event


def settle(payment: Payment) -> Payment:
    payment.type = "PaymentSettled"
    payment.status = "settled"
    return payment


def handle_records(app: Processor, work: Job) -> None:
    """A call per record."""
    output, slow_s = work.output, work.slow_s
    if slow_s:

        @app.consume(work.input, bytes)
        def on_slow(record: Record[bytes], tx: Transaction) -> None:
            time.sleep(slow_s)
            tx.produce(output, record.value, record.key)

    elif work.values == "bytes":

        @app.consume(work.input, bytes)
        def on_bytes(record: Record[bytes], tx: Transaction) -> None:
            tx.produce(output, record.value, record.key)

    else:

        @app.consume(work.input, Payment)
        def on_payment(record: Record[Payment], tx: Transaction) -> None:
            payment = record.value
            payment.type = "PaymentSettled"
            payment.status = "settled"
            tx.produce(output, payment, record.key)


def handle_batches(app: Processor, work: Job) -> None:
    """A call per list of records."""
    output = work.output
    if work.values == "bytes":

        @app.consume_batch(work.input, bytes)
        def on_bytes(records: Records[bytes], tx: Transaction) -> None:
            tx.produce_batch(output, records.values, records.keys)

    else:

        @app.consume_batch(work.input, Payment)
        def on_payments(records: Records[Payment], tx: Transaction) -> None:
            tx.produce_batch(output, map(settle, records.values), records.keys)


class CommitTimes:
    """A listener that takes the time from the begin to the end of each transaction."""

    def __init__(self) -> None:
        self._begun: list[float] = []
        self.ms: list[float] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, TransactionBegun):
            self._begun.append(time.perf_counter())
        elif isinstance(event, TransactionCommitted) and self._begun:
            self.ms.append((time.perf_counter() - self._begun.pop(0)) * 1000)


def main() -> None:
    work = job()
    more: dict[str, Any] = {}
    times = CommitTimes()
    if option("STATS"):
        more["on_event"] = times
    if option("GUARANTEE") == "at-least-once":
        at_least_once.install()
    settings: dict[str, Any] = {"bootstrap.servers": work.bootstrap_servers}
    for name, setting in (
        ("INSTANCE_ID", "group.instance.id"),
        ("SESSION_TIMEOUT_MS", "session.timeout.ms"),
        ("QUEUE_BACKOFF_MS", "fetch.queue.backoff.ms"),
        ("LINGER_MS", "linger.ms"),
    ):
        if value := option(name):
            settings[setting] = value
    app = Processor(
        settings,
        group_id=work.group,
        transactional_id=work.transactional_id,
        commit_interval_ms=round(work.commit_s * 1000),
        **more,
    )
    if option("HANDLER", "record") == "record":
        handle_records(app, work)
    else:
        handle_batches(app, work)
    app.run()
    if option("STATS"):
        Path(option("STATS")).write_text(json.dumps(times.ms))


if __name__ == "__main__":
    main()
