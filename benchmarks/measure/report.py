"""The report: rows and targets in; Markdown out. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from measure.figures import Row, by_round, ratios, specs, spread, troubles
from measure.targets import Target, judge


@dataclass(frozen=True, slots=True)
class Column:
    """A number of the rows, as a column of the table.

    Attributes:
        metric: the rows' name for it.
        title: the column's.
        factor: from the rows' unit to the table's.
        digits: after the point.
    """

    metric: str
    title: str
    factor: float = 1.0
    digits: int = 1


def table(rows: Sequence[Row], columns: Sequence[Column], base: str | None = None) -> str:
    """One line for each spec: min / median / max over the rounds.

    Args:
        rows: what was measured.
        columns: which numbers.
        base: the first column also as a ratio to this spec (of each round: the median, and in brackets the spread).
    """
    titles = ["", *(column.title for column in columns), *([f"× {base}"] if base else []), "output"]
    lines = [_line(titles), _line(["---"] * len(titles))]
    for spec in specs(rows):
        cells = [spec]
        for column in columns:
            found = spread(by_round(rows, spec, column.metric).values())
            cells.append("–" if found is None else found.scaled(column.factor).text(column.digits))
        if base:
            cells.append(_ratio(rows, spec, base, columns[0].metric))
        counted = sum(1 for row in rows if row["spec"] == spec and row["outcome"] == "ok")
        cells.append("; ".join(troubles(rows, spec)) or f"ok ×{counted}")
        lines.append(_line(cells))
    return "\n".join(lines)


def verdicts(rows: Sequence[Row], targets: Sequence[Target]) -> str:
    """One line for each target."""
    lines = [_line(["target", "measured", "rounds: min / median / max", "verdict"]), _line(["---"] * 4)]
    return "\n".join(lines + [judge(target, rows).line() for target in targets])


def _ratio(rows: Sequence[Row], spec: str, base: str, metric: str) -> str:
    own, other = by_round(rows, spec, metric), by_round(rows, base, metric)
    around = ratios(own, other)
    return "–" if around is None else f"{around.median:.2f} ({around.minimum:.2f}–{around.maximum:.2f})"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
