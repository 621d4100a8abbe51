"""Faults at random for minutes, and a reader that never looks away: settings in, figures and an exit code out.

    make soak                                      # ten minutes, three brokers
    make soak SOAK_ARGS="--seconds 60 --seed 7"    # a minute, the same faults each time
    make soak SOAK_ARGS="--assignment consumer --effects"

Three instances of one processor share a group. Every few seconds one of them is killed, or stopped for longer than its
session, or a broker is restarted. A feeder numbers the events; a read_committed reader beside it all must see each
number once, in order, and no record of an aborted transaction. With `--effects` each event is also a row in PostgreSQL,
kept once by an offset ledger. Exit codes: 0 held, 1 violated, 3 unknown.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

sys.path.insert(0, str(Path(__file__).parents[1]))  # run as a script, `soak` is to be the folder, not this file

from oncewhere.cli.places import cache_folder
from oncewhere.errors import OncewhereError
from oncewhere.stack import PostgresServer
from oncewhere.stack.kafka_cluster import KafkaCluster
from soak import reader as reading
from soak.bank import Bank
from soak.checks import Checker, Kind
from soak.event import POISON
from soak.faults import SESSION_TIMEOUT_S, Faults
from soak.feeder import Feeder
from soak.fleet import Instance
from soak.instance import BUGS, Work
from soak.poisoner import Poisoner
from soak.reader import Reader
from soak.recovery import Recoveries
from soak.standing import Place, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

HELD, VIOLATED, UNKNOWN = 0, 1, 3

TRANSACTION_TIMEOUT_S = 6.0
TICK_S = 0.05
TOLD_EVERY_S = 5.0
DRAIN_LIMIT_S = 60.0
"""How long the drain may go without a single new record; a transaction of a zombie must time out meanwhile."""
READ_UNCOMMITTED = "read-uncommitted"

SETTINGS: Mapping[str, Any] = {
    "transaction.timeout.ms": round(TRANSACTION_TIMEOUT_S * 1000),
    "reconnect.backoff.max.ms": 500,
}
CLASSIC: Mapping[str, Any] = {"session.timeout.ms": round(SESSION_TIMEOUT_S * 1000), "heartbeat.interval.ms": 500}
ASSIGNMENTS: Mapping[str, Mapping[str, Any]] = {
    "eager": CLASSIC,
    "cooperative": {**CLASSIC, "partition.assignment.strategy": "cooperative-sticky"},
    "consumer": {"group.protocol": "consumer"},
}
"""How the group gives its partitions out, as settings of its members."""
BROKER_SETTINGS = {"group.consumer.session.timeout.ms": str(round(SESSION_TIMEOUT_S * 1000))}
"""In the consumer protocol (KIP-848) it is the broker who says when a member is dead."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is told; see `main`."""

    seconds: float
    seed: int
    brokers: int = 1
    instances: int = 3
    partitions: int = 6
    keys: int = 24
    rate: float = 400.0
    bug: str = ""
    assignment: str = "eager"
    bank: str = ""
    name: str = "soak"

    @property
    def replay(self) -> str:
        """The command that runs the same faults again."""
        told = f"--seconds {self.seconds:g} --seed {self.seed} --brokers {self.brokers} --rate {self.rate:g}"
        told += f" --assignment {self.assignment}" if self.assignment != "eager" else ""
        told += " --effects" if self.bank else ""
        told += f" --bug {self.bug}" if self.bug else ""
        return f'make soak SOAK_ARGS="{told}"'


@dataclass(slots=True)
class Result:
    """What came of a run.

    Attributes:
        violations: sentences.
        unknown: why something could not be seen, as sentences.
        figures: by name.
    """

    violations: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    @property
    def code(self) -> int:
        """The exit code: a violation stands even where something else is unknown."""
        return VIOLATED if self.violations else UNKNOWN if self.unknown else HELD


class Soak:
    """One run.

    Args:
        plan: what to do.
        cluster: where; it is running.
        folder: where the instances write.
    """

    def __init__(self, plan: Plan, cluster: KafkaCluster, folder: Path) -> None:
        address = cluster.bootstrap_servers
        self._plan = plan
        name = plan.name
        self._place = place = Place(address, f"{name}-in", f"{name}-out", name, plan.partitions, plan.brokers)
        self._keys = [f"k{number}" for number in range(plan.keys)]
        self._make_topics(3 if plan.brokers >= 3 else 1)
        settings = {"bootstrap.servers": address, **SETTINGS, **ASSIGNMENTS[plan.assignment]}
        self._bank = Bank(plan.bank) if plan.bank else None
        bug = plan.bug if plan.bug in BUGS else ""
        self._instances = [
            Instance(
                Work(settings, place.input, place.output, place.group, f"{name}-{number}", "", bug, plan.bank), folder
            )
            for number in range(1, plan.instances + 1)
        ]
        isolation: reading.Isolation = "read_uncommitted" if plan.bug == READ_UNCOMMITTED else "read_committed"
        self._feeder = Feeder(address, place.input, self._keys, plan.partitions, plan.rate)
        self._reader = Reader(address, place.output, plan.partitions, self._keys, isolation)
        self._poisoner = Poisoner(address, place.output, plan.partitions, f"{name}-poisoner")
        self._faults = Faults(plan.seed, self._instances, cluster)
        self._recoveries = Recoveries()
        self._told_at = 0.0

    def run(self) -> Result:
        """Runs it to its end, or to the first violation."""
        result = Result()
        began = time.monotonic()
        with ExitStack() as ends:
            for part in (self._reader, self._poisoner, self._feeder):
                part.start()
                ends.callback(part.stop)
            for instance in self._instances:
                ends.callback(instance.kill, 0.0)
            while time.monotonic() < began + self._plan.seconds and self._goes_on():
                fault = self._faults.tick(time.monotonic())
                if fault is not None:
                    self._recoveries.began(fault, dict(self._feeder.sent))
                self._tick(began)
            self._faults.settle()
            if not self._feeder.stop():
                result.unknown.append(f"not every event arrived in the input topic: {self._feeder.failed[:3]}")
            self._drain(began)
            if self._goes_on():
                self._tick(began)
                for instance in self._instances:
                    instance.stop()
        self._judge(result)
        result.figures = self._figures(time.monotonic() - began)
        return result

    # ---- while it runs

    def _goes_on(self) -> bool:
        """Whether nothing is lost yet: the first violation ends the run, with its evidence fresh."""
        with self._reader.lock:
            clean = self._reader.checker.is_clean
        crashed = any(instance.crashes for instance in self._instances)
        return clean and not crashed and self._reader.error is None and self._faults.broker_error is None

    def _tick(self, began: float) -> None:
        now = time.monotonic()
        for instance in self._instances:
            instance.tick(now)
        self._recoveries.look(now, self._reader.progress())
        if now - self._told_at > TOLD_EVERY_S:
            self._told_at = now
            sys.stderr.write(
                f"{now - began:5.0f} s: {self._feeder.total} sent, {self._reader.checker.records} read, "
                + ", ".join(f"{self._faults.count(kind)} {kind}s" for kind in ("kill", "stop", "broker"))
                + f", {self._recoveries.open} recovering\n"
            )
        time.sleep(TICK_S)

    def _drain(self, began: float) -> None:
        """Until every event has come out, and every instance is up, so that each can be asked to stop."""
        last, deadline = -1, 0.0
        while self._goes_on() and (self._missing() or not all(instance.up for instance in self._instances)):
            if last != self._reader.checker.records:
                last, deadline = self._reader.checker.records, time.monotonic() + DRAIN_LIMIT_S
            if time.monotonic() > deadline:
                break
            self._tick(began)

    def _missing(self) -> int:
        with self._reader.lock:
            return self._reader.checker.missing(self._feeder.sent)

    # ---- afterwards

    def _judge(self, result: Result) -> None:
        for instance in self._instances:
            result.violations += instance.crashes
        for error in (self._reader.error, self._faults.broker_error):
            if error is not None:
                result.unknown.append(f"the soak itself failed: {error!r}")
        online = self._reader.checker
        if online.is_clean and (result.unknown or result.violations):
            return
        place = self._place
        try:
            # First: an input that is itself wrong says nothing about the outputs.
            source = self._check(reading.inputs(place.bootstrap, place.input, place.partitions), complete=True)
            if not source.is_clean:
                result.unknown += [f"the input itself is wrong: {violation}" for violation in source.violations()]
                return
            if online.is_clean:
                result.unknown += unknown(place)
            complete = online.is_clean and not result.unknown
            second = self._check(reading.everything(place.bootstrap, place.output, place.partitions), complete)
        except (TimeoutError, OncewhereError) as error:
            result.unknown.append(str(error))
            result.violations += [str(violation) for violation in online.violations()]
            return
        if not online.is_clean:
            again = "found again" if not second.is_clean else "NOT found"
            result.violations += [f"{violation} ({again} by a second reader)" for violation in online.violations()]
            return
        result.violations += [str(violation) for violation in second.violations()]
        if complete and second.records != online.records:
            result.violations.append(f"{online.records} were read while it ran, and {second.records} afterwards")
        if self._bank is not None and complete:
            result.violations += self._bank.violations(self._feeder.sent)

    def _check(self, seen: Iterable[reading.Seen], complete: bool) -> Checker:
        checker = Checker(frozenset(self._keys), POISON)
        for record in seen:
            checker.see(record)
        checker.end(self._feeder.sent, complete=complete)
        return checker

    def _figures(self, took_s: float) -> dict[str, object]:
        told: dict[str, int] = {}
        ended: dict[str, int] = {}
        for instance in self._instances:
            for name in instance.told():
                told[name] = told.get(name, 0) + 1
            for name, count in instance.exits.items():
                ended[name] = ended.get(name, 0) + count
        counts = self._reader.checker.counts
        return {
            "assignment": self._plan.assignment,
            "effects": self._bank is not None,
            "seconds": round(took_s, 1),
            "sent": self._feeder.total,
            "records": self._reader.checker.records,
            "kills": self._faults.count("kill"),
            "stops": self._faults.count("stop"),
            "broker_restarts": self._faults.count("broker"),
            "recoveries": len(self._recoveries.closed),
            "slowest_recovery": self._recoveries.slowest(),
            "transactions": told.get("TransactionCommitted", 0),
            "rewinds": told.get("Rewound", 0),
            "producers_replaced": told.get("ProducerReplaced", 0),
            "ended_by_themselves": ended,
            "aborted_on_purpose": self._poisoner.aborted,
            "lost": counts[Kind.LOST],
            "duplicates": counts[Kind.DUPLICATE],
            "aborted_reads": counts[Kind.ABORTED_READ],
        }

    def _make_topics(self, replicas: int) -> None:
        admin = AdminClient({"bootstrap.servers": self._place.bootstrap})
        new = [NewTopic(name, self._plan.partitions, replicas) for name in (self._place.input, self._place.output)]
        for made in admin.create_topics(new).values():
            made.result(30)


@contextmanager
def _bank(folder: Path) -> Iterator[str]:
    """A database of a server of its own; gives its DSN."""
    server = PostgresServer(folder / "postgres", cache_folder(), fsync=False)  # processes are killed, not machines
    server.start()
    try:
        yield server.create_database("soak")
    finally:
        server.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Run a soak; returns its exit code."""
    parser = argparse.ArgumentParser(prog="soak", description="Faults at random, and a reader that never looks away.")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long faults happen; draining comes on top")
    parser.add_argument("--seed", type=int, default=None, help="of the faults; random if not given")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=3)
    parser.add_argument("--rate", type=float, default=400.0, help="events per second")
    parser.add_argument("--assignment", choices=ASSIGNMENTS, default="eager", help="how partitions are given out")
    parser.add_argument("--effects", action="store_true", help="each event is also a row in PostgreSQL")
    parser.add_argument("--bug", choices=(*BUGS, READ_UNCOMMITTED), default="", help="plant a mistake: must exit 1")
    told = parser.parse_args(argv)
    seed = told.seed if told.seed is not None else random.SystemRandom().randrange(1_000_000)
    folder = Path(tempfile.mkdtemp(prefix="oncewhere-soak-"))
    with ExitStack() as running:
        cluster = running.enter_context(
            KafkaCluster(folder, cache_folder(), brokers=told.brokers, settings=BROKER_SETTINGS)
        )
        bank = running.enter_context(_bank(folder)) if told.effects else ""
        plan = Plan(
            told.seconds,
            seed,
            brokers=told.brokers,
            rate=told.rate,
            bug=told.bug,
            assignment=told.assignment,
            bank=bank,
        )
        result = Soak(plan, cluster, folder).run()
    for name, value in result.figures.items():
        sys.stdout.write(f"{name.replace('_', ' '):20} {value}\n")
    for sentence in (*result.violations, *result.unknown):
        sys.stdout.write(f"{sentence}\n")
    verdict = {HELD: "held", VIOLATED: "VIOLATED", UNKNOWN: "UNKNOWN"}[result.code]
    sys.stdout.write(f"{verdict}; again with: {plan.replay}\n")
    if result.code == HELD:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        sys.stdout.write(f"what the instances said: {folder}\n")
    return result.code


if __name__ == "__main__":
    sys.exit(main())
