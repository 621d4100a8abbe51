"""How long a record takes from its producer to a `read_committed` reader: specs in; percentiles in milliseconds out.

    python benchmarks/latency.py [SPEC ...] [--rounds 3] [--rate 1000] [--seconds 8]

Payments are sent at a steady rate, each stamped with the moment of sending; every peer commits every 20 ms; the reader
takes the difference. Feeder and reader share this process and its clock. The first seconds after the first output are
thrown away: a JVM is cold then.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from measure.bounds import by_peers
from measure.feeder import Feeder
from measure.payments import PARTITIONS
from measure.report import Column, table, verdicts
from measure.session import OutcomeError, Session, arguments, parsed, session, tag
from measure.spec import Spec
from measure.targets import Target

BASE = "oncewhere"
DEFAULT = ("oncewhere", "hand-written-1", "franz-go", "java-client", "kafka-streams", "quix", "aiokafka")
TARGETS = (
    Target("p50_ms", "oncewhere", 16, at_least=False, unit="ms"),
    Target("p99_ms", "oncewhere", 30, at_least=False, unit="ms"),
    *(
        Target(metric, "oncewhere", 1.0, peer, at_least=False)  # no worse than any peer
        for metric in ("p50_ms", "p99_ms")
        for peer in DEFAULT
        if peer != BASE
    ),
)
COLUMNS = (
    Column("p50_ms", "p50, ms"),
    Column("p90_ms", "p90"),
    Column("p99_ms", "p99"),
    Column("max_ms", "worst"),
)
COMMIT_MS = 20
FIRST_LIMIT_S = 60.0  # until the first output
WARM_S = 3.0  # after it
AT_ONCE, WAIT_S = 500, 0.002
LEAST_SHARE = 0.9  # of the records sent must have been seen
STAMP = re.compile(rb'"ts": ?(\d+)')


def run(here: Session, spec: Spec, rate: int, seconds: float) -> Mapping[str, Any]:
    """One run of one spec."""
    here.prepare(spec)
    name = tag(spec)
    source, output = f"in-{name}", f"out-{name}"
    here.topics.create(source)
    here.topics.create(output)
    reader = Consumer(
        {
            "bootstrap.servers": here.bootstrap_servers,
            "group.id": f"reader-{name}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 5,
        }
    )
    reader.assign([TopicPartition(output, number, 0) for number in range(PARTITIONS)])
    job = {"INPUT": source, "OUTPUT": output, "COMMIT_MS": COMMIT_MS if spec.commit_ms is None else spec.commit_ms}
    peer = here.start(spec, name, job)
    try:
        with Feeder(here.bootstrap_servers, source, rate, stamped=True):
            _delays_ms(reader, FIRST_LIMIT_S, first=True)
            _delays_ms(reader, WARM_S)
            delays = _delays_ms(reader, seconds)
            if peer.ended():
                raise OutcomeError("bad", "the process ended")
    finally:
        peer.stop()
        reader.close()
        here.topics.delete(source, output)
    if len(delays) < rate * seconds * LEAST_SHARE:
        raise OutcomeError("bad", f"{len(delays):,} records came in {seconds:g} s, and {rate * seconds:,.0f} were sent")
    return {"outcome": "ok", "why": "", "records": len(delays), **percentiles(delays)}


def _delays_ms(reader: Consumer, limit_s: float, *, first: bool = False) -> list[float]:
    """Reads for so long, or up to the first record."""
    found: list[float] = []
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and not (first and found):
        for message in reader.consume(AT_ONCE, WAIT_S):
            now_us = time.time_ns() // 1000
            if message.error() is not None:
                raise KafkaException(message.error())
            stamp = STAMP.search(message.value() or b"")
            if stamp is not None:
                found.append((now_us - int(stamp[1])) / 1000)
    if first and not found:
        raise OutcomeError("bad", f"no output within {limit_s:g} s")
    return found


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """The middle and the end of a distribution."""
    ranked = sorted(values)
    at = {"p50_ms": 0.5, "p90_ms": 0.9, "p99_ms": 0.99}
    return {name: ranked[int(len(ranked) * share)] for name, share in at.items()} | {"max_ms": ranked[-1]}


def main() -> None:
    parser = arguments(__doc__ or "", DEFAULT, rounds=3)
    parser.add_argument("--rate", type=int, default=1_000, help="records a second")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each run counts")
    options = parser.parse_args()
    specs = parsed(options.specs)
    with session("latency", options.folder) as here:
        here.rounds(specs, options.rounds, lambda spec, _: run(here, spec, options.rate, options.seconds), warm_up=True)
        texts = {spec.text for spec in specs}
        parts = [table(here.rows, COLUMNS, BASE if BASE in texts else None)]
        if asked := [target for target in TARGETS if {target.spec, target.against or target.spec} <= texts]:
            parts += [verdicts(here.rows, asked), by_peers(here.rows, asked)]
        here.report(f"Latency at {options.rate:,} records/s, commits every {COMMIT_MS} ms", *parts)


if __name__ == "__main__":
    main()
