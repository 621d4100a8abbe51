"""Version 1, unprotected: the database commits by itself, and a redelivered payment is settled again.

Kafka's side is right: output and consumed offsets commit in one Kafka transaction. The database is not part of it.
Dying between the two commits, this processor has taken the money and does not know it.
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
    """Settles the payment in a database transaction of its own."""
    payment = record.value
    settled = settle(db, payment)
    db.execute("insert into processed_event (event_id) values (%s)", (payment.event_id,))
    db.commit()
    tx.produce("payment-settled", settled, key=record.key)


if __name__ == "__main__":
    app.run()
