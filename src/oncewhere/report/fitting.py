"""A table comes in; where the screen is wide enough for it it goes out as it is, and else as lines that fit.

A table whose cells are cut to `✗ dup…` answers nothing. The lines say the same: the row's name, and below it what
stands in each column.
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

MEASURED_WIDTH = 500
"""Columns within which a table is measured: more than any screen has."""


def fitted(table: Table, console: Console, *, labels: int) -> RenderableType:
    """The table, or the same in lines.

    Args:
        table: what is to be shown.
        console: where.
        labels: how many of its columns name the row; an empty cell among them repeats the one above.
    """
    wide = console.options.update(width=MEASURED_WIDTH)
    if Measurement.get(console, wide, table).maximum <= console.width:
        return table
    return Group(Text(str(table.title or ""), style="bold"), *_lines(table, labels))


def _lines(table: Table, labels: int) -> Iterator[Text]:
    columns = [list(column.cells) for column in table.columns]
    heads = [_on_one_line(column.header) for column in table.columns]
    indent = max(len(head.plain) for head in heads[labels:])
    above = [Text("") for _ in range(labels)]
    for row in zip(*columns, strict=True):
        above = [_on_one_line(cell) if _on_one_line(cell).plain else above[n] for n, cell in enumerate(row[:labels])]
        yield Text(" ").join(above)
        told = [_on_one_line(cell, ", ") for cell in row[labels:]]
        if len(told) > 1 and len({text.plain for text in told}) == 1:
            yield Text.assemble((f"  {f'all {len(told)}':<{indent}}  ", "dim"), told[0])
            continue
        for head, text in zip(heads[labels:], told, strict=True):
            yield Text.assemble((f"  {head.plain:<{indent}}  ", "dim"), text)


def _on_one_line(cell: RenderableType, joint: str = " ") -> Text:
    text = cell if isinstance(cell, Text) else Text(str(cell))
    parts = [part for part in text.split("\n") if part.plain.strip()]
    return Text(joint).join(parts)
