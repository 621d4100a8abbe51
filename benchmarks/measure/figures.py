"""Rounds into figures: rows in; minimum, median, maximum and ratios out. No I/O."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
"""One run: `spec`, `round`, `outcome` (`ok`, `bad`, `unknown`, `not built`), `why`, and the measurement's numbers."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Several rounds of one number."""

    minimum: float
    median: float
    maximum: float

    def scaled(self, factor: float) -> Spread:
        """In another unit."""
        return Spread(self.minimum * factor, self.median * factor, self.maximum * factor)

    def text(self, digits: int) -> str:
        """`min / median / max`."""
        return " / ".join(f"{value:,.{digits}f}" for value in (self.minimum, self.median, self.maximum))


def spread(values: Iterable[float]) -> Spread | None:
    """Minimum, median and maximum; None of nothing."""
    known = list(values)
    return Spread(min(known), statistics.median(known), max(known)) if known else None


def by_round(rows: Iterable[Row], spec: str, metric: str) -> dict[int, float]:
    """A spec's numbers by round; a run that was not `ok` has none."""
    return {
        row["round"]: row[metric]
        for row in rows
        if row["spec"] == spec and row["outcome"] == "ok" and row.get(metric) is not None
    }


def troubles(rows: Iterable[Row], spec: str) -> list[str]:
    """Why rounds of a spec do not count."""
    said = [
        f"{row['outcome']}: {row['why']}"
        if row["outcome"] == "not built"
        else f"round {row['round']} {row['outcome']}: {row['why']}"
        for row in rows
        if row["spec"] == spec and row["outcome"] != "ok"
    ]
    return list(dict.fromkeys(said))


def specs(rows: Sequence[Row]) -> list[str]:
    """In the order in which they were first run."""
    return list(dict.fromkeys(row["spec"] for row in rows))


def ratios(over: Mapping[int, float], under: Mapping[int, float]) -> Spread | None:
    """The spread of the ratios of each round; None where no round has both.

    Its median is what a target is about: what ran in one round ran within minutes, and a machine that changes its pace
    between two rounds changes that of both.
    """
    return spread(over[r] / under[r] for r in sorted(over.keys() & under.keys()) if under[r])
