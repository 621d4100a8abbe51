"""What we promise of the speed: rows in; for each target `reached`, `missed` or `unknown` out. No I/O.

A ratio counts only between runs of the same rounds; a target without a run that was verified is unknown, never reached.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from measure.figures import Row, Spread, by_round, ratios, spread, troubles


@dataclass(frozen=True, slots=True)
class Target:
    """A promise.

    Attributes:
        metric: the rows' number.
        spec: of which spec.
        against: in relation to which other spec; None: the number itself.
        bound: the limit.
        at_least: whether it is the lowest that will do, or the highest.
        unit: of the number itself.
    """

    metric: str
    spec: str
    bound: float
    against: str | None = None
    at_least: bool = True
    unit: str = ""

    def __str__(self) -> str:
        what = f"{self.spec} / {self.against}" if self.against else f"{self.spec}, {self.metric}"
        if self.against and not self.at_least:
            what += f", {self.metric}"
        return f"{what} {'≥' if self.at_least else '≤'} {self.bound:g}{self.unit and ' ' + self.unit}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a target.

    Attributes:
        target: the promise.
        measured: the median over the rounds, of the number or of the ratio in each.
        rounds: the spread over the rounds.
        verdict: `reached`, `missed` or `unknown`.
        why: for unknown; or which rounds do not count.
    """

    target: Target
    measured: float | None
    rounds: Spread | None
    verdict: str
    why: str

    def line(self) -> str:
        """As a row of a Markdown table."""
        measured = "–" if self.measured is None else f"{self.measured:.2f}"
        rounds = "–" if self.rounds is None else self.rounds.text(2)
        return f"| {self.target} | {measured} | {rounds} | {self.verdict}{': ' + self.why if self.why else ''} |"


def judge(target: Target, rows: Sequence[Row]) -> Judgement:
    """Compares a target with what was measured."""
    own = by_round(rows, target.spec, target.metric)
    if target.against is None:
        measured = statistics.median(own.values()) if own else None
        rounds = spread(own.values())
    else:
        other = by_round(rows, target.against, target.metric)
        rounds = ratios(own, other)
        measured = None if rounds is None else rounds.median
    why = "; ".join(
        f"{spec}: {trouble}" for spec in (target.spec, target.against) if spec for trouble in troubles(rows, spec)
    )
    if measured is None:
        return Judgement(target, None, None, "unknown", why or "not run")
    if _wrong(rows, target.spec):
        return Judgement(target, measured, rounds, "missed", why)  # fast and wrong is worth nothing
    if target.against is not None and _wrong(rows, target.against):
        return Judgement(target, measured, rounds, "unknown", why)
    held = measured >= target.bound if target.at_least else measured <= target.bound
    return Judgement(target, measured, rounds, "reached" if held else "missed", why)


def _wrong(rows: Sequence[Row], spec: str) -> bool:
    return any(row["spec"] == spec and row["outcome"] == "bad" for row in rows)
