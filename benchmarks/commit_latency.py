"""How long one transaction of one record takes: nothing in; percentiles for each client and setting out.

    python benchmarks/commit_latency.py [--count 500] [--rounds 3]

From begin to the end of the commit, with the consumed offset in it. Our runtime is measured from within: one record is
sent, its output awaited, then the next one; it tells the beginning and the end of each transaction itself. The first
transactions are thrown away.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from latency import percentiles
from measure import payments
from measure.bounds import by_client
from measure.build import NotBuilt, build
from measure.report import Column, table, verdicts
from measure.session import OutcomeError, Session, arguments, session, tag
from measure.spec import Spec, parse
from measure.targets import Target

THROWN_AWAY = 50
COLUMNS = (Column("p50_ms", "p50, ms", digits=2), Column("p99_ms", "p99", digits=2), Column("max_ms", "worst"))
TARGETS = (
    Target("p50_ms", "oncewhere", 3, at_least=False, unit="ms"),
    Target("p99_ms", "oncewhere", 25, at_least=False, unit="ms"),
)
ALONE = "librdkafka:retry_backoff_ms=1"
ANSWER_LIMIT_S = 30.0
JAVA_LIMIT_S = 120.0
BETWEEN_S = 0.002  # from one record's output to the next record


def librdkafka(here: Session, spec: Spec, count: int) -> Mapping[str, Any]:
    """confluent-kafka, with a `retry.backoff.ms`: what a CONCURRENT_TRANSACTIONS answer costs."""
    name = tag(spec)
    here.topics.create(name)
    consumer = Consumer(
        {"bootstrap.servers": here.bootstrap_servers, "group.id": name, "isolation.level": "read_committed"}
    )
    consumer.subscribe([name])
    deadline = time.monotonic() + ANSWER_LIMIT_S
    while not consumer.assignment() and time.monotonic() < deadline:
        consumer.poll(0.1)
    producer = Producer(
        {
            "bootstrap.servers": here.bootstrap_servers,
            "transactional.id": name,
            "linger.ms": 0,
            "retry.backoff.ms": dict(spec.options)["retry_backoff_ms"],
        }
    )
    producer.init_transactions()
    times: list[float] = []
    for i in range(count):
        since = time.perf_counter()
        producer.begin_transaction()
        producer.produce(name, b"x", b"k", 0)
        producer.send_offsets_to_transaction([TopicPartition(name, 0, i + 1)], consumer.consumer_group_metadata())
        producer.commit_transaction()
        times.append((time.perf_counter() - since) * 1000)
    consumer.close()
    here.topics.delete(name)
    return found(times, count)


def java(here: Session, spec: Spec, count: int) -> Mapping[str, Any]:
    """The Java client, in its own process."""
    built = build("java")
    if isinstance(built, NotBuilt):
        raise OutcomeError("not built", built.reason)
    name = tag(spec)
    here.topics.create(name)
    job = {
        "BOOTSTRAP_SERVERS": here.bootstrap_servers,
        "INPUT": name,
        "OUTPUT": name,
        "GROUP": name,
        "COUNT": str(count),
    }
    environment = {f"PEER_{key}": value for key, value in {**job, "TRANSACTIONAL_ID": name}.items()}
    done = subprocess.run(
        [*built.argv, "CommitTimes"], env=environment, capture_output=True, text=True, timeout=JAVA_LIMIT_S, check=True
    )
    here.topics.delete(name)
    return found([float(line) for line in done.stdout.split()], count)


def ours(here: Session, spec: Spec, count: int) -> Mapping[str, Any]:
    """Our runtime, one record at a time."""
    name = tag(spec)
    source, output = f"in-{name}", f"out-{name}"
    here.topics.create(source)
    here.topics.create(output)
    stats = here.folder.path / f"{name}.json"
    reader = Consumer(
        {
            "bootstrap.servers": here.bootstrap_servers,
            "group.id": f"reader-{name}",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 5,
        }
    )
    reader.assign([TopicPartition(output, number, 0) for number in range(payments.PARTITIONS)])
    producer = Producer({"bootstrap.servers": here.bootstrap_servers, "linger.ms": 0})
    peer = here.start(spec, name, {"INPUT": source, "OUTPUT": output, "COMMIT_MS": 0, "STATS": str(stats)})
    trips: list[float] = []
    try:
        for i in range(count):
            since = time.perf_counter()
            producer.produce(source, payments.authorized(i), payments.key_of(i))
            producer.flush(ANSWER_LIMIT_S)
            message = reader.poll(ANSWER_LIMIT_S)
            if message is None:
                raise OutcomeError("bad", f"no output for record {i} within {ANSWER_LIMIT_S:g} s")
            if message.error() is not None:
                raise KafkaException(message.error())
            trips.append((time.perf_counter() - since) * 1000)
            time.sleep(BETWEEN_S)
    finally:
        peer.stop()
        reader.close()
    here.topics.delete(source, output)
    row = found(json.loads(stats.read_text()), count)
    return {**row, "round_trip_p50_ms": statistics.median(trips[THROWN_AWAY:])}


def found(times: Sequence[float], count: int) -> dict[str, Any]:
    """A row of what was measured.

    Raises:
        OutcomeError: there were not as many transactions as records: some had more than one record, or it told less.
    """
    if len(times) != count:
        raise OutcomeError("unknown", f"{len(times)} transactions for {count} records")
    return {"outcome": "ok", "why": "", "count": count, **percentiles(times[THROWN_AWAY:])}


MEASURES: Mapping[str, Callable[[Session, Spec, int], Mapping[str, Any]]] = {
    "oncewhere": ours,
    ALONE: librdkafka,
    "librdkafka:retry_backoff_ms=100": librdkafka,
    "java-client": java,
}


def main() -> None:
    parser = arguments(__doc__ or "", tuple(MEASURES), rounds=3)
    parser.add_argument("--count", type=int, default=500, help="how many transactions each")
    options = parser.parse_args()
    if unknown := set(options.specs) - set(MEASURES):
        parser.error(f"there is no {unknown.pop()}; there are {', '.join(MEASURES)}")
    specs = [parse(text) for text in options.specs]
    with session("commit-latency", options.folder) as here:
        here.rounds(specs, options.rounds, lambda spec, _: MEASURES[spec.text](here, spec, options.count), warm_up=True)
        parts = [table(here.rows, COLUMNS)]
        if "oncewhere" in options.specs:
            parts += [verdicts(here.rows, TARGETS), by_client(here.rows, TARGETS, ALONE)]
        here.report("One transaction of one record", *parts)


if __name__ == "__main__":
    main()
