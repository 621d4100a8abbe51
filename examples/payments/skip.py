"""Version 2, the classic wrong fix: a dedupe row is found, and the whole record is skipped.

The dedupe row commits with the effect, so the money is taken once. But the row also says "done" when the output was
never committed: the settlement was written, `PaymentSettled` was not, and after the restart it never comes.
"""

from __future__ import annotations

import os

import psycopg

from oncewhere import Processor, Record, Transaction
from payments import PaymentAuthorized
from settlement import settle

db = psycopg.connect(os.environ["DATABASE_URL"])
app = Processor(
    {
        "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        "transaction.timeout.ms": 12_000,  # readers wait no longer for an instance that died and never came back
    },
    group_id="settlement",
    transactional_id=f"settlement-{os.environ.get('INSTANCE', '0')}",
    max_batch_records=20,
    commit_interval_ms=500,  # only full batches, so that each run of the drill is like the others
)


@app.consume("payment-authorized", PaymentAuthorized)
def on_payment_authorized(record: Record[PaymentAuthorized], tx: Transaction) -> None:
    """Settles the payment unless its dedupe row is there already."""
    payment = record.value
    fresh = db.execute(
        "insert into processed_event (event_id) values (%s) on conflict do nothing returning event_id",
        (payment.event_id,),
    ).fetchone()
    if fresh is None:
        db.rollback()
        return  # "already processed": and its output?
    settled = settle(db, payment)
    db.commit()
    tx.produce("payment-settled", settled, key=record.key)


if __name__ == "__main__":
    app.run()
