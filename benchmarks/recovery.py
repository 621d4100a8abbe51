"""How long a processor is away after SIGKILL: specs in; seconds until its commits go on, and what the output says, out.

    python benchmarks/recovery.py [SPEC ...] [--rounds 3] [--rate 2000]

A peer runs on a steady stream, is killed in the middle of a transaction, and is started again at once with the same
group and identity. *First* is when any partition's committed offset moves again, *all* when every one's does. The start
of the process is part of it. Afterwards the whole output is verified; *visible* is how long a `read_committed` reader
had to wait for all of it, counted from the restart, where it had to wait at all.

Specs whose name has a session timeout to wait for run side by side at the end of each round: they mostly sleep.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from measure.feeder import Feeder
from measure.output import verified
from measure.progress import Progress
from measure.report import Column, table, verdicts
from measure.session import OutcomeError, Session, arguments, parsed, session, tag
from measure.spec import Spec
from measure.targets import Target

QUICK = (
    "oncewhere",
    "hand-written-1:instance_id=one",
    "java-client:instance_id=one",
    "kafka-streams:instance_id=one",
    "franz-go:instance_id=one",
    "aiokafka:instance_id=one",
    "quix:instance_id=one",
)
WAITING = (
    "hand-written-1",
    "hand-written-1:session_timeout_ms=6000",
    "kafka-streams",
    "java-client",
    "franz-go",
    "aiokafka",
    "quix",
)
TARGETS = (Target("first_s", "oncewhere", 1.5, at_least=False, unit="s"),)
COLUMNS = (
    Column("first_s", "first commit after SIGKILL, s", digits=2),
    Column("all_s", "every partition, s", digits=2),
    Column("visible_s", "output visible, s"),
    Column("up_s", "the very first start, s", digits=2),
)
COMMIT_MS = 100
RUN_S = 3.0  # before the kill
LOOK_S = 0.02
LIMIT_S = 120.0  # until commits go on
DRAIN_LIMIT_S = 60.0  # until all that was sent is committed
VISIBLE_LIMIT_S = 80.0  # an abandoned transaction hides what lies behind it until it times out: 60 s by default
WAITED_S = 1.0  # longer than this is worth a figure
STAGGER_S = 2.0  # between the starts of those that run side by side


def run(here: Session, spec: Spec, rate: int) -> Mapping[str, Any]:
    """One run of one spec."""
    here.prepare(spec)
    name = tag(spec)
    source, output = f"in-{name}", f"out-{name}"
    here.topics.create(source)
    here.topics.create(output)
    job = {"INPUT": source, "OUTPUT": output, "COMMIT_MS": COMMIT_MS if spec.commit_ms is None else spec.commit_ms}
    progress = Progress(here.bootstrap_servers, name, source)
    feeder = Feeder(here.bootstrap_servers, source, rate)
    with feeder:
        peer = here.start(spec, name, job)
        try:
            _, up_s = moved(progress.each, [0] * len(progress.each()), LIMIT_S)
            time.sleep(RUN_S)
            peer.kill()
            before = progress.each()
            killed_at = time.perf_counter()
            peer = here.start(spec, name, job)
            first_s, all_s = moved(progress.each, before, LIMIT_S)
            sent = feeder.stop()
            _drain(progress, sent)
        finally:
            peer.stop()
            progress.close()
    since = time.perf_counter()
    finding = verified(here.bootstrap_servers, output, expected=sent, values="json", limit_s=VISIBLE_LIMIT_S)
    waited = time.perf_counter() - since > WAITED_S + sent / 200_000
    here.topics.delete(source, output)
    return {
        "outcome": finding.outcome,
        "why": str(finding),
        "records": sent,
        "first_s": first_s,
        "all_s": all_s,
        "visible_s": time.perf_counter() - killed_at if waited else None,
        "up_s": up_s,
    }


def moved(each: Callable[[], Sequence[int]], before: Sequence[int], limit_s: float) -> tuple[float, float]:
    """Seconds until any partition has moved, and until every one has.

    Raises:
        OutcomeError: not within the limit.
    """
    since = time.perf_counter()
    first: float | None = None
    while (took := time.perf_counter() - since) < limit_s:
        now = each()
        if first is None and any(a > b for a, b in zip(now, before, strict=True)):
            first = took
        if first is not None and all(a > b for a, b in zip(now, before, strict=True)):
            return first, took
        time.sleep(LOOK_S)
    raise OutcomeError("bad", f"not every partition moved within {limit_s:g} s (the first: {first})")


def _drain(progress: Progress, sent: int) -> None:
    deadline = time.monotonic() + DRAIN_LIMIT_S
    while progress.total() < sent:
        if time.monotonic() > deadline:
            raise OutcomeError("bad", f"{progress.total():,} of {sent:,} records were committed")
        time.sleep(LOOK_S)


def round_of(here: Session, number: int, quick: Sequence[Spec], waiting: Sequence[Spec], rate: int) -> None:
    """The quick ones one by one, then those that wait all at once."""
    for spec in quick:
        here.record(spec, number, partial(run, here, spec, rate))
    threads = []
    for spec in waiting:
        threads.append(threading.Thread(target=here.record, args=(spec, number, partial(run, here, spec, rate))))
        threads[-1].start()
        time.sleep(STAGGER_S)
    for thread in threads:
        thread.join()


def main() -> None:
    parser = arguments(__doc__ or "", (*QUICK, *WAITING), rounds=3)
    parser.add_argument("--rate", type=int, default=2_000, help="records a second")
    options = parser.parse_args()
    specs = parsed(options.specs)
    waiting = [spec for spec in specs if spec.text in WAITING]
    quick = [spec for spec in specs if spec not in waiting]
    with session("recovery", options.folder) as here:
        for spec in specs:
            with suppress(OutcomeError):  # the run itself will say so
                here.prepare(spec)
        for number in range(options.rounds):
            round_of(here, number, quick, waiting, options.rate)
        parts = [table(here.rows, COLUMNS)]
        if asked := [target for target in TARGETS if target.spec in {spec.text for spec in specs}]:
            parts.append(verdicts(here.rows, asked))
        here.report("Recovery after SIGKILL", *parts)


if __name__ == "__main__":
    main()
