"""How many records a second: specs in; a table of rates, ratios in the same rounds, and verdicts on the targets out.

    python benchmarks/throughput.py [SPEC ...] [--rounds 3] [--scale 1.0]

Each run consumes the same preloaded records with a new group into a new topic. Progress is the group's committed
offsets, so only committed transactions count. What is compared is the *late rate*, over the second half of the records:
by then a JVM is warm, and no start-up is in it. Afterwards the output is read `read_committed` and verified, record by
record; a run whose output is wrong has no rate.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from measure.bounds import LATE_CPU, by_cpu, cores_in_use
from measure.figures import Row
from measure.output import verified
from measure.payments import PARTITIONS
from measure.peers import PEERS
from measure.progress import Progress
from measure.report import Column, table, verdicts
from measure.running import RunningPeer, cpu_s
from measure.session import WARM_UP, OutcomeError, Session, arguments, parsed, session, tag
from measure.spec import Spec
from measure.targets import Target

BASE = "hand-written"
COMMIT_MS = 100
LOOK_S = 0.025  # between two looks at the committed offsets
STALLED_S = 60.0  # without a committed record: then the run is given up
WARM_UP_SHARE = 1.0  # of the records, in the round that is thrown away: a broker compiles itself for long
TOO_SHORT = "too few records were left once half were done and every member had its share: raise --scale"
LEAST_SHARE = 0.1  # of the records must be left once all members have their partitions, or there is no late rate

DEFAULT = (
    "oncewhere",
    "oncewhere-batch",
    "oncewhere-alo",
    "hand-written",
    "hand-written-1",
    "franz-go",
    "java-client",
    "kafka-streams",
    "oncewhere:values=bytes",
    "oncewhere-batch:values=bytes",
    "hand-written:values=bytes",
    "kafka-streams:values=bytes",
    "oncewhere:processes=2",
    "oncewhere-batch:processes=2",
    "hand-written:processes=2",
    "kafka-streams-2",
    "hand-written-poll",
    "quix",
    "aiokafka",
)
RATE = "late_rate"
BAR = "hand-written"
"""How far Python comes on confluent-kafka: it does what ours does for a record, and handles no error."""
TARGETS = (
    Target(RATE, "oncewhere", 0.85, "hand-written"),
    Target(RATE, "oncewhere-batch", 0.95, "hand-written"),
    Target(RATE, "oncewhere", 1.6, "kafka-streams"),
    Target(RATE, "oncewhere", 0.8, "franz-go"),
    Target(RATE, "oncewhere:values=bytes", 2.0, "kafka-streams:values=bytes"),
    Target(RATE, "oncewhere-batch:values=bytes", 2.0, "kafka-streams:values=bytes"),
    Target(RATE, "oncewhere:processes=2", 1.2, "oncewhere"),
    Target(RATE, "oncewhere:processes=2", 2.5, "kafka-streams-2"),
    Target(RATE, "oncewhere-batch:processes=2", 1.2, "oncewhere-batch"),
    Target(RATE, "oncewhere-batch:processes=2", 2.5, "kafka-streams-2"),
    Target(RATE, "oncewhere", 0.97, "oncewhere-alo"),
)
COLUMNS = (
    Column(RATE, "late rate, thousand records/s", 1e-3, 0),
    Column("wall_rate", "with start-up", 1e-3, 0),
    Column("client_cpu_us", "client CPU, µs a record"),
    Column("broker_cpu_us", "broker CPU, µs a record"),
    Column(LATE_CPU, "both, second half"),
    Column("cores", "cores in use"),
)


@dataclass
class Clock:
    """When how many records were committed.

    Attributes:
        since: the start, of `time.perf_counter`.
        first: seconds and records at the first look that saw any.
        half: at the first look at which half of them were done and every member had its partitions.
        last: at the last look.
        shared_s: seconds until every member had its partitions.
        half_cpu_s: CPU seconds of all processes, at `half`.
        last_cpu_s: the same, at `last`.
    """

    since: float
    half_cpu_s: float | None = None
    last_cpu_s: float | None = None
    first: tuple[float, int] | None = None
    half: tuple[float, int] | None = None
    last: tuple[float, int] = (0.0, 0)
    shared_s: float | None = None

    def late_cpu_us(self) -> float | None:
        """Microseconds of CPU for each record after `half`; None where it is not known."""
        if self.half is None or self.half_cpu_s is None or self.last_cpu_s is None or self.last[1] <= self.half[1]:
            return None
        return (self.last_cpu_s - self.half_cpu_s) / (self.last[1] - self.half[1]) * 1e6

    def rate(self, begin: tuple[float, int] | None, least: int) -> float | None:
        """Records a second from a look to the last one; None where fewer than `least` lie between them."""
        if begin is None or self.last[1] - begin[1] < max(1, least) or self.last[0] <= begin[0]:
            return None
        return (self.last[1] - begin[1]) / (self.last[0] - begin[0])


def run(here: Session, spec: Spec, records: int, *, through: str | None = None) -> Mapping[str, Any]:
    """One run of one spec; `through` is another address for the peers than the broker's own."""
    here.prepare(spec)
    source, name = f"in-{records}", tag(spec)
    output = f"out-{name}"
    here.topics.load(source, records)
    here.topics.create(output)
    progress = Progress(here.bootstrap_servers, name, source)
    peers: list[RunningPeer] = []
    try:
        broker_before = cpu_s(here.broker_pid)
        clock = Clock(time.perf_counter())
        for i in range(spec.processes):
            job = {
                "INPUT": source,
                "OUTPUT": output,
                "TRANSACTIONAL_ID": f"{name}-{i}",
                "COMMIT_MS": COMMIT_MS if spec.commit_ms is None else spec.commit_ms,
            }
            if spec.processes > 1 and PEERS[spec.peer].by_hand:
                job["PARTITIONS"] = ",".join(map(str, range(i, PARTITIONS, spec.processes)))
            if through is not None:
                job["BOOTSTRAP_SERVERS"] = through
            peers.append(here.start(spec, name, job))
        watch(clock, progress, peers, records, members_to_wait_for(spec), lambda: all_cpu_s(here.broker_pid, peers))
        costs = {
            "client_cpu_us": per_record([peer.cpu_s() for peer in peers], records),
            "broker_cpu_us": per_record([cpu_s(here.broker_pid)], records, broker_before),
            "peak_mb": (sum(peer.peak_bytes() or 0 for peer in peers) / 1e6) or None,
        }
    finally:
        for peer in peers:
            peer.stop()
        progress.close()
    finding = verified(here.bootstrap_servers, output, expected=records, values=spec.values)
    here.topics.delete(output)
    late = clock.rate(clock.half, round(records * LEAST_SHARE))
    outcome, why = finding.outcome, str(finding)
    late_cpu_us = clock.late_cpu_us()
    if outcome == "ok" and late is None:
        outcome, why = "unknown", TOO_SHORT
    return {
        "outcome": outcome,
        "why": why,
        "records": records,
        RATE: late,
        "wall_rate": clock.last[1] / clock.last[0],
        "first_s": clock.first[0] if clock.first else None,
        "shared_s": clock.shared_s,
        LATE_CPU: late_cpu_us,
        "cores": cores_in_use(late, late_cpu_us),
        **costs,
    }


def members_to_wait_for(spec: Spec) -> int:
    """How many members must have partitions before the second half counts; 0: that needs no asking."""
    peer = PEERS[spec.peer]
    members = spec.processes * peer.members
    return members if members > 1 and not peer.by_hand else 0


def all_cpu_s(broker_pid: int | None, peers: list[RunningPeer]) -> float | None:
    """CPU seconds so far of the broker and of all peers; None where the system does not tell."""
    found = [cpu_s(broker_pid), *(peer.cpu_s() for peer in peers)]
    known = [value for value in found if value is not None]
    return sum(known) if len(known) == len(found) else None


def watch(
    clock: Clock,
    progress: Progress,
    peers: list[RunningPeer],
    records: int,
    members: int,
    used_s: Callable[[], float | None],
) -> None:
    """Looks until all records are committed; `used_s` tells the CPU seconds of all processes.

    Raises:
        OutcomeError: a process ended, or nothing moved any more.
    """
    moved = clock.since
    while clock.last[1] < records:
        if clock.shared_s is None and (not members or progress.shared_by(members)):
            clock.shared_s = time.perf_counter() - clock.since
        done, now = progress.total(), time.perf_counter()
        if done > clock.last[1]:
            moved = now
        clock.last = (now - clock.since, done)
        if done and clock.first is None:
            clock.first = clock.last
        if done * 2 >= records and clock.shared_s is not None and clock.half is None:
            clock.half, clock.half_cpu_s = clock.last, used_s()
        if any(peer.ended() for peer in peers):
            raise OutcomeError("bad", f"a process ended after {done:,} of {records:,} records")
        if now - moved > STALLED_S:
            raise OutcomeError("bad", f"no progress for {STALLED_S:g} s after {done:,} of {records:,} records")
        time.sleep(LOOK_S)
    clock.last_cpu_s = used_s()


def per_record(after: list[float | None], records: int, before: float | None = 0.0) -> float | None:
    """Microseconds of CPU for each record; None where the system does not tell."""
    known = [value for value in after if value is not None]
    if len(known) < len(after) or before is None:
        return None
    return (sum(known) - before) / records * 1e6


def main() -> None:
    parser = arguments(__doc__ or "", DEFAULT, rounds=3)
    parser.add_argument("--scale", type=float, default=1.0, help="times the usual number of records")
    parser.add_argument("--no-warm-up", action="store_true", help="count the first round too")
    options = parser.parse_args()
    specs = parsed(options.specs)

    def measure(spec: Spec, number: int) -> Mapping[str, Any]:
        share = options.scale * (WARM_UP_SHARE if number == WARM_UP else 1.0)
        return run(here, spec, max(1_000, round((spec.records or PEERS[spec.peer].records) * share)))

    with session("throughput", options.folder) as here:
        here.rounds(specs, options.rounds, measure, warm_up=not options.no_warm_up)
        rows: list[Row] = here.rows
        texts = {spec.text for spec in specs}
        base = BASE if BASE in texts else None
        parts = [table(rows, COLUMNS, base)]
        asked = [target for target in TARGETS if {target.spec, target.against} <= texts]
        if asked:
            parts += [verdicts(rows, asked), by_cpu(rows, asked, os.cpu_count() or 1, bar=BAR)]
        here.report("Throughput", *parts)


if __name__ == "__main__":
    main()
