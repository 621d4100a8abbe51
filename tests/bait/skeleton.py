"""What every planted bug is made of: batches of four events, an effect in PostgreSQL, and the parts of a transaction.

Each bug is a script beside this one, as small as it can be; with the argument `sound` the same script does it right, so
that what the drill says of the one can only be the bug's doing.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from confluent_kafka import Consumer, Message, Producer

BATCH = 4
SOUND = "sound" in sys.argv[1:]
SERVERS = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
SECURITY = json.loads(os.environ.get("KAFKA_SECURITY", "{}"))  # how brokers want to be spoken to
_PATIENCE_S = 1.0  # the input is there before the processor starts: a batch is full, unless it is the last

EFFECT = "insert into done (event_id) values (%s)"
EFFECT_ONCE = """
    with new as (insert into processed (event_id) values (%s) on conflict do nothing returning event_id)
    insert into done (event_id) select event_id from new
"""


def event(message: Message) -> str:
    return str(json.loads(message.value() or b"")["event_id"])


class Bait:
    """A processor from `bait-in` to `bait-out`.

    Args:
        transactional_id: None for a producer without transactions.
        settings: of the consumer.
    """

    def __init__(self, transactional_id: str | None = "bait-0", **settings: Any) -> None:
        own = {"transactional.id": transactional_id, "retry.backoff.ms": 1} if transactional_id else {}
        self.producer = Producer({"bootstrap.servers": SERVERS, "linger.ms": 0, **SECURITY, **own})
        if transactional_id:
            self.producer.init_transactions()
        self.consumer = Consumer(
            {
                "bootstrap.servers": SERVERS,
                "group.id": "bait",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
            }
            | SECURITY
            | settings
        )
        self.consumer.subscribe(["bait-in"])

    @functools.cached_property
    def db(self) -> Any:
        import psycopg  # noqa: PLC0415  # not every bug has a database

        return psycopg.connect(os.environ["BANK_URL"])

    def effect(self, batch: Sequence[Message], statement: str = EFFECT) -> None:
        """The effect of each event, as yet uncommitted."""
        for message in batch:
            self.db.execute(statement, (event(message),))

    def effect_once(self, batch: Sequence[Message]) -> None:
        """The effect of each event that has no dedupe row, and the row, in one transaction."""
        self.effect(batch, EFFECT_ONCE)
        self.db.commit()

    def batches(self) -> Iterator[list[Message]]:
        """Batches for ever."""
        while True:
            batch = self.consumer.consume(BATCH, _PATIENCE_S)
            for message in batch:
                if message.error():
                    raise SystemExit(str(message.error()))
            if batch:
                yield batch

    def put(self, batch: Sequence[Message]) -> None:
        for message in batch:
            self.producer.produce("bait-out", message.value(), key=message.key())
        self.producer.flush()

    def send_offsets(self) -> None:
        self.producer.send_offsets_to_transaction(
            self.consumer.position(self.consumer.assignment()), self.consumer.consumer_group_metadata()
        )

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Outputs and offsets in one transaction; the block makes the outputs."""
        self.producer.begin_transaction()
        yield
        self.send_offsets()
        self.producer.commit_transaction()

    def settle(self, batch: Sequence[Message]) -> None:
        """The whole of Kafka's part, done right."""
        with self.transaction():
            self.put(batch)
