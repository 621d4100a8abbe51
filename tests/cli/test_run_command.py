"""`oncewhere run` as a user types it: several instances on a real broker, and each way to type it wrongly."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from oncewhere.errors import FencedError

if TYPE_CHECKING:
    from oncewhere.stack import KafkaServer

WAIT_S = 60.0
PARTITIONS = 2
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

RELAY = """
import os
from oncewhere import Processor
from oncewhere.listeners.opentelemetry import instrument

tag, instance = os.environ["TAG"], os.environ["ONCEWHERE_INSTANCE"]
name = f"relay-{tag}-{instance if os.environ['NAMES'] == 'own' else 0}"
settings = {"bootstrap.servers": os.environ["KAFKA"], "group.instance.id": name, "session.timeout.ms": 6000}
app = Processor(settings, group_id=f"relay-{tag}", transactional_id=name)

def relay(record, tx):
    tx.produce(f"out-{tag}", record.value, headers=[*record.headers, ("instance", instance.encode())])

app.consume(f"in-{tag}", bytes)(instrument(relay, topic=f"in-{tag}", group_id=f"relay-{tag}"))
"""

EMPTY = """
import os
from oncewhere import Processor
print("instance", os.environ["ONCEWHERE_INSTANCE"], "of", os.getppid(), flush=True)
app = Processor({"bootstrap.servers": "127.0.0.1:1"}, group_id="g", transactional_id="empty-0")
"""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "oncewhere", "run", *arguments]


def environment(**more: str) -> dict[str, str]:
    return {**{k: v for k, v in os.environ.items() if k != "ONCEWHERE_INSTANCE"}, "NO_COLOR": "1", **more}


def typed(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    (folder / "empty.py").write_text(EMPTY)
    return subprocess.run(
        command("empty:app", *arguments),
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def eventually(condition: Callable[[], Any], evidence: Callable[[], object] = lambda: "") -> Any:
    deadline = time.monotonic() + WAIT_S
    while not (found := condition()):
        assert time.monotonic() < deadline, evidence()
        time.sleep(0.05)
    return found


def ports(count: int) -> int:
    """The first of some neighbouring ports that are free now."""
    while True:
        with ExitStack() as stack, socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                for number in range(1, count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port + number))
            except (OSError, OverflowError):
                continue
            return port


class Relay:
    """Two topics, and a supervisor with two instances between them."""

    def __init__(self, folder: Path, kafka: str, *, names: str = "own") -> None:
        self.tag = uuid.uuid4().hex[:8]
        self.kafka = kafka
        self.port = ports(2)
        self.sent: list[bytes] = []
        admin = AdminClient({"bootstrap.servers": kafka})
        new = [NewTopic(f"in-{self.tag}", PARTITIONS, 1), NewTopic(f"out-{self.tag}", 1, 1)]
        for future in admin.create_topics(new).values():
            future.result(20)
        (folder / "relay.py").write_text(RELAY)
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command("relay:app", "--instances", "2", "--health-port", str(self.port), "--metrics"),
                cwd=folder,
                env=environment(KAFKA=kafka, TAG=self.tag, NAMES=names),
                stdout=log,
                stderr=log,
            )

    def ask(self, number: int, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port + number}{path}", timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b"{}"

    def partitions(self, number: int) -> int | None:
        code, body = self.ask(number, "/readyz")
        return int(json.loads(body)["partitions"]) if code == 200 else None

    def counted(self, number: int) -> list[str]:
        return re.findall(r"^oncewhere_records_total (\S+)", self.ask(number, "/metrics")[1].decode(), re.MULTILINE)

    def shared(self) -> bool:
        return [self.partitions(number) for number in range(2)] == [1, 1]

    def send(self, count: int) -> None:
        producer = Producer({"bootstrap.servers": self.kafka})
        for number in range(count):
            self.sent.append(b"%d" % len(self.sent))
            producer.produce(f"in-{self.tag}", self.sent[-1], partition=number % 2, headers=[("traceparent", TRACE)])
        assert producer.flush(20) == 0

    def received(self) -> list[Any]:
        """What a read_committed reader sees of the output, up to its end."""
        settings = {
            "bootstrap.servers": self.kafka,
            "group.id": uuid.uuid4().hex,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
        found = []
        with closing(Consumer(settings)) as consumer:
            consumer.assign([TopicPartition(f"out-{self.tag}", 0, 0)])
            while (message := consumer.poll(20)) is not None and message.error() is None:
                found.append(message)
        return found

    def pid(self, number: int) -> int:
        """Of the process that runs as this instance now."""
        return int(re.findall(rf"instance {number} started, pid (\d+)", self.log.read_text())[-1])


@pytest.fixture
def relay(tmp_path: Path, kafka: KafkaServer) -> Iterator[Callable[..., Relay]]:
    started: list[Relay] = []

    def start(**options: str) -> Relay:
        started.append(Relay(tmp_path, kafka.bootstrap_servers, **options))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait(WAIT_S)


@pytest.mark.servers
def test_two_instances_share_the_partitions_and_a_killed_one_comes_back(relay: Callable[..., Relay]) -> None:
    run = relay()
    eventually(run.shared, run.log.read_text)
    run.send(20)
    eventually(lambda: len(run.received()) >= 20, run.log.read_text)
    eventually(lambda: [run.counted(number) for number in range(2)] == [["10.0"], ["10.0"]], run.log.read_text)

    killed = run.pid(1)
    os.kill(killed, signal.SIGKILL)
    run.send(20)
    eventually(lambda: len(run.received()) >= 40, run.log.read_text)
    eventually(run.shared, run.log.read_text)
    assert run.pid(1) != killed

    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(WAIT_S) == 0, run.log.read_text()
    received = run.received()
    assert sorted(message.value() for message in received) == sorted(run.sent)
    headers = [message.headers() for message in received]
    assert {one[-2:] == [("instance", b"0"), ("traceparent", TRACE)] for one in headers} == {True, False}
    assert all(one.count(("traceparent", TRACE)) == 1 and len(one) == 2 for one in headers)
    for number in range(2):
        with pytest.raises(ProcessLookupError):
            os.kill(run.pid(number), 0)


@pytest.mark.servers
def test_a_fenced_instance_stays_down_and_its_partition_goes_to_the_other(relay: Callable[..., Relay]) -> None:
    run = relay()
    eventually(run.shared, run.log.read_text)
    thief = Producer({"bootstrap.servers": run.kafka, "transactional.id": f"relay-{run.tag}-1"})
    thief.init_transactions(20)
    run.send(20)
    eventually(lambda: "instance 1 ended with exit code" in run.log.read_text(), run.log.read_text)
    assert "it was fenced, and is not started again" in run.log.read_text()
    eventually(lambda: len(run.received()) >= 20, run.log.read_text)
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(WAIT_S) == FencedError.exit_code
    assert sorted(message.value() for message in run.received()) == sorted(run.sent)
    assert len(re.findall("instance 1 started", run.log.read_text())) == 1


@pytest.mark.servers
def test_instances_that_would_fence_each_other_are_refused(relay: Callable[..., Relay]) -> None:
    run = relay(names="same")
    assert run.process.wait(WAIT_S) == 2
    assert f"all have transactional.id 'relay-{run.tag}-0': they would fence each other" in run.log.read_text()


def test_one_instance_is_number_0_and_no_child(tmp_path: Path) -> None:
    done = typed(tmp_path)
    assert done.stdout == f"instance 0 of {os.getpid()}\n"
    assert done.returncode == 2
    assert "consumes nothing" in done.stderr


def test_a_number_that_was_given_stays(tmp_path: Path) -> None:
    assert typed(tmp_path, ONCEWHERE_INSTANCE="3").stdout == f"instance 3 of {os.getpid()}\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metrics"], "--metrics needs a port to answer on"),
        (["--health-port", "x"], "'x' is no address for the health port"),
        (["--instances", "2", "--health-port", "65535"], "do not find a port each"),
        (["--instances", "0"], "--instances"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_starts(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    done = typed(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_numbers_that_are_given_from_outside_are_not_given_again(tmp_path: Path) -> None:
    done = typed(tmp_path, "--instances", "2", ONCEWHERE_INSTANCE="1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "would fence each other" in done.stderr


def test_an_error_that_all_share_ends_all_of_them(tmp_path: Path) -> None:
    done = typed(tmp_path, "--instances", "2")
    assert done.returncode == 2
    assert re.search(r"^\[[01]\] oncewhere: This processor consumes nothing", done.stderr, re.MULTILINE) or (
        "all have transactional.id 'empty-0'" in done.stderr
    )
