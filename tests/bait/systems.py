"""A processor whose effect is in one system outside Kafka: `python systems.py SYSTEM [keyed] [late]`. Right in Kafka.

The effect of a batch is done before its transaction, and nothing protects it but what the place itself does: with
`keyed`, each HTTP request carries an idempotency key that is made from the event, and SQLite's commits are announced;
with `late` it is done behind the transaction, and a crash in between loses it.
"""

from __future__ import annotations

import json
import os
import smtplib
import socket
import sqlite3
import sys
import urllib.request
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from confluent_kafka import Consumer, Message, Producer

BATCH = 10
SERVERS = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
PLACE = os.environ["PLACE"]
Effect = Callable[[Sequence[str]], None]


def mysql() -> Effect:
    import pymysql  # noqa: PLC0415  # each run needs one driver of many

    url = urlsplit(PLACE)
    db = pymysql.connect(
        host=url.hostname, port=url.port or 0, user=url.username, password=url.password or "", database=url.path[1:]
    )

    def effect(events: Sequence[str]) -> None:
        with db.cursor() as cursor:
            for event in events:
                cursor.execute("insert into done (event_id) values (%s)", (event,))
        db.commit()

    return effect


def redis() -> Effect:
    from redis import Redis  # noqa: PLC0415

    client = Redis.from_url(PLACE)

    def effect(events: Sequence[str]) -> None:
        with client.pipeline(transaction=True) as pipe:
            for event in events:
                pipe.hincrby("done", event, 1)
            pipe.execute()

    return effect


def http(*, keyed: bool) -> Effect:
    def effect(events: Sequence[str]) -> None:
        for event in events:
            headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": f"settle-{event}"} if keyed else {})
            body = json.dumps({"event_id": event, "amount": 7}).encode()
            with urllib.request.urlopen(urllib.request.Request(f"{PLACE}/payments", body, headers)) as answer:
                assert json.load(answer) == {"status": "done"}

    return effect


def smtp() -> Effect:
    url = urlsplit(PLACE)

    def effect(events: Sequence[str]) -> None:
        with smtplib.SMTP(url.hostname or "", url.port or 0, local_hostname="bait.invalid") as client:
            for event in events:
                client.sendmail(
                    "bank@bait.invalid", ["customer@bait.invalid"], f"Subject: Payment {event} settled\n\nHi"
                )

    return effect


def sqlite(*, announced: bool) -> Effect:
    db = sqlite3.connect(PLACE)
    steps = None
    if announced:
        host, _, port = os.environ["STEPS"].partition(":")
        steps = socket.create_connection((host, int(port))).makefile("rwb", buffering=0)

    def announce(line: bytes) -> None:
        if steps is not None:
            steps.write(line)
            if line != b"done\n" and steps.readline() != b"go\n":
                raise SystemExit("told to stop")

    def effect(events: Sequence[str]) -> None:
        for event in events:
            db.execute("insert into done (event_id) values (?)", (event,))
        announce(b"commit done\n")
        db.commit()
        announce(b"done\n")

    return effect


def main() -> None:
    name, keyed, late = sys.argv[1], "keyed" in sys.argv[2:], "late" in sys.argv[2:]
    systems = {
        "mysql": mysql,
        "redis": redis,
        "http": lambda: http(keyed=keyed),
        "smtp": smtp,
        "sqlite": lambda: sqlite(announced=keyed),
    }
    effect = systems[name]()
    producer = Producer(
        {"bootstrap.servers": SERVERS, "linger.ms": 0, "transactional.id": "bait-0", "retry.backoff.ms": 1}
    )
    producer.init_transactions()
    consumer = Consumer(
        {
            "bootstrap.servers": SERVERS,
            "group.id": "bait",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe(["bait-in"])
    while True:
        batch: list[Message] = consumer.consume(BATCH, 0.05)
        if not batch:
            continue
        events = [json.loads(message.value() or b"")["event_id"] for message in batch]
        if not late:
            effect(events)
        producer.begin_transaction()
        for message in batch:
            producer.produce("bait-out", message.value(), key=message.key())
        producer.flush()
        producer.send_offsets_to_transaction(
            consumer.position(consumer.assignment()), consumer.consumer_group_metadata()
        )
        producer.commit_transaction()
        if late:
            effect(events)


if __name__ == "__main__":
    main()
