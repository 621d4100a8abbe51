"""Version 4, the offset ledger: the position in the input and the recorded results commit with the effect.

One row per partition, whatever the number of payments. A redelivered payment lies below the ledger's position: it
takes no money, and `PaymentSettled` is produced from the recorded result.
"""

from __future__ import annotations

import os

import settlement
from oncewhere import OffsetLedger, Postgres, Processor, Record, Transaction, effect
from payments import PaymentAuthorized

bank = Postgres(os.environ["DATABASE_URL"], name="bank", policy=OffsetLedger())
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


@app.consume("payment-authorized", PaymentAuthorized)
def on_payment_authorized(record: Record[PaymentAuthorized], tx: Transaction) -> None:
    """Settles the payment once for its position."""
    settled = tx.run(settle, record.value)
    tx.produce("payment-settled", settled, key=record.key)


if __name__ == "__main__":
    app.run()
