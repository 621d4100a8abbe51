"""What differs between two runs comes in; a table and a sentence go to standard output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .difference import Alone, Difference, Violation
from .words import cell

ROWS_SHOWN = 200
NAMED = 3
"""Points of each kind of violation that only one run has."""
STILL_NAMED = 10
"""Of each kind that both have."""
DIRECTION = {"worse": ("✗", "bold red"), "better": ("✓", "green"), "other": ("→", "yellow")}


def show_difference(
    difference: Difference, console: Console, *, names: tuple[str, str], doubts: Sequence[str] = ()
) -> None:
    """Prints what changed from one run to another.

    Args:
        difference: what differs.
        console: where it goes; standard output.
        names: of the two runs, with when they were drilled and of which commit: a line each.
        doubts: why the two say less of each other than it seems, in sentences.
    """
    console.print(_sentence(difference), markup=False)
    if told := perhaps_new(difference):
        console.print(told, markup=False, style="yellow")
    console.print(f"  first   {names[0]}\n  second  {names[1]}", markup=False, style="dim", soft_wrap=True)
    for sentence in doubts:
        console.print(sentence, markup=False, style="yellow", soft_wrap=True)
    if difference.changed:
        console.print(_table(difference))
    if len(difference.changed) > ROWS_SHOWN:
        console.print(f"and {len(difference.changed) - ROWS_SHOWN} more")
    for line in _numbers(difference):
        console.print(line, markup=False)


def perhaps_new(difference: Difference) -> str:
    """What the second run has against it that the first can neither confirm nor deny; empty where there is nothing."""
    if not (number := difference.perhaps_new):
        return ""
    told = "1 violation of the second is" if number == 1 else f"{number} violations of the second are"
    return f"Whether {told} new is not known: the first says nothing of these points."


def _sentence(difference: Difference) -> str:
    """What became of what both judged, and how much could not be compared."""
    counted = {name: sum(c.direction == name for c in difference.changed) for name in DIRECTION}
    told = ", ".join(f"{number} {name}" for name, number in counted.items() if number)
    nothing = "Nothing changed where both can be compared" if difference.uncompared else "Nothing changed"
    same = "1 verdict is" if difference.same == 1 else f"{difference.same} verdicts are"
    head = f"{told}; {difference.same} the same" if told else f"{nothing}: {same} the same"
    red = f", {len(difference.still_violated)} still violated" if difference.still_violated else ""
    rest = f"; {difference.uncompared} could not be compared" if difference.uncompared else ""
    return f"{head}{red}{rest}."


def _numbers(difference: Difference) -> Iterator[str]:
    """What is still violated, and what could not be compared, a line each."""
    if still := difference.still_violated:
        yield f"Still violated: {_named(still, STILL_NAMED)}."
    for alone, which in ((difference.only_before, "first"), (difference.only_after, "second")):
        if alone.number:
            yield f"{_counted(alone, which)}."
    if difference.gone:
        told = [
            f"{len(violated)} violated in the {which}: {_named(violated, NAMED)}"
            for violated, which in zip(difference.gone_violated, ("first", "second"), strict=True)
            if violated
        ]
        yield "; ".join([f"{difference.gone} held where a history is gone by now", *told]) + "."


def _counted(alone: Alone, which: str) -> str:
    told = f"{alone.number} in the {which} alone"
    if not (red := alone.violated):
        return told
    return f"{told}, {len(red)} of them violated: {_named(red, NAMED)}"


def _named(violations: Sequence[Violation], number: int) -> str:
    """By verdict and place, the first so many points."""
    points: dict[str, list[str]] = {}
    for one in violations:
        points.setdefault(f"{one.verdict} at {one.place}", []).append(f"{one.version}/{one.point}")
    return "; ".join(f"{kind} ({_first(names, number)})" for kind, names in points.items())


def _first(names: Sequence[str], number: int) -> str:
    more = f" and {len(names) - number} more" if len(names) > number else ""
    return ", ".join(names[:number]) + more


def _table(difference: Difference) -> Table:
    table = Table(header_style="", show_edge=False)
    for name in ("", "point", "place", "before", "after"):
        table.add_column(name, no_wrap=name in {"", "before", "after"}, overflow="fold")
    for change in difference.changed[:ROWS_SHOWN]:
        mark, style = DIRECTION[change.direction]
        verdicts = [cell(verdict) for verdict in (change.before, change.after)]
        table.add_row(Text(mark, style=style), f"{change.version}/{change.point}", change.place, *verdicts)
    return table
