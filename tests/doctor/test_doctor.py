"""`oncewhere doctor` on real servers: what is wrong there is found, and named."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from confluent_kafka import Consumer, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from late_write import LIMIT_S, abort, committed_once, describe, leave_hanging, unverified

from oncewhere.cli import main
from oncewhere.errors import UnreachableError

if TYPE_CHECKING:
    from oncewhere.stack import KafkaServer, PostgresServer

DYING = """
import os, sys
from confluent_kafka import Producer
producer = Producer({"bootstrap.servers": sys.argv[1], "transactional.id": sys.argv[3]})
producer.init_transactions(30)
producer.begin_transaction()
producer.produce(sys.argv[2], b"never committed", partition=0)
producer.flush(30)
os.kill(os.getpid(), 9)
"""
EXAMPLES = Path(__file__).parents[2] / "examples"
DECLARATION = """
[processor]
command  = ["true"]
input    = "{input}"
output   = ["{output}"]
group    = "{group}"
identity = "event_id"
[effects.bank]
system  = "postgresql"
policy  = "dedupe-table"
observe = "select event_id, count(*) from processed_event group by event_id"
[drill]
inputs = "none.jsonl"
"""
APP = """
import psycopg
from oncewhere import AtMostOnce, Function, OffsetLedger, Postgres, Processor, effect

bank = Postgres({dsn!r}, name="bank", policy=OffsetLedger())
app = Processor({{"bootstrap.servers": {kafka!r}}}, group_id={group!r}, transactional_id="settlement-0")

@effect(bank)
def settle(db: psycopg.Connection, payment: dict) -> dict: ...

@effect(Function("machine", policy=AtMostOnce(claims=bank)))
def punch(key: str) -> None: ...

@app.consume({input!r}, dict, identity="event_id")
def handle(record, tx):
    tx.produce({output!r}, tx.run(settle, record.value))
    tx.run(punch)
"""


class World:
    """An input topic, an output topic and a group of their own."""

    def __init__(self, address: str) -> None:
        tag = uuid.uuid4().hex[:8]
        self.address = address
        self.input, self.output, self.group = f"authorized-{tag}", f"settled-{tag}", f"settlement-{tag}"
        self.identity = f"{self.group}-0"
        admin = AdminClient({"bootstrap.servers": address})
        for made in admin.create_topics([NewTopic(self.input, 1, 1), NewTopic(self.output, 1, 1)]).values():
            made.result(LIMIT_S)

    @property
    def names(self) -> dict[str, str]:
        return {"input": self.input, "output": self.output, "group": self.group}

    def dies_in_a_transaction(self, transactional_id: str) -> None:
        command = [sys.executable, "-c", DYING, self.address, self.output, transactional_id]
        died = subprocess.run(command, capture_output=True, check=False, timeout=60)
        assert died.returncode == -signal.SIGKILL, died.stderr

    def read(self, group: str, isolation_level: str, expected: int) -> None:
        """A real reader of the output, which reads what it sees and commits its position."""
        settings = {
            "bootstrap.servers": self.address,
            "group.id": group,
            "isolation.level": isolation_level,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
        with closing(Consumer(settings)) as consumer:
            consumer.assign([TopicPartition(self.output, 0, 0)])
            deadline = time.monotonic() + LIMIT_S
            seen = 0
            while seen < expected:
                assert time.monotonic() < deadline
                message = consumer.poll(1)
                seen += message is not None and message.error() is None
            consumer.commit(
                offsets=[TopicPartition(self.output, 0, consumer.position([TopicPartition(self.output, 0)])[0].offset)],
                asynchronous=False,
            )


@pytest.fixture
def world(kafka: KafkaServer) -> World:
    return World(kafka.bootstrap_servers)


def diagnosed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """The exit code, and by rule what was found."""
    capsys.readouterr()
    code = main(["doctor", *arguments, "--format", "json"])
    captured = capsys.readouterr()
    assert captured.out, captured.err
    told = json.loads(captured.out)
    assert told["exit_code"] == code
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in told["findings"]:
        found.setdefault(finding["rule"], []).append(finding)
    return code, found


@pytest.mark.servers
def test_a_hanging_transaction_is_found_and_named_and_a_marker_ends_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    look = ("transactions", "-b", world.address, "--output", world.output)
    committed_once(world.address, world.output, world.identity)
    about = describe(world.address, world.identity)
    code, found = diagnosed(capsys, *look)
    assert (code, found["hanging-transaction"][0]["mark"]) == (0, "good")

    with unverified(world.address):
        leave_hanging(world.address, world.output, world.identity, about.producer_id, about.producer_epoch, 1)
    code, found = diagnosed(capsys, *look)
    assert code == 1
    (hanging,) = found["hanging-transaction"]
    assert (hanging["mark"], hanging["about"]) == ("fault", f"{world.output}[0]")
    assert f"producer {about.producer_id} has a transaction open from offset 2" in hanging["reason"]
    assert f"{world.identity} is CompleteCommit for its coordinator" in hanging["reason"]
    assert f"abort --topic {world.output} --partition 0 --start-offset 2" in hanging["fix"]
    (held,) = found["last-stable-offset"]
    assert held["mark"] == "fault"
    assert "LSO 2, high watermark 3: 1 offset is hidden" in held["reason"]

    abort(world.address, world.output, about.producer_id, about.producer_epoch)
    code, found = diagnosed(capsys, *look)
    assert (code, found["hanging-transaction"][0]["mark"]) == (0, "good")


def seen(folder: Path, group: str, world: World) -> Path:
    """The evidence of a reader of the output, as `oncewhere document` leaves it."""
    committed = json.loads((EXAMPLES / "java" / "exactly-once.recorded.json").read_text())
    (fetched,) = committed["facts"]["observed"]["fetches"]
    fetched |= {"groups": [group], "topics": [world.output]}
    file = folder / "exactly-once.json"
    file.write_text(json.dumps(committed))
    return file


@pytest.mark.servers
def test_an_lso_that_a_dead_producer_with_a_random_id_holds_is_found_and_so_is_a_reader_that_does_not_care(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    committed_once(world.address, world.output, world.identity)
    dead = f"{world.group}-{uuid.uuid4()}"
    world.dies_in_a_transaction(dead)
    careless, careful = f"audit-{world.group}", f"ledger-{world.group}"
    world.read(careless, "read_uncommitted", expected=2)
    world.read(careful, "read_committed", expected=1)
    (tmp_path / "oncewhere.toml").write_text(DECLARATION.format(**world.names))

    code, found = diagnosed(capsys, str(tmp_path), "-b", world.address)
    assert code == 1
    (held,) = found["last-stable-offset"][:1]
    assert (held["mark"], held["about"]) == ("fault", f"{world.output}[0]")
    assert f"held by {dead} since" in held["reason"]
    assert [finding["about"] for finding in found["random-transactional-id"]] == [dead]
    readers = {finding["about"]: finding["mark"] for finding in found["reader-isolation"]}
    assert readers == {f"group {careless}": "fault", f"group {careful}": "unknown"}
    code, found = diagnosed(capsys, str(tmp_path), "-b", world.address, "--reader", str(seen(tmp_path, careful, world)))
    assert {finding["about"]: finding["mark"] for finding in found["reader-isolation"]}[f"group {careful}"] == "good"
    assert {finding["mark"] for finding in found["hanging-transaction"]} == {"good"}


@pytest.mark.servers
def test_a_dedupe_table_without_its_key_is_found(
    world: World, postgres: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "oncewhere.toml").write_text(DECLARATION.format(**world.names))
    dsn = postgres.create_database(f"bank_{uuid.uuid4().hex[:8]}")
    look = (str(tmp_path), "-b", world.address, "--dsn", f"bank={dsn}")
    with psycopg.connect(dsn, autocommit=True) as db:
        code, found = diagnosed(capsys, *look)
        assert (code, found["table-shape"][0]["mark"]) == (3, "unknown")  # the table of `observe` may be another one

        named = '\n[document.effects.bank]\ndedupe_table = "processed_event"\ndedupe_column = "event_id"\n'
        with (tmp_path / "oncewhere.toml").open("a") as declaration:
            declaration.write(named)
        code, found = diagnosed(capsys, *look)
        assert (code, found["table-shape"][0]["mark"]) == (1, "fault")  # there is none

        db.execute("create table processed_event (event_id varchar(64), processed_at timestamp not null default now())")
        db.execute("insert into processed_event values ('e1'), ('e1')")
        before = db.execute("select * from processed_event").fetchall()
        code, found = diagnosed(capsys, *look)
        (key,) = found["table-key"]
        assert (code, key["mark"], key["about"]) == (1, "fault", "bank: processed_event")
        assert key["fix"] == "alter table processed_event add primary key (event_id);"
        assert db.execute("select * from processed_event").fetchall() == before

        db.execute("delete from processed_event")
        db.execute(key["fix"])
        code, found = diagnosed(capsys, *look)
        assert [finding["mark"] for finding in found["table-key"]] == ["good"]
        assert code == 3  # nobody reads the output, as far as can be seen
    postgres.drop_database(dsn.rpartition("/")[2].partition("?")[0])


@pytest.mark.servers
def test_a_processor_of_ours_is_held_against_its_ledger_its_claims_and_its_group(
    world: World,
    postgres: PostgresServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = f"bank_{uuid.uuid4().hex[:8]}"
    dsn = postgres.create_database(name)
    module = f"app_{uuid.uuid4().hex[:8]}"
    (tmp_path / f"{module}.py").write_text(APP.format(dsn=dsn, kafka=world.address, **world.names))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    look = (f"{module}:app", "--output", world.output)
    producer = Producer({"bootstrap.servers": world.address})
    for _ in range(5):
        producer.produce(world.input, b"{}", partition=0)
    assert producer.flush(LIMIT_S) == 0
    with closing(Consumer({"bootstrap.servers": world.address, "group.id": world.group})) as consumer:
        consumer.commit(offsets=[TopicPartition(world.input, 0, 3)], asynchronous=False)

    code, found = diagnosed(capsys, *look)
    assert {finding["mark"] for finding in found["table-shape"]} == {"good"}  # the first start makes them
    assert [finding["mark"] for finding in found["client-setting"]] == ["good"]
    assert {finding["mark"] for finding in found["client-version"]} == {"warning"}  # librdkafka issue 5423
    assert found["transactional-id-access"][0]["mark"] == "good"
    assert found["group-lag"][0]["reason"].startswith("empty, 0 members, 2 offsets behind")

    described = AdminClient({"bootstrap.servers": world.address})
    topic_id = str(described.describe_topics(TopicCollection([world.input]))[world.input].result(LIMIT_S).topic_id)
    with psycopg.connect(dsn, autocommit=True) as db:
        for statement in schema(capsys):
            db.execute(statement.encode())
        row = (world.group, topic_id, world.input)
        db.execute(
            "insert into oncewhere_ledger (group_id, topic_id, partition, topic, next_offset, covered_from, results) "
            "values (%s, %s, 0, %s, 2, 0, '')",
            row,
        )
        db.execute(
            "insert into oncewhere_calls "
            "(place, call_key, state, effect, group_id, topic, partition, record_offset, nth) "
            "values ('machine', 'k-1', 'in-doubt', 'punch', %s, %s, 0, 2, 0)",
            row[::2],
        )
        code, found = diagnosed(capsys, *look)
        assert code == 1
        (behind,) = found["ledger-position"]
        assert behind["mark"] == "fault"
        assert "behind the group's committed offset 3" in behind["reason"]
        assert "reset the group to 2" in behind["fix"]
        (doubt,) = found["in-doubt-calls"]
        assert doubt["mark"] == "fault"
        assert "k-1 of effect punch" in doubt["reason"]

        db.execute("update oncewhere_ledger set next_offset = 4, covered_from = 2")
        code, found = diagnosed(capsys, *look)
        (ahead,) = found["ledger-position"]
        assert (ahead["mark"], ahead["reason"]) == ("good", "1 offsets ahead of the group, whose results are recorded")
    postgres.drop_database(name)


@pytest.mark.servers
def test_watching_goes_on_until_it_is_interrupted(world: World) -> None:
    arguments = ["doctor", "transactions", "-b", world.address, "--output", world.output, "--watch", "--every", "0.1"]
    with subprocess.Popen(
        [sys.executable, "-m", "oncewhere", *arguments], stdout=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None
        looks = 0
        while looks < 2:
            line = watching.stdout.readline()
            assert line
            looks += " good" in line
        watching.send_signal(signal.SIGINT)
        assert watching.wait(30) == 130


def test_what_cannot_be_understood_is_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--watch"]) == 2
    assert main(["doctor"]) == 2
    assert "Name it: -b HOST:PORT" in capsys.readouterr().err
    for target in ([], ["transactions"]):
        assert main(["doctor", *target, "-b", "127.0.0.1:1"]) == UnreachableError.exit_code == 5
    assert "cannot be reached" in capsys.readouterr().err
    (tmp_path / "oncewhere.toml").write_text(DECLARATION.format(input="i", output="o", group="g"))
    assert main(["doctor", str(tmp_path), "-b", "127.0.0.1:1", "--client", "librdkafka"]) == 2
    assert "--client librdkafka names no library and version" in capsys.readouterr().err


def schema(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The tables of ours, as `oncewhere schema` prints them."""
    capsys.readouterr()
    assert main(["schema", "postgresql"]) == 0
    return [one for one in capsys.readouterr().out.split(";\n") if one.strip()]
