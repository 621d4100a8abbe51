"""Source files come in; the tables that their statements add rows to go out, and how to ask them. Nothing is run.

Where no SQL file makes the tables, the statement that writes is what tells their names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .schemas import counted_by, plain
from .sources import SUFFIXES, texts
from .told import Told

_GAP = r"[\s\"'+\\]*"
"""Between the words of a statement that a language may break into several strings."""
_INSERT = re.compile(
    rf"\binsert\s+(?P<ignore>ignore\s+)?into\s+(?P<table>[\w.]+|`\w+`){_GAP}"
    rf"(?:\((?P<columns>[^()]*)\){_GAP})?(?:values|value|select|default)\b",
    re.IGNORECASE,
)
_KEPT_ONCE = re.compile(r"\bon\s+conflict\b|\bon\s+duplicate\s+key\b", re.IGNORECASE)
_NEXT = re.compile(r";|\binsert\s", re.IGNORECASE)
_STATEMENT_LIMIT = 600
"""Characters behind the table's name in which the statement's end is looked for."""


@dataclass(frozen=True, slots=True)
class Insert:
    """A statement that adds rows.

    Attributes:
        table: its name.
        columns: those that the statement names, in order.
        keeps_one: True where a second row of one key is not added: a count of them shows no second time.
        file: where it stands, seen from the project's folder.
    """

    table: str
    columns: tuple[str, ...]
    keeps_one: bool
    file: str


def inserts_of(folder: Path) -> tuple[Insert, ...]:
    """The statements in a project's sources that add rows, each table once, in the order of the files.

    Args:
        folder: the project's.
    """
    found: dict[str, Insert] = {}
    for file, text in texts(folder, lambda file: file.suffix in SUFFIXES):
        for match in _INSERT.finditer(text):
            table = match["table"].strip("`")
            rest = _NEXT.split(text[match.end() :][:_STATEMENT_LIMIT], maxsplit=1)[0]
            keeps_one = match["ignore"] is not None or _KEPT_ONCE.search(rest) is not None
            found.setdefault(table, Insert(table, _names(match["columns"]), keeps_one, str(file)))
    return tuple(found.values())


def counting(inserts: Sequence[Insert], identity: str) -> Told[str] | None:
    """A query that counts what happened for each event, as far as the statements tell; None without any.

    A table with a column that is called like the identity is taken first; one that keeps a row only once, last.

    Args:
        inserts: the statements.
        identity: the field of the records that names the event.
    """
    if not inserts:
        return None
    best = min(inserts, key=lambda insert: (_column(insert, identity) is None, insert.keeps_one))
    column = _column(best, identity) or next((name for name in best.columns if name.lower().endswith("id")), identity)
    return Told(counted_by(best.table, column), f"{best.file} inserts into {best.table}", sure=False)


def _column(insert: Insert, identity: str) -> str | None:
    return next((name for name in insert.columns if plain(name) == plain(identity)), None)


def _names(listed: str | None) -> tuple[str, ...]:
    """The columns between the parentheses, whatever quotation marks the language and the database put about them."""
    return tuple(re.findall(r"\w+", listed or ""))
