"""What differs between two runs comes in; a table and a sentence go to standard output."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .difference import Difference
from .words import cell

ROWS_SHOWN = 200
DIRECTION = {"worse": ("✗", "bold red"), "better": ("✓", "green"), "other": ("→", "yellow")}


def show_difference(
    difference: Difference, console: Console, *, names: tuple[str, str], doubts: Sequence[str] = ()
) -> None:
    """Prints what changed from one run to another.

    Args:
        difference: what differs.
        console: where it goes; standard output.
        names: of the two runs.
        doubts: why the two say less of each other than it seems, in sentences.
    """
    counted = {name: sum(c.direction == name for c in difference.changed) for name in DIRECTION}
    told = ", ".join(f"{number} {name}" for name, number in counted.items() if number)
    alone = difference.only_before + difference.only_after
    nothing = "Nothing changed where both came by" if alone else "Nothing changed"
    head = f"{told}; {difference.same} the same" if told else f"{nothing}: {difference.same} verdicts are the same"
    red = f", {difference.still_violated} still violated" if difference.still_violated else ""
    rest = f"; {alone} could not be compared" if alone else ""
    console.print(f"{head}{red}{rest}.", markup=False)
    for sentence in doubts:
        console.print(sentence, markup=False, style="yellow", soft_wrap=True)
    console.print(f"  {names[0]}\n→ {names[1]}", markup=False, style="dim", soft_wrap=True)
    if difference.changed:
        console.print(_table(difference))
    if len(difference.changed) > ROWS_SHOWN:
        console.print(f"and {len(difference.changed) - ROWS_SHOWN} more")
    for number, name in ((difference.only_before, names[0]), (difference.only_after, names[1])):
        if number:
            console.print(
                f"{number} verdicts are in {name} alone: the other run did not come by there.",
                markup=False,
            )


def _table(difference: Difference) -> Table:
    table = Table(header_style="", show_edge=False)
    for name in ("", "point", "place", "before", "after"):
        table.add_column(name, no_wrap=name in {"", "before", "after"}, overflow="fold")
    for change in difference.changed[:ROWS_SHOWN]:
        mark, style = DIRECTION[change.direction]
        verdicts = [cell(verdict) for verdict in (change.before, change.after)]
        table.add_row(Text(mark, style=style), f"{change.version}/{change.point}", change.place, *verdicts)
    return table
