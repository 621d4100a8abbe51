"""A document comes in; Markdown goes out, as GitHub renders it: tables, anchors, and a Mermaid flowchart."""

from __future__ import annotations

import re
import textwrap

from .compose import Document
from .diagram import mermaid
from .statement import Basis, Block, Boundary, Code, Heading, Section, Standing, Statement, Table, Text

WIDTH = 120
STANDING = {Standing.HOLDS: "", Standing.BROKEN: "✗ ", Standing.UNKNOWN: "? "}


def as_markdown(document: Document) -> str:
    """The document as Markdown, ending with a newline."""
    parts = [f"# {document.title}", *(_wrapped(text.text) for text in document.head)]
    for section in document.sections:
        parts += _section(section)
    return "\n\n".join(parts) + "\n"


def anchor(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _section(section: Section) -> list[str]:
    parts = [f"## {section.title}"]
    bullets: list[str] = []
    for block in section.blocks:
        if isinstance(block, Statement):
            bullets.append(_bullet(block))
            continue
        if bullets:
            parts.append("\n".join(bullets))
            bullets = []
        parts.append(_block(block))
    return [*parts, "\n".join(bullets)] if bullets else parts


def _block(block: Block) -> str:
    match block:
        case Text(text):
            return "\n".join(_wrapped(line) for line in text.split("\n"))
        case Heading(text):
            return f"### {text}"
        case Code(text, language):
            return f"```{language}\n{text}\n```"
        case Table():
            return _table(block)
        case Boundary():
            return f"```mermaid\n{mermaid(block)}\n```"
        case Statement():
            return _bullet(block)


def _bullet(statement: Statement) -> str:
    text = f"{STANDING[statement.standing]}{statement.text} {_mark(statement.basis)}"
    return textwrap.fill(
        _escaped(text),
        WIDTH,
        initial_indent="- ",
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _table(table: Table) -> str:
    marked = any(row.basis for row in table.rows)
    head = (*table.head, *(["known by"] if marked else []))
    lines = [_row(head), "|" + "---|" * len(head)]
    for row in table.rows:
        marks = " ".join(_mark(basis) for basis in row.basis)
        first, *others = row.cells
        cells = (f"{STANDING[row.standing]}{first}", *others, *([marks] if marked else []))
        lines.append(_row(cells))
    return "\n".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return "|" + "|".join(f" {_escaped(cell).replace('|', chr(92) + '|')} " if cell else " " for cell in cells) + "|"


def _mark(basis: Basis) -> str:
    return f"*[{basis}](#{anchor(basis.heading)})*"


def _wrapped(text: str) -> str:
    indent = "   " if re.match(r"\d+\. ", text) else ""
    return textwrap.fill(
        _escaped(text), WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _escaped(text: str) -> str:
    """Text of people, without what would become HTML; code in backticks stays as it is."""
    parts = text.split("`")
    parts[::2] = [part.replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)
