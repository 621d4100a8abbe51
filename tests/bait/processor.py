"""Processors with planted bugs, each by name: `python processor.py BUG`. Plain confluent-kafka and psycopg.

The drill must say exactly what is wrong with each, at exactly the crash where it shows.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psycopg
from confluent_kafka import Consumer, Message, Producer

BATCH = 10
LATER_BATCH = 30
HANG_S = 600
SOON_MS = 4000
SERVERS = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")


class Bait:
    """The parts that every bug is made of, in the order in which each bug puts them."""

    def __init__(self, transactional_id: str | None = "bait-0", **own: int) -> None:
        self.db = psycopg.connect(os.environ["DATABASE_URL"])
        settings = {"bootstrap.servers": SERVERS, "linger.ms": 0}
        if transactional_id:
            settings |= {"transactional.id": transactional_id, "retry.backoff.ms": 1, **own}
        self.producer = Producer(settings)
        if transactional_id:
            self.producer.init_transactions()
        self.consumer = Consumer(
            {
                "bootstrap.servers": SERVERS,
                "group.id": os.environ.get("GROUP", "bait"),
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
            }
        )
        self.consumer.subscribe(["bait-in"])
        self.batch = BATCH

    def started_before(self) -> bool:
        """True from the second life on; the database remembers."""
        (starts,) = self.db.execute("insert into starts default values returning number").fetchone()
        self.db.commit()
        return starts > 1

    def write(self, batch: list[Message]) -> None:
        for message in batch:
            self.db.execute("insert into done (event_id) values (%s)", (json.loads(message.value())["event_id"],))
        self.db.commit()

    def put(self, batch: list[Message]) -> None:
        for message in batch:
            self.producer.produce("bait-out", message.value(), key=message.key())
        self.producer.flush()

    def send_offsets(self) -> None:
        self.producer.send_offsets_to_transaction(
            self.consumer.position(self.consumer.assignment()), self.consumer.consumer_group_metadata()
        )

    def commit_offsets(self) -> None:
        self.consumer.commit(asynchronous=False)

    def run(self, work: Callable[[list[Message]], None], *, idle_limit_s: float = math.inf) -> None:
        worked_s = math.inf  # nothing was there to be idle after
        while time.monotonic() - worked_s < idle_limit_s:
            batch = self.consumer.consume(self.batch, 0.05)
            for message in batch:
                if message.error():
                    raise SystemExit(str(message.error()))
            if batch:
                work(batch)
                worked_s = time.monotonic()


def unprotected(bait: Bait) -> Callable[[list[Message]], None]:
    """Right in Kafka; the database commits by itself, and nothing protects it."""

    def work(batch: list[Message]) -> None:
        bait.write(batch)
        bait.producer.begin_transaction()
        bait.put(batch)
        bait.send_offsets()
        bait.producer.commit_transaction()

    return work


def kafka_before_database(bait: Bait) -> Callable[[list[Message]], None]:
    def work(batch: list[Message]) -> None:
        bait.producer.begin_transaction()
        bait.put(batch)
        bait.send_offsets()
        bait.producer.commit_transaction()
        bait.write(batch)

    return work


def commits_offsets_first(bait: Bait) -> Callable[[list[Message]], None]:
    def work(batch: list[Message]) -> None:
        bait.commit_offsets()
        bait.write(batch)
        bait.producer.begin_transaction()
        bait.put(batch)
        bait.producer.commit_transaction()

    return work


def plain_producer(bait: Bait) -> Callable[[list[Message]], None]:
    def work(batch: list[Message]) -> None:
        bait.put(batch)
        bait.write(batch)
        bait.commit_offsets()

    return work


def open_transaction_hides_output(bait: Bait) -> Callable[[list[Message]], None]:
    """Offsets are committed outside the transaction, and every start has another transactional.id."""

    def work(batch: list[Message]) -> None:
        bait.write(batch)
        bait.producer.begin_transaction()
        bait.put(batch)
        bait.commit_offsets()
        bait.producer.commit_transaction()

    return work


def hangs_after_restart(bait: Bait) -> Callable[[list[Message]], None]:
    if bait.started_before():
        time.sleep(HANG_S)
    return unprotected(bait)


def dies_after_restart(bait: Bait) -> Callable[[list[Message]], None]:
    if bait.started_before():
        raise SystemExit("bait: cannot read my own state")
    return unprotected(bait)


def commits_more_rarely(bait: Bait) -> Callable[[list[Message]], None]:
    """As a processor that commits by time: after the first run, which a file remembers, it has fewer transactions."""
    ran = Path("ran")
    bait.batch = LATER_BATCH if ran.exists() else BATCH
    ran.touch()
    return unprotected(bait)


BUGS: dict[str, tuple[Callable[[Bait], Callable[[list[Message]], None]], str | None]] = {
    "unprotected": (unprotected, "bait-0"),
    "ends-by-itself": (unprotected, "bait-0"),
    "kafka-before-database": (kafka_before_database, "bait-0"),
    "commits-offsets-first": (commits_offsets_first, "bait-0"),
    "plain-producer": (plain_producer, None),
    "open-transaction-hides-output": (open_transaction_hides_output, f"bait-{uuid.uuid4()}"),
    "open-transaction-times-out": (open_transaction_hides_output, f"bait-{uuid.uuid4()}"),
    "hangs-after-restart": (hangs_after_restart, "bait-0"),
    "dies-after-restart": (dies_after_restart, "bait-0"),
    "commits-more-rarely": (commits_more_rarely, "bait-0"),
}


def main() -> None:
    name = sys.argv[1]
    if name == "exits-at-once":
        print("bait: no configuration found in /etc/bait.conf", file=sys.stderr)
        raise SystemExit(78)
    bug, transactional_id = BUGS[name]
    soon = {"transaction.timeout.ms": SOON_MS} if name == "open-transaction-times-out" else {}
    bait = Bait(transactional_id, **soon)
    bait.run(bug(bait), idle_limit_s=0.05 if name == "ends-by-itself" else math.inf)


if __name__ == "__main__":
    main()
