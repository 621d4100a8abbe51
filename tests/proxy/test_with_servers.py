"""Real processors, a real broker and a real database: what is there after a kill at each side of a commit."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import uuid
from typing import TYPE_CHECKING

import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from oncewhere.cluster import UNSTABLE, ClusterClient
from oncewhere.proxy import Crossing, Decision, LinkName
from oncewhere.wire import Direction, Message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oncewhere.stack import KafkaServer, PostgresServer

pytestmark = pytest.mark.servers

LIMIT_S = 30.0

SETTLE = """
import sys
from confluent_kafka import Consumer, Producer

bootstrap, name, source, target, count = sys.argv[1:]
producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": name, "retry.backoff.ms": 1})
producer.init_transactions(20)
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": name, "enable.auto.commit": False,
                     "auto.offset.reset": "earliest", "isolation.level": "read_committed"})
consumer.subscribe([source])
done = 0
while done < int(count):
    batch = [record for record in consumer.consume(2, 0.2) if not record.error()]
    if not batch:
        continue
    producer.begin_transaction()
    for record in batch:
        producer.produce(target, record.value().upper())
    producer.flush()
    producer.send_offsets_to_transaction(consumer.position(consumer.assignment()), consumer.consumer_group_metadata())
    producer.commit_transaction(20)
    done += len(batch)
"""

INSERT = """
import sys
import psycopg

with psycopg.connect(sys.argv[1]) as connection:
    connection.execute("insert into processed_event values ('e-1')")
    connection.commit()
"""

PHASES = {
    "before": (Direction.REQUEST, Decision.FREEZE_BEFORE),
    "delivered": (Direction.REQUEST, Decision.FREEZE_AFTER),
    "replied": (Direction.REPLY, Decision.FREEZE_BEFORE),
}


class Killer:
    """Kills its victim at the first message of one kind and direction."""

    def __init__(self, kind: str, direction: Direction, decision: Decision) -> None:
        self.victim: subprocess.Popen[bytes] | None = None
        self.told: list[str] = []
        self._at: tuple[str, Direction] | None = (kind, direction)
        self._decision = decision

    def __call__(self, link: LinkName, message: Message) -> Decision:
        self.told.append(f"{message.direction} {message.kind}")
        if (message.kind, message.direction) != self._at:
            return Decision.FORWARD
        self._at = None
        assert self.victim is not None
        os.killpg(self.victim.pid, signal.SIGKILL)
        return self._decision

    async def run(self, script: str, *arguments: str) -> int:
        command = [sys.executable, "-c", script, *arguments]
        self.victim = await asyncio.to_thread(subprocess.Popen, command, start_new_session=True)
        return await asyncio.wait_for(asyncio.to_thread(self.victim.wait), LIMIT_S)


@pytest.fixture
def topics(kafka: KafkaServer) -> Iterator[tuple[str, str]]:
    source, target = (f"{name}-{uuid.uuid4().hex[:8]}" for name in ("authorized", "settled"))
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for made in admin.create_topics([NewTopic(source, 1), NewTopic(target, 1)]).values():
        made.result(LIMIT_S)
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    for number in range(4):
        producer.produce(source, f"payment-{number}".encode())
    assert producer.flush(LIMIT_S) == 0
    yield source, target
    for gone in admin.delete_topics([source, target]).values():
        gone.result(LIMIT_S)


def committed_records(kafka: KafkaServer, topic: str, count: int) -> list[bytes]:
    reader = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    reader.subscribe([topic])
    found: list[bytes] = []
    try:
        deadline = time.monotonic() + LIMIT_S
        while len(found) < count:
            assert time.monotonic() < deadline, f"only {found}"
            found += [record.value() for record in reader.consume(100, 0.2)]
        return found + [record.value() for record in reader.consume(100, 0.5)]
    finally:
        reader.close()


@pytest.mark.parametrize("phase", PHASES)
def test_a_processor_killed_at_end_txn_leaves_what_the_phase_says(
    kafka: KafkaServer, topics: tuple[str, str], phase: str
) -> None:
    source, target = topics
    name = f"settlement-{uuid.uuid4().hex[:8]}"

    async def main() -> None:
        killer = Killer("EndTxn", *PHASES[phase])
        async with Crossing(killer) as crossing, await ClusterClient.connect(kafka.bootstrap_servers) as cluster:
            bootstrap = await crossing.open_kafka(kafka.bootstrap_servers)
            assert await killer.run(SETTLE, bootstrap, name, source, target, "4") == -signal.SIGKILL
            assert await crossing.reset() == (), "the broker answered everything that had left"
            assert crossing.counters["kafka"].unknown_bytes == 0

            state = (await cluster.describe_transactions([name]))[name]
            assert state.state in ({"Ongoing"} if phase == "before" else {"PrepareCommit", "CompleteCommit"})
            while state.state == "PrepareCommit":  # decided; the offset is pending until every marker is written
                state = (await cluster.describe_transactions([name]))[name]
            offset = (await cluster.committed_offsets(name, {source: [0]}))[source, 0]
            stable = await cluster.list_offsets({target: [0]})
            written = await cluster.list_offsets({target: [0]}, isolation_level="read_uncommitted")
            if phase == "before":
                assert offset == UNSTABLE
                assert state.partitions
                assert state.start_time_ms is not None
                assert stable[target, 0] == 0 < written[target, 0], "an open transaction hides records"
            else:
                assert isinstance(offset, int)
                assert offset > 0
            assert ("reply EndTxn" in killer.told) is (phase != "before")

            await cluster.evict_members(name, await cluster.describe_group(name))
            left = 4 - (offset if isinstance(offset, int) else 0)
            assert await killer.run(SETTLE, bootstrap, name, source, target, str(left)) == 0
            async with asyncio.timeout(LIMIT_S):
                while (await cluster.committed_offsets(name, {source: [0]}))[source, 0] != 4:  # noqa: ASYNC110 - a poll
                    await asyncio.sleep(0.01)

    asyncio.run(main())
    assert committed_records(kafka, target, 4) == [f"PAYMENT-{number}".encode() for number in range(4)]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("kind", ["write", "commit"])
def test_a_processor_killed_at_its_database_leaves_what_the_phase_says(
    postgres: PostgresServer, kind: str, phase: str
) -> None:
    dsn = postgres.create_database(f"bank_{uuid.uuid4().hex[:8]}")
    where = conninfo_to_dict(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("create table processed_event (event_id varchar(64) primary key)")

    async def main() -> None:
        killer = Killer(kind, *PHASES[phase])
        async with Crossing(killer) as crossing:
            host, port = await crossing.open_postgres(str(where["host"]), int(str(where["port"])), name="bank")
            victim = make_conninfo(dsn, host=host, port=port)
            assert await killer.run(INSERT, victim) == -signal.SIGKILL
            assert await crossing.reset() == ()
            done = kind == "commit" and phase != "before"
            with psycopg.connect(dsn) as connection:
                rows = connection.execute("select count(*) from processed_event").fetchone()
            assert rows == (int(done),)
            assert await killer.run(INSERT, victim) == int(done), "the primary key refuses a second one"
            assert crossing.counters["bank"].unknown_bytes == 0

    asyncio.run(main())


COPY_TWICE = """
import sys
import psycopg

with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    try:
        with connection.cursor().copy("copy t from stdin") as copy:
            for number in range(20_000):
                copy.write_row((number % 5_000, "x" * 100))  # an error comes before their end
    except psycopg.errors.UniqueViolation:
        pass
    with connection.transaction():
        connection.execute("insert into t values (1, 'y')")
    try:
        connection.execute("do $$ begin insert into t values (2, 'z'); commit; raise 'late'; end $$")
    except psycopg.errors.RaiseException:
        pass
    connection.execute("delete from t")
"""


def test_what_follows_a_copy_that_failed_while_its_rows_were_sent_is_told_as_what_it_is(
    postgres: PostgresServer,
) -> None:
    dsn = postgres.create_database(f"bank_{uuid.uuid4().hex[:8]}")
    where = conninfo_to_dict(dsn)
    with psycopg.connect(dsn) as connection:
        connection.execute("create table t (a int primary key, b text)")
    told: list[str] = []

    def observer(_: LinkName, message: Message) -> Decision:
        if message.direction is Direction.REPLY and message.boundary:
            told.append(f"{message.kind} {message.fields.get('outcome')}")
        return Decision.FORWARD

    async def main() -> None:
        async with Crossing(observer) as crossing:
            host, port = await crossing.open_postgres(str(where["host"]), int(str(where["port"])), name="bank")
            command = [sys.executable, "-c", COPY_TWICE, make_conninfo(dsn, host=host, port=port)]
            child = await asyncio.create_subprocess_exec(*command)
            assert await asyncio.wait_for(child.wait(), LIMIT_S) == 0
            assert crossing.counters["bank"].unknown_bytes == 0
            assert not crossing.awaits_answers

    asyncio.run(main())
    copying, failed, *behind = told
    assert copying == "write copying"
    assert failed in {"write failed", "commit failed"}, "the COPY itself, or its end where that had been sent already"
    assert behind == ["write open", "commit committed", "commit unknown", "commit committed"]


def test_every_way_of_talking_to_postgresql_works_through_the_proxy(postgres: PostgresServer) -> None:
    dsn = postgres.create_database(f"bank_{uuid.uuid4().hex[:8]}")
    where = conninfo_to_dict(dsn)
    told: list[str] = []

    def observer(_: LinkName, message: Message) -> Decision:
        if message.direction is Direction.REPLY and message.kind != "startup":
            told.append(f"{message.kind} {message.fields.get('tags')} {message.fields.get('outcome')}")
        return Decision.FORWARD

    def work(conninfo: str) -> None:
        with psycopg.connect(conninfo, autocommit=True, sslmode="prefer") as connection:
            connection.execute("create table t (a int primary key, b text)")
            with connection.pipeline(), connection.transaction():
                for number in range(3):
                    connection.execute("insert into t values (%s, %s)", (number, "x" * number))
            with connection.cursor() as cursor:
                cursor.executemany("insert into t values (%s, %s)", [(number, "y") for number in range(10, 1010)])
                with cursor.copy("copy t from stdin") as copy:
                    for number in range(2000, 2500):
                        copy.write_row((number, "secret"))
                with cursor.copy("copy t to stdout") as copy:
                    assert len(list(copy.rows())) == 1503
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("insert into t values (0, 'again')")
            assert connection.execute("select count(*) from t", prepare=True).fetchone() == (1503,)
            with connection.transaction(), connection.cursor(name="server_side") as cursor:
                cursor.execute("select * from t")
                assert len(cursor.fetchall()) == 1503

    async def main() -> None:
        async with Crossing(observer) as crossing:
            host, port = await crossing.open_postgres(str(where["host"]), int(str(where["port"])))
            await asyncio.to_thread(work, make_conninfo(dsn, host=host, port=port))
            assert crossing.counters["postgresql"].unknown_bytes == 0

    asyncio.run(main())
    assert told[0] == "commit ['CREATE TABLE'] committed"
    assert "commit ['COPY 500'] committed" in told
    assert "commit [] failed" in told
    assert "query ['FETCH 1000'] None" in told or "query ['FETCH 1503'] None" in told
    assert "secret" not in str(told)
