"""Processors that are drilled, each by its name: `python drilled.py redis`."""

from __future__ import annotations

import os
import sys
import uuid
from typing import Any

import msgspec

from oncewhere import (
    AtLeastOnce,
    DedupeTable,
    Http,
    IdempotencyKey,
    Outbox,
    Processor,
    Record,
    Redis,
    Transaction,
    effect,
)
from oncewhere.effects.http import Requests
from oncewhere.effects.redis import Commands

SERVERS = {"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"]}


class Event(msgspec.Struct, frozen=True):
    """What comes in."""

    event_id: str


class Receipt(msgspec.Struct, frozen=True):
    """What goes out."""

    event_id: str
    receipt: str


def processor(group_id: str) -> Processor:
    return Processor(
        SERVERS, group_id=group_id, transactional_id=f"{group_id}-0", max_batch_records=5, commit_interval_ms=500
    )


def redis(policy: str) -> Processor:
    """A count in Redis, and its receipt as output: new each time that the effect is executed."""
    policies = {
        "dedupe-table": DedupeTable("processed_event"),
        "at-least-once": AtLeastOnce(acknowledged="the control"),
    }
    cache = Redis(
        os.environ["PLACE"], name="place", policy=policies[policy], acknowledged_loss="the drill kills no Redis"
    )
    app = processor("drilled")

    @effect(cache)
    def settle(commands: Commands, event_id: str) -> str:
        commands.hincrby("done", event_id, 1)
        commands.rpush("log", event_id)
        return uuid.uuid4().hex

    @app.consume("drilled-in", Event, identity="event_id")
    def on_event(record: Record[Event], tx: Transaction) -> None:
        event_id = record.value.event_id
        tx.produce("drilled-out", Receipt(event_id, tx.run(settle, event_id)), key=record.key)

    return app


def first() -> Processor:
    """A call that waits in an outbox."""
    gateway = Http(
        os.environ.get("PLACE", "http://nowhere.invalid"),
        name="place",
        policy=Outbox("drilled-out", then=IdempotencyKey()),
    )
    app = processor("drilled")

    @effect(gateway)
    def capture(http: Requests, event_id: str) -> None:
        http.post("/captures", json={"event_id": event_id}).raise_for_status()

    @app.consume("drilled-in", Event, identity="event_id")
    def on_event(record: Record[Event], tx: Transaction) -> None:
        tx.run(capture, record.value.event_id)

    return app


def second(then: str) -> Processor:
    """Performs the calls; its input is what the first one would have written."""
    policies: dict[str, Any] = {
        "idempotency-key": IdempotencyKey(),
        "at-least-once": AtLeastOnce(acknowledged="the control"),
    }
    gateway = Http(
        os.environ["PLACE"], name="place", policy=Outbox("drilled-in", then=policies[then], answers="drilled-out")
    )
    app = processor("unused")

    @effect(gateway)
    def capture(http: Requests, event_id: str) -> str:
        return str(http.post("/captures", json={"event_id": event_id}).json()["status"])

    @app.consume("unused", Event, identity="event_id")
    def on_event(record: Record[Event], tx: Transaction) -> None:
        tx.run(capture, record.value.event_id)

    return app.outbox(
        gateway, group_id="drilled", transactional_id="drilled-0", max_batch_records=5, commit_interval_ms=500
    )


APPS = {"redis": redis, "first": first, "second": second}

if __name__ == "__main__":
    APPS[sys.argv[1]](*sys.argv[2:]).run()
