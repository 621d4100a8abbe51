"""The payment processor as it is deployed: addresses from the environment, its identity from the platform's ordinal.

The work is that of ../payments; what differs is that nothing here names a machine or an instance.
"""

from __future__ import annotations

import os

import settlement
from oncewhere import OffsetLedger, Postgres, Processor, Record, StableOrdinal, Transaction, effect
from payments import PaymentAuthorized

bank = Postgres(os.environ["DATABASE_URL"], name="bank", policy=OffsetLedger())
app = Processor(
    {"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]},
    group_id="settlement",
    # settlement-0, settlement-1, …: the number at the end of ONCEWHERE_INSTANCE; group.instance.id is the same.
    transactional_id=StableOrdinal("settlement"),
)
settle = effect(bank)(settlement.settle)


@app.consume("payment-authorized", PaymentAuthorized)
def on_payment_authorized(record: Record[PaymentAuthorized], tx: Transaction) -> None:
    """Settles the payment once for its position."""
    settled = tx.run(settle, record.value)
    tx.produce("payment-settled", settled, key=record.key)
