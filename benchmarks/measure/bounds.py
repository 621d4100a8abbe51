"""What this machine allows: the rows of a run in; for each missed target a sentence on what stood in its way out.

A target is out of reach where the cores had to do more for each record than there is time, or where the client library
alone takes longer than the target. Each sentence is made of figures of the same run. No I/O.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from measure.figures import Row, by_round
from measure.targets import Target, judge

LATE_CPU = "late_cpu_us"
"""Microseconds of CPU for each record of the second half: of the clients and of the broker together."""

FULL = 0.9  # of all cores in use: there is no room for anything else


def cores_in_use(rate: float | None, cpu_us: float | None) -> float | None:
    """How many cores clients and broker kept busy; None where either is unknown."""
    return None if rate is None or cpu_us is None else rate * cpu_us / 1e6


def by_cpu(rows: Sequence[Row], targets: Sequence[Target], cores: int, bar: str = "") -> str:
    """For each missed ratio of rates: how much CPU a record may cost for it, how much it did, and how far a bar came.

    Args:
        rows: of the run.
        targets: that were asked.
        cores: of the machine.
        bar: a peer that is compared with the same base, with the target's own options.
    """
    said = []
    for target in targets:
        cpu, rate = _median(rows, target.spec, LATE_CPU), _median(rows, target.spec, target.metric)
        base = None if target.against is None else _median(rows, target.against, target.metric)
        if judge(target, rows).verdict != "missed" or cpu is None or rate is None or base is None:
            continue
        wanted = base * target.bound
        used = rate * cpu / 1e6
        bound = "" if used < FULL * cores else " The cores are the bound."
        peer, colon, options = target.spec.partition(":")
        if bar and not str(target.against).startswith((peer, bar)):
            near = _median(rows, bar + colon + options, target.metric)
            bound += "" if near is None else f" {bar} itself reached {near / base:.2f}."
        said.append(
            f"{target}: that is {wanted:,.0f} records/s, for which {cores} cores have {cores / wanted * 1e6:.1f} µs a "
            f"record; client and broker took {cpu:.1f} µs, and kept {used:.1f} cores busy at {rate:,.0f} "
            f"records/s.{bound}"
        )
    return "\n".join(f"- {sentence}" for sentence in said)


def by_client(rows: Sequence[Row], targets: Sequence[Target], alone: str) -> str:
    """For each missed limit: what the client library alone takes, and whether the target is below that.

    Args:
        rows: of the run.
        targets: that were asked.
        alone: the spec of the library by itself.
    """
    said = []
    for target in targets:
        least, own = _median(rows, alone, target.metric), _median(rows, target.spec, target.metric)
        if target.against is not None or judge(target, rows).verdict != "missed" or least is None or own is None:
            continue
        bound = " No program on it can reach the target here." if least > target.bound else ""
        said.append(
            f"{target}: {alone} alone takes {least:.2f} {target.unit}, and ours {own - least:+.2f} on top of it.{bound}"
        )
    return "\n".join(f"- {sentence}" for sentence in said)


def by_peers(rows: Sequence[Row], targets: Sequence[Target]) -> str:
    """For each missed limit: which peer of the same run came closest, and what it took.

    Args:
        rows: of the run.
        targets: that were asked.
    """
    said = []
    for target in targets:
        if target.against is not None or judge(target, rows).verdict != "missed":
            continue
        peers = {spec: _median(rows, spec, target.metric) for spec in {row["spec"] for row in rows} - {target.spec}}
        known = {spec: value for spec, value in peers.items() if value is not None}
        if not known:
            continue
        best = min(known, key=known.__getitem__)
        reached = "reached it" if known[best] <= target.bound else "did not reach it either"
        said.append(f"{target}: of the peers, {best} came closest with {known[best]:.1f} {target.unit}, and {reached}.")
    return "\n".join(f"- {sentence}" for sentence in said)


def _median(rows: Sequence[Row], spec: str, metric: str) -> float | None:
    found = by_round(rows, spec, metric)
    return statistics.median(found.values()) if found else None
