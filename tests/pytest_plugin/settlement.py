"""Two processors that name their production servers in their code, as applications do; one of them is unprotected."""

from __future__ import annotations

import msgspec
import psycopg

from oncewhere import AtLeastOnce, OffsetLedger, Postgres, Processor, Record, Transaction, effect


class Payment(msgspec.Struct):
    event_id: str
    cents: int


BANK = "postgresql://nobody@bank.invalid/bank"
KAFKA = {"bootstrap.servers": "kafka.invalid:9092", "security.protocol": "sasl_ssl", "sasl.mechanism": "PLAIN"}
kept = Postgres(BANK, name="bank", policy=OffsetLedger())
bare = Postgres(BANK, name="bank", policy=AtLeastOnce(acknowledged="a test of what finds it"))


def insert(db: psycopg.Connection, payment: Payment) -> Payment:
    db.execute("insert into settlement values (%s, %s)", (payment.event_id, payment.cents))
    return payment


settle, settle_bare = effect(kept)(insert), effect(bare)(insert)


def processor() -> Processor:
    return Processor(
        KAFKA, group_id="settlement", transactional_id="settlement-0", max_batch_records=10, commit_interval_ms=300
    )


app, naive = processor(), processor()


@app.consume("payment-authorized", Payment)
def once(record: Record[Payment], tx: Transaction) -> None:
    tx.produce("payment-settled", tx.run(settle, record.value))


@naive.consume("payment-authorized", Payment)
def perhaps_twice(record: Record[Payment], tx: Transaction) -> None:
    tx.produce("payment-settled", tx.run(settle_bare, record.value))
