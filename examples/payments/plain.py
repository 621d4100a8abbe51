"""The payment processor as most teams have it: confluent-kafka and psycopg, and nothing of oncewhere.

Consume, settle in the database, produce, and commit the consumed offsets in one Kafka transaction. All of Kafka's
advice is followed. The drill needs no change to it: its addresses come from the environment, as they do in
production.
"""

from __future__ import annotations

import json
import os
import signal
import types
from decimal import Decimal

import psycopg
from confluent_kafka import Consumer, KafkaException, Message, Producer

BATCH = 20
running = True


def stop(_signal: int, _frame: types.FrameType | None) -> None:
    """Ends the loop after the current batch."""
    global running  # noqa: PLW0603  # a signal handler has nowhere else to say it
    running = False


def settle(db: psycopg.Connection, payment: dict[str, str]) -> dict[str, str]:
    """Takes the money; says what the balance is now."""
    amount = Decimal(payment["amount"])
    row = db.execute(
        "insert into account values (%s, -%s::numeric) on conflict (account_id)"
        " do update set balance = account.balance + excluded.balance returning balance",
        (payment["account_id"], amount),
    ).fetchone()
    assert row is not None  # noqa: S101  # an upsert always returns its row
    db.execute(
        "insert into settlement (event_id, payment_id, account_id, amount) values (%s, %s, %s, %s)",
        (payment["event_id"], payment["payment_id"], payment["account_id"], amount),
    )
    db.execute("insert into processed_event (event_id) values (%s)", (payment["event_id"],))
    return {
        "event_id": payment["event_id"],
        "payment_id": payment["payment_id"],
        "account_id": payment["account_id"],
        "amount": payment["amount"],
        "balance": str(row[0]),
    }


def payload(message: Message) -> dict[str, str]:
    """The payment in a record; an error that librdkafka hands out as a message is raised."""
    error = message.error()
    if error is not None:
        raise KafkaException(error)
    value: dict[str, str] = json.loads(message.value() or b"")
    return value


def main() -> None:
    """The consume, transform, produce loop of Kafka's documentation, with a database in the middle."""
    servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "settlement",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    name = f"settlement-{os.environ.get('INSTANCE', '0')}"
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "transactional.id": name,
            "transaction.timeout.ms": 12_000,
            "retry.backoff.ms": 1,
        }
    )
    producer.init_transactions()
    consumer.subscribe(["payment-authorized"])
    db = psycopg.connect(os.environ["DATABASE_URL"])
    signal.signal(signal.SIGTERM, stop)
    while running:
        batch = consumer.consume(BATCH, 0.05)
        if not batch:
            continue
        settled = [settle(db, payload(message)) for message in batch]
        db.commit()
        producer.begin_transaction()
        for message, result in zip(batch, settled, strict=True):
            producer.produce("payment-settled", json.dumps(result), key=message.key())
        producer.send_offsets_to_transaction(
            consumer.position(consumer.assignment()), consumer.consumer_group_metadata()
        )
        producer.commit_transaction()
    consumer.close()
    db.close()


if __name__ == "__main__":
    main()
