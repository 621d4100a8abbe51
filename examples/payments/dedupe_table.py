"""Version 3, a dedupe table done right: the row commits with the effect, and the effect's result is recorded beside it.

A redelivered payment finds its row, takes no money, and still produces `PaymentSettled`, from the recorded result. The
same event published a second time upstream is told apart from a redelivery, and suppressed.
"""

from __future__ import annotations

import os

import settlement
from oncewhere import DedupeTable, Postgres, Processor, Record, Transaction, effect
from payments import PaymentAuthorized

bank = Postgres(os.environ["DATABASE_URL"], name="bank", policy=DedupeTable("processed_event", column="event_id"))
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
settle = effect(bank)(settlement.settle)


@app.consume("payment-authorized", PaymentAuthorized, identity="event_id")
def on_payment_authorized(record: Record[PaymentAuthorized], tx: Transaction) -> None:
    """Settles the payment once for its event_id."""
    settled = tx.run(settle, record.value)
    tx.produce("payment-settled", settled, key=record.key)


if __name__ == "__main__":
    app.run()
