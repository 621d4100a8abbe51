"""One processor in a process of its own: numbered events in, one answer to each out.

Run as `python -m soak.instance` with one argument, a `Work` as JSON; the runtime's events go to stdout as JSON lines.
Exit codes: 0 stopped; 10 fenced; 11 another end that a supervisor answers with a restart; any other is a mistake in the
runtime.
"""

from __future__ import annotations

import sys
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from oncewhere import OffsetLedger, Postgres, Processor, effect
from oncewhere.errors import FencedError, NoProgressError, OncewhereError, UnreachableError
from soak.bank import do
from soak.event import Answer, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from oncewhere import Record, Transaction

FENCED = 10
RESTARTABLE = 11
IDLE_MS = 3000  # below the soak's transaction.timeout.ms: a stopped instance must not hold its locks for longer


class Work(msgspec.Struct, frozen=True):
    """What an instance is told.

    Attributes:
        settings: for the clients.
        input: the topic that it consumes.
        output: the topic that it produces to.
        group: the consumer group.
        name: its transactional.id, stable across restarts, and where the group has static members, its name there.
        life: which life of which instance this is.
        bug: a planted mistake, or nothing; see `BUGS`.
        bank: the DSN of a database in which each event has an effect; empty for none.
    """

    settings: dict[str, Any]
    input: str
    output: str
    group: str
    name: str
    life: str
    bug: str = ""
    bank: str = ""


class Handler:
    """Answers an event; counts its calls, so that a second attempt can be told from the first."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._calls = 0

    def answer(self, event: Event) -> Answer:
        self._calls += 1
        return Answer(event.key, event.number, self._work.life, self._calls)


def run(work: Work) -> None:
    """The real thing."""
    app = Processor(work.settings, group_id=work.group, transactional_id=work.name, on_event=tell)
    handler = Handler(work)

    @app.consume(work.input, Event, effects=(effects := _effects(work, handler)))
    def on_event(record: Record[Event], tx: Transaction) -> None:
        answer = tx.run(effects[0], record.value) if effects else handler.answer(record.value)
        tx.produce(work.output, answer, key=answer.key, partition=record.partition)

    app.run()


def _effects(work: Work, handler: Handler) -> list[Any]:
    """The one effect of an event, or none."""
    if not work.bank:
        return []

    @effect(Postgres(work.bank, name="bank", policy=OffsetLedger(), idle_in_transaction_timeout_ms=IDLE_MS))
    def done(db: psycopg.Connection[Any], event: Event) -> Answer:
        do(db, event, work.life)
        return handler.answer(event)

    return [done]


def at_least_once(work: Work) -> None:
    """Planted: outputs first, then the offsets, without a transaction. What a kill in between leaves comes twice."""
    _plain(work, produce_first=True)


def at_most_once(work: Work) -> None:
    """Planted: offsets first, then the outputs. What a kill in between leaves never comes."""
    _plain(work, produce_first=False)


BUGS: Mapping[str, Callable[[Work], None]] = {"at-least-once": at_least_once, "at-most-once": at_most_once}
_LINGER_S = 0.05  # between the two halves, so that a kill finds the gap


def _plain(work: Work, *, produce_first: bool) -> None:
    common = {"bootstrap.servers": work.settings["bootstrap.servers"]}
    timeouts = {name: work.settings[name] for name in ("session.timeout.ms", "heartbeat.interval.ms")}
    consumer = Consumer(
        {**common, **timeouts, "group.id": work.group, "group.instance.id": work.name, "enable.auto.commit": False}
        | {"auto.offset.reset": "earliest", "isolation.level": "read_committed"}
    )
    producer = Producer({**common, "enable.idempotence": True})
    handler = Handler(work)
    consumer.subscribe([work.input])
    with closing(consumer), _restartable():
        while True:
            batch = [message for message in consumer.consume(50, 0.1) if message.error() is None]
            if not batch:
                continue
            ends = {message.partition(): message.offset() + 1 for message in batch}
            offsets = [TopicPartition(work.input, number, end) for number, end in ends.items()]
            if not produce_first:
                consumer.commit(offsets=offsets, asynchronous=False)
                time.sleep(_LINGER_S)
            for message in batch:
                answer = handler.answer(msgspec.json.decode(message.value(), type=Event))
                producer.produce(work.output, msgspec.json.encode(answer), answer.key, message.partition())
            producer.flush()
            if produce_first:
                time.sleep(_LINGER_S)
                consumer.commit(offsets=offsets, asynchronous=False)


@contextmanager
def _restartable() -> Iterator[None]:
    """A planted mistake is to be caught for itself, not for a client's error that a restart mends."""
    try:
        yield
    except KafkaException as error:
        raise UnreachableError(str(error)) from error


def tell(event: object) -> None:
    """Write down one event of the runtime."""
    line = {"at": round(time.time(), 3), "event": type(event).__name__, "said": str(event)}
    sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    sys.stdout.flush()


def main() -> int:
    work = msgspec.json.decode(sys.argv[1], type=Work)
    try:
        BUGS.get(work.bug, run)(work)
    except OncewhereError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        if isinstance(error, FencedError):
            return FENCED
        if type(error) in {OncewhereError, UnreachableError, NoProgressError}:
            return RESTARTABLE
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
