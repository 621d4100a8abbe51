"""SQL requests of some trials come in; which tables were written together in one database transaction goes out.

Whether an effect and the row that is to prevent its duplicate commit together is what a dedupe table stands and falls
with, and no declaration shows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from oncewhere.wire.mysql.dialect import DIALECT as MYSQL
from oncewhere.wire.postgres.dialect import DIALECT as POSTGRES
from oncewhere.wire.sql.lexer import Kind, words

from .history import Wire

FOOTPRINTS_KEPT = 12


class Footprint(msgspec.Struct, frozen=True, kw_only=True):
    """Tables that one kind of transaction writes.

    Attributes:
        tables: their names without a schema, in order; empty where the text of the statements did not tell.
        transactions: how many such transactions there were.
    """

    tables: list[str]
    transactions: int


def footprints(trials: Iterable[Sequence[Wire]]) -> list[Footprint]:
    """The kinds of transactions, the most frequent first.

    Args:
        trials: for each trial, the requests to one place, in the order of the wire.
    """
    counted: Counter[tuple[str, ...]] = Counter()
    for requests in trials:
        counted.update(transactions(requests))
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return [Footprint(tables=list(tables), transactions=number) for tables, number in ordered[:FOOTPRINTS_KEPT]]


def transactions(requests: Sequence[Wire]) -> list[tuple[str, ...]]:
    """For each transaction that was committed, the tables that it wrote."""
    found: list[tuple[str, ...]] = []
    written: dict[str, set[str]] = {}
    for request in requests:
        if request.system not in {"postgresql", "mysql"}:
            continue
        tables = written.setdefault(request.link, set())
        if request.kind == "rollback":
            tables.clear()
        elif request.boundary:
            tables.update(str(target).rpartition(".")[2].lower() for target in request.fields.get("targets") or ())
            if request.kind == "commit":
                found.append(tuple(sorted(tables)))
                tables.clear()
    return found


def apart(found: Iterable[Sequence[str]], table: str, effect_tables: Iterable[str] = ()) -> tuple[str, ...]:
    """The effect's tables that no transaction wrote together with the dedupe table, though both were written.

    Args:
        found: the tables of each transaction, or of each kind of them.
        table: the dedupe table, `name` or `schema.name`.
        effect_tables: where the effect can be seen; every other table where none is given.
    """
    name = _plain(table)
    kinds = [set(tables) for tables in found]
    written = set().union(*kinds)
    if name not in written:
        return ()
    together = set().union(*(tables for tables in kinds if name in tables))
    effects = {_plain(effect) for effect in effect_tables} & written - {name}
    if effects:
        return tuple(sorted(effects - together))
    return tuple(sorted(written - together)) if together == {name} else ()


def tables_read(query: str | None, system: str) -> tuple[str, ...]:
    """The tables that a query reads, by their names behind FROM and JOIN; best effort."""
    lexis = (MYSQL if system == "mysql" else POSTGRES).lexis
    found: list[str] = []
    tokens = list(words(query or "", lexis))
    for at, word in enumerate(tokens[:-1]):
        if word.kind is Kind.WORD and word.text in {"FROM", "JOIN"}:
            nth = at + 1
            while nth + 2 < len(tokens) and tokens[nth + 1].text == ".":
                nth += 2
            if tokens[nth].kind in {Kind.WORD, Kind.NAME}:
                found.append(tokens[nth].text.lower())
    return tuple(dict.fromkeys(found))


def _plain(table: str) -> str:
    return table.rpartition(".")[2].lower()
