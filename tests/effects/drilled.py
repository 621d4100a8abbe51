"""Processors that are drilled, each by its name: `python drilled.py redis`."""

from __future__ import annotations

import os
import sys
import uuid

import msgspec

from oncewhere import AtLeastOnce, DedupeTable, Processor, Record, Redis, Transaction, effect
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


APPS = {"redis": redis}

if __name__ == "__main__":
    APPS[sys.argv[1]](*sys.argv[2:]).run()
