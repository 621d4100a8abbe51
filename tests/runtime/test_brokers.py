"""A broker dies under load, whatever it was responsible for: every input has one output, in order, all offsets in."""

from __future__ import annotations

import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from soak.checks import Checker
from soak.event import POISON
from soak.feeder import Feeder
from soak.fleet import Instance
from soak.instance import Work
from soak.reader import Reader, everything
from soak.standing import Place, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from oncewhere.stack import KafkaServer
    from oncewhere.stack.kafka_cluster import KafkaCluster

pytestmark = pytest.mark.servers

WAIT_S = 60.0
PARTITIONS = 3
KEYS = [f"k{number}" for number in range(6)]
SETTINGS = {
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 500,
    "transaction.timeout.ms": 6000,
    "reconnect.backoff.max.ms": 500,
    "log_level": 0,
}

VICTIMS: dict[str, Callable[[KafkaCluster, Place, str], KafkaServer]] = {
    "leader of an output partition": lambda cluster, place, _: cluster.leader(place.output, 0),
    "transaction coordinator": lambda cluster, _, name: cluster.transaction_coordinator(name),
    "group coordinator": lambda cluster, place, _: cluster.group_coordinator(place.group),
}


@dataclass(frozen=True, slots=True)
class Load:
    """A processor in its own process, what feeds it, and who reads its output."""

    place: Place
    instance: Instance
    feeder: Feeder
    reader: Reader

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            self.instance.tick(time.monotonic())  # as a supervisor would: it restarts what ends by itself
            assert self.reader.checker.is_clean, list(self.reader.checker.violations())
            assert not self.instance.crashes
            assert time.monotonic() < deadline, (unknown(self.place), self.instance.errors.read_text()[-2000:])
            time.sleep(0.02)

    def wait_for_what_is_sent_now(self) -> None:
        """Until every key has an output whose input was sent after this call."""
        sent = dict(self.feeder.sent)
        self.wait_until(lambda: all(number > sent[key] for key, number in self.reader.progress().items()))


@pytest.fixture
def load(kafka3: KafkaCluster, tmp_path: Path) -> Iterator[Load]:
    tag = uuid.uuid4().hex[:8]
    place = Place(kafka3.bootstrap_servers, f"in-{tag}", f"out-{tag}", f"group-{tag}", PARTITIONS, 3)
    admin = AdminClient({"bootstrap.servers": place.bootstrap, "log_level": 0})
    for made in admin.create_topics([NewTopic(name, PARTITIONS) for name in (place.input, place.output)]).values():
        made.result(WAIT_S)
    settings = {"bootstrap.servers": place.bootstrap, **SETTINGS}
    work = Work(settings, place.input, place.output, place.group, f"instance-{tag}", "")
    with ExitStack() as ends:
        instance = Instance(work, tmp_path)
        ends.callback(instance.kill, 0.0)
        feeder = Feeder(place.bootstrap, place.input, KEYS, PARTITIONS, 500)
        ends.callback(feeder.stop)
        reader = Reader(place.bootstrap, place.output, PARTITIONS, KEYS)
        ends.callback(reader.stop)
        for part in (instance, feeder, reader):
            part.start()
        yield Load(place, instance, feeder, reader)


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_broker_killed_under_load_costs_no_record_and_doubles_none(
    kafka3: KafkaCluster, load: Load, victim: str
) -> None:
    load.wait_for_what_is_sent_now()
    broker = VICTIMS[victim](kafka3, load.place, load.instance.work.name)
    broker.kill()
    load.wait_for_what_is_sent_now()  # on two brokers
    broker.start()
    kafka3.wait_in_sync()
    load.wait_for_what_is_sent_now()
    assert load.feeder.stop()
    load.wait_until(lambda: load.reader.checker.missing(load.feeder.sent) == 0)
    load.instance.stop()
    assert not load.instance.crashes
    assert unknown(load.place) == [], "every input is committed, no transaction is open"
    checker = Checker(frozenset(KEYS), POISON)
    for seen in everything(load.place.bootstrap, load.place.output, PARTITIONS):
        checker.see(seen)
    checker.end(load.feeder.sent, complete=True)
    assert list(checker.violations()) == []
    assert checker.records == load.feeder.total > 0
