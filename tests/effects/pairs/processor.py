"""One small processor for every pair of policy and system: `python processor.py PLACE=POLICY …`, drilled as it is.

Each event has one effect at each place that is named, in that order, and gives one output, which holds what the effects
returned. A receipt is new each time that an effect is executed: an output that was made of anything but the recorded
one does not agree with its row.
"""

from __future__ import annotations

import os
import sys
import urllib.request
import uuid
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg

from oncewhere import (
    AtLeastOnce,
    AtMostOnce,
    Attempt,
    Compensate,
    DedupeTable,
    EffectInDoubt,
    Function,
    Http,
    IdempotencyKey,
    MySql,
    OffsetLedger,
    Outbox,
    OutcomeUnknown,
    Postgres,
    Processor,
    Record,
    Redis,
    Smtp,
    Sqlite,
    Transaction,
    UniqueConstraint,
    effect,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from oncewhere.effects.effect import Effect
    from oncewhere.effects.policy import Policy

LETTERS, ANSWERS = "pairs-in", "pairs-out"
"""Of an outbox the second processor is drilled: its input is what the first one would have written."""
IN_DOUBT = "in doubt"
RUN: dict[str, Any] = {"transactional_id": "pairs-0", "max_batch_records": 3, "commit_interval_ms": 500}
"""Full batches, so that each run is like the others."""
UNIQUE = {"postgresql": "done_event", "mysql": "done_event", "sqlite": "done.event_id"}


class Event(msgspec.Struct, frozen=True):
    """What comes in."""

    event_id: str


def address(place: str) -> str:
    """Where a place is, as the drill tells it."""
    return os.environ[place.upper()]


def claims() -> Any:
    """The database that keeps calls outside transactions."""
    return Sqlite(address("claims"), name="claims", policy=OffsetLedger(), steps=address("claims_steps"))


def bank() -> Any:
    """The database of the row's other effect; the journal of a gateway without a database of ours is in it."""
    return Postgres(address("postgresql"), name="journal", policy=OffsetLedger())


def hotel() -> Any:
    """The downstream's own database; the journal of what is reserved there may as well be in it."""
    return Postgres(address("hotel"), name="journal", policy=OffsetLedger())


POLICIES: dict[str, Callable[[str], Policy]] = {
    "offset-ledger": lambda _: OffsetLedger(),
    "dedupe-table": lambda _: DedupeTable("processed_event"),
    "unique-constraint": lambda place: UniqueConstraint(UNIQUE[place]),
    "idempotency-key": lambda _: IdempotencyKey(),
    "recorded-answers": lambda _: IdempotencyKey(answers=claims()),
    "at-most-once": lambda _: AtMostOnce(claims=claims()),
    "outbox": lambda _: Outbox(LETTERS, then=IdempotencyKey(), answers=ANSWERS),
    "compensate": lambda place: Compensate(journal=hotel() if place == "hotel" else bank(), keyed_undo=True),
    "at-least-once": lambda _: AtLeastOnce(acknowledged="a control: what happens twice must be seen"),
}
PLACES: dict[str, Callable[[Policy], Any]] = {
    "postgresql": lambda policy: Postgres(address("postgresql"), name="postgresql", policy=policy),
    "mysql": lambda policy: MySql(address("mysql"), name="mysql", policy=policy),
    "sqlite": lambda policy: Sqlite(
        address("sqlite"), name="sqlite", policy=policy, steps=os.environ.get("SQLITE_STEPS")
    ),
    "redis": lambda policy: Redis(
        address("redis"), name="redis", policy=policy, acknowledged_loss="the drill kills no Redis"
    ),
    "gateway": lambda policy: Http(address("gateway"), name="gateway", policy=policy),
    "mail": lambda policy: Smtp(address("mail"), name="mail", policy=policy, domain="bank.example"),
    "machine": lambda policy: Function("machine", policy=policy),
    "hotel": lambda policy: Function("hotel", policy=policy),
}


def on(connection: Any, statement: str, *parameters: str) -> list[tuple[Any, ...]]:
    """One statement, whatever the driver."""
    cursor = connection.cursor()
    marks = statement.replace("%s", "?") if type(connection).__module__ == "sqlite3" else statement
    cursor.execute(marks, parameters)
    return list(cursor.fetchall()) if cursor.description else []


def insert(connection: Any, event_id: str) -> str:
    receipt = uuid.uuid4().hex
    on(connection, "insert into done (event_id, receipt) values (%s, %s)", event_id, receipt)
    return receipt


def read_back(connection: Any, event_id: str) -> str:
    return str(on(connection, "select receipt from done where event_id = %s", event_id)[0][0])


def count(commands: Any, event_id: str) -> str:
    commands.hincrby("done", event_id, 1)
    return uuid.uuid4().hex


def charge(http: Any, event_id: str) -> str:
    return str(http.post("/charges", json={"event_id": event_id}).json()["status"])


def notify(mailer: Any, event_id: str) -> str:
    message = EmailMessage()
    message["From"], message["To"] = "bank@bank.example", "customer@bank.example"
    message["Subject"] = f"Payment {event_id}"
    message.set_content("It is settled.")
    mailer.send(message)
    return "sent"


def call(key: str, event_id: str) -> str:
    """What an SDK would do: a request with the key."""
    request = urllib.request.Request(
        f"{address('machine')}/charges",
        msgspec.json.encode({"event_id": event_id}),
        {"Content-Type": "application/json", "Idempotency-Key": key},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(msgspec.json.decode(answer.read())["status"])
    except OSError as error:
        raise OutcomeUnknown(str(error)) from error


RESERVE = "insert into reservation (reference, event_id) values (%s, %s)"
# Cancelled by its reference, whether it is there or not; a cancelled reference is taken, so nobody reserves under it.
CANCEL = f"{RESERVE} on conflict (reference) do update set event_id = null"


def reserve(key: str, event_id: str) -> str:
    """What a service with a database of its own would do: not in our transaction, and visible at once."""
    with psycopg.connect(address("hotel"), autocommit=True) as connection:
        connection.execute(RESERVE, (key, event_id))
    return key


def cancel(_key: str, attempt: Attempt[str], event_id: str) -> None:
    del event_id
    with psycopg.connect(address("hotel"), autocommit=True) as connection:
        connection.execute(CANCEL, (attempt.key, None))


def release(http: Any, attempt: Attempt[str], event_id: str) -> None:
    """What a gateway offers that has keys and cancellations."""
    del event_id
    http.delete(f"/charges/{attempt.key}").raise_for_status()


UNDOS: dict[str, Callable[..., None]] = {"hotel": cancel, "gateway": release}
EFFECTS: dict[str, Callable[..., str]] = {
    "redis": count,
    "gateway": charge,
    "mail": notify,
    "machine": call,
    "hotel": reserve,
}


def declared(place: str, policy: str) -> Effect[..., str]:
    done = read_back if policy == "unique-constraint" else None
    undo = UNDOS[place] if policy == "compensate" else None
    made = effect(PLACES[place](POLICIES[policy](place)), name=f"at_{place}", done=done, undo=undo)
    return made(EFFECTS.get(place, insert))


def in_one(effects: dict[str, Effect[..., str]]) -> Processor:
    """A handler that has every effect, one after the other."""
    app = Processor({"bootstrap.servers": address("kafka")}, group_id="pairs", **RUN)

    @app.consume("pairs-in", Event, identity="event_id", effects=list(effects.values()))
    def on_event(record: Record[Event], tx: Transaction) -> None:
        said = {"event_id": record.value.event_id}
        for place, act in effects.items():
            try:
                said[place] = tx.run(act, record.value.event_id)
            except EffectInDoubt:
                said[place] = IN_DOUBT
        tx.produce("pairs-out", said, key=record.key)

    return app


def outbox_of(act: Any) -> Processor:
    """Who performs the letters of an effect."""
    writer = Processor({"bootstrap.servers": address("kafka")}, group_id="writer", transactional_id="writer-0")

    @writer.consume("events", Event, identity="event_id", effects=[act])
    def on_event(record: Record[Event], tx: Transaction) -> None:
        tx.run(act, record.value.event_id)

    return writer.outbox(act.place, group_id="pairs", **RUN)


def main(pairs: list[str]) -> None:
    named = dict(pair.split("=") for pair in pairs)
    effects = {place: declared(place, policy) for place, policy in named.items()}
    if "outbox" in named.values():
        (act,) = effects.values()
        outbox_of(act).run()
    else:
        in_one(effects).run()


if __name__ == "__main__":
    main(sys.argv[1:])
