"""How much memory a slow processor takes in front of a long backlog: record sizes in; peak resident megabytes out.

    python benchmarks/memory.py [SPEC ...] [--seconds 20] [--backlog-mb 400]

The handler sleeps for each record (5 ms; 100 ms for a megabyte), so the clients' queues fill up as far as they ever
will. What counts is the most memory that the process had resident within `--seconds` of its start.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from measure.progress import Progress
from measure.report import Column, table
from measure.session import OutcomeError, Session, arguments, parsed, session, tag
from measure.spec import Spec

DEFAULT = ("oncewhere", "hand-written-1")
SLOW_MS = {1: 5, 100: 5, 10_000: 5, 990_000: 100}  # bytes of a value: how long its handler sleeps
MOST_RECORDS = 500_000
COMMIT_MS = 1_000
COLUMNS = (Column("peak_mb", "peak resident, MB", digits=0),)


def run(here: Session, spec: Spec, size: int, backlog_bytes: int, seconds: float) -> Mapping[str, Any]:
    """One spec on records of one size."""
    here.prepare(spec)
    records = min(MOST_RECORDS, max(100, backlog_bytes // size))
    source, name = f"in-{size}-bytes", tag(spec)
    output = f"out-{name}"
    here.topics.load(source, records, lambda _: b"x" * size)
    here.topics.create(output)
    progress = Progress(here.bootstrap_servers, name, source)
    job = {"INPUT": source, "OUTPUT": output, "COMMIT_MS": COMMIT_MS, "SLOW_MS": SLOW_MS[size]}
    peer = here.start(spec, name, job)
    try:
        time.sleep(seconds)
        done, peak = progress.total(), peer.peak_bytes()
        if peer.ended():
            raise OutcomeError("bad", "the process ended")
    finally:
        peer.stop()
        progress.close()
        here.topics.delete(output)
    if done >= records:
        raise OutcomeError("unknown", f"the backlog of {records:,} records was too short")
    if peak is None:
        raise OutcomeError("unknown", "this system does not tell a process's peak memory")
    return {"outcome": "ok", "why": "", "records": records, "peak_mb": peak / 1e6, "committed": done}


def main() -> None:
    parser = arguments(__doc__ or "", DEFAULT, rounds=1)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each run lasts")
    parser.add_argument("--backlog-mb", type=int, default=400, help="how much input there is, in megabytes")
    options = parser.parse_args()
    parsed(options.specs)
    by_size = parsed([f"{text}:size={size}:values=bytes" for size in SLOW_MS for text in options.specs])
    with session("memory", options.folder) as here:

        def measure(spec: Spec, _number: int) -> Mapping[str, Any]:
            size = int(dict(spec.options)["size"])
            return run(here, spec, size, options.backlog_mb * 1_000_000, options.seconds)

        here.rounds(by_size, options.rounds, measure, warm_up=False)
        here.report("Peak memory with a slow handler and a long backlog", table(here.rows, COLUMNS))


if __name__ == "__main__":
    main()
