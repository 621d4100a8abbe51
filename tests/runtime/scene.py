"""A small bank for processors: topics and tables in, and what can be seen of them afterwards out."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from oncewhere import Processor, Record, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oncewhere.runtime.events import Event

WAIT_S = 30.0
STRATEGIES: Mapping[str, Mapping[str, Any]] = {
    "eager": {},
    "cooperative": {"partition.assignment.strategy": "cooperative-sticky"},
    "consumer protocol": {"group.protocol": "consumer"},
}
"""How a group gives its partitions out, as settings."""


class Payment(msgspec.Struct, frozen=True):
    event_id: str
    account: str
    amount: int


class Settled(msgspec.Struct, frozen=True):
    event_id: str
    account: str
    balance: int


class CrashError(Exception):
    """Raised by a listener: the run ends where a crash would have ended it."""


def eventually(condition: Callable[[], Any], wait_s: float = WAIT_S) -> Any:
    """Waits for a true value, and gives it."""
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


class Topics:
    """Kafka, for a test: one input and one output topic, and a group."""

    def __init__(self, address: str, *, partitions: int = 1) -> None:
        self.address = address
        tag = uuid.uuid4().hex[:8]
        self.input, self.output, self.group = f"authorized-{tag}", f"settled-{tag}", f"settlement-{tag}"
        self._admin = AdminClient({"bootstrap.servers": address})
        new = [NewTopic(self.input, partitions, 1), NewTopic(self.output, 1, 1)]
        for future in self._admin.create_topics(new).values():
            future.result(20)

    def another(self, kind: str) -> str:
        """One more topic of one partition; gives its name."""
        name = f"{kind}-{uuid.uuid4().hex[:8]}"
        self._admin.create_topics([NewTopic(name, 1, 1)])[name].result(20)
        return name

    def following(self, strategy: str, *, session_ms: int, heartbeat_ms: int = 300) -> dict[str, Any]:
        """Settings of a member that hears of a rebalance soon, and is thrown out after so long a silence."""
        chosen = STRATEGIES[strategy]
        if strategy != "consumer protocol":
            return {**chosen, "session.timeout.ms": session_ms, "heartbeat.interval.ms": heartbeat_ms}
        entries = [  # there the group says it, and no member
            ConfigEntry(f"consumer.{name}.ms", str(value), incremental_operation=AlterConfigOpType.SET)
            for name, value in {"session.timeout": session_ms, "heartbeat.interval": heartbeat_ms}.items()
        ]
        group = ConfigResource(ResourceType.GROUP, self.group, incremental_configs=entries)
        self._admin.incremental_alter_configs([group])[group].result(20)
        return dict(chosen)

    def send(self, *payments: Payment | bytes | None, partition: int = 0) -> None:
        producer = Producer({"bootstrap.servers": self.address, "linger.ms": 0})
        for payment in payments:
            value = msgspec.json.encode(payment) if isinstance(payment, Payment) else payment
            producer.produce(self.input, value, b"k", partition, headers=[("trace", b"t1")])
        assert producer.flush(20) == 0

    def committed(self, partition: int = 0) -> int:
        with closing(Consumer({"bootstrap.servers": self.address, "group.id": self.group})) as consumer:
            return int(consumer.committed([TopicPartition(self.input, partition)], timeout=20)[0].offset)

    def move_group(self, offset: int, partition: int = 0) -> None:
        with closing(Consumer({"bootstrap.servers": self.address, "group.id": self.group})) as consumer:
            consumer.commit(offsets=[TopicPartition(self.input, partition, offset)], asynchronous=False)

    def outputs(self) -> list[Settled]:
        """What a read_committed reader sees of the output topic, up to its end."""
        return [msgspec.json.decode(m.value(), type=Settled) for m in self.messages()]

    def messages(self) -> list[Any]:
        return read_committed(self.address, self.output)


def read_committed(address: str, topic: str) -> list[Any]:
    """All messages of a topic's first partition that a read_committed reader sees."""
    settings = {
        "bootstrap.servers": address,
        "group.id": uuid.uuid4().hex,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
    found: list[Any] = []
    with closing(Consumer(settings)) as consumer:
        consumer.assign([TopicPartition(topic, 0, 0)])
        while True:
            message = consumer.poll(20)
            assert message is not None
            if message.error() is not None:
                return found
            found.append(message)


class Bank:
    """PostgreSQL, for a test: one balance per account, and the mission's dedupe table."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.execute("create table balance (account text primary key, amount bigint not null, settled bigint not null)")
        self.execute(
            "create table processed_event (event_id varchar(64) primary key, "
            "processed_at timestamp not null default now())",
        )

    def execute(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def balances(self) -> dict[str, tuple[int, int]]:
        """Per account, its amount and how often it was settled."""
        return {row[0]: (row[1], row[2]) for row in self.execute("select account, amount, settled from balance")}


def apply(db: psycopg.Connection[Any], payment: Payment) -> Settled:
    """The effect of every test: not idempotent, so that a second time shows."""
    row = db.execute(
        "insert into balance as b values (%s, %s, 1) on conflict (account) do update "
        "set amount = b.amount + excluded.amount, settled = b.settled + 1 returning amount",
        [payment.account, payment.amount],
    ).fetchone()
    assert row is not None
    return Settled(payment.event_id, payment.account, row[0])


def copying(topics: Topics, recorder: Recorder, settings: Mapping[str, Any]) -> Processor:
    """A processor whose outputs are its inputs.

    Args:
        topics: from where to where.
        recorder: hears its events.
        settings: librdkafka's; the address is that of the topics unless they say another.
    """
    app = Processor(
        {"bootstrap.servers": topics.address, **settings},
        group_id=topics.group,
        transactional_id=f"{topics.group}-0",
        on_event=recorder,
    )

    @app.consume(topics.input, bytes)
    def on_record(record: Record[bytes], tx: Transaction) -> None:
        tx.produce(topics.output, record.value, key=record.key)

    return app


class Running:
    """A processor in a thread, until the test has seen what it wants."""

    def __init__(self, app: Processor) -> None:
        self.app = app
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.app.run()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.error = error

    def wait(self, wait_s: float = WAIT_S) -> BaseException | None:
        """Waits for it to end by itself; gives what it raised."""
        self._thread.join(wait_s)
        assert not self._thread.is_alive(), "the processor did not end"
        return self.error

    def stop(self) -> BaseException | None:
        self.app.stop()
        return self.wait()


class Recorder:
    """A listener that keeps all events, and crashes the run at the first one of a type, if told to."""

    def __init__(self, *, crash_at: type[Event] | None = None) -> None:
        self.events: list[Event] = []
        self.crash_at = crash_at

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if self.crash_at is not None and isinstance(event, self.crash_at):
            raise CrashError(repr(event))

    def of(self, *kinds: type[Event]) -> Sequence[Event]:
        return [event for event in self.events if isinstance(event, kinds)]
