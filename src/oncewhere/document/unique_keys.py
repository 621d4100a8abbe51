"""The text of an SQL schema comes in; the unique keys of its tables go out: what a duplicate would be refused by.

Only what the text says is found: CREATE TABLE, CREATE UNIQUE INDEX, and ALTER TABLE … ADD. A key under a condition
(`where`) or of an expression refuses only some duplicates, and does not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from oncewhere.wire.mysql.dialect import DIALECT as MYSQL
from oncewhere.wire.postgres.dialect import DIALECT as POSTGRES
from oncewhere.wire.sql.lexer import Kind, Word, words

Keys = dict[str, list[list[str]]]
"""By table, the columns of each of its unique keys."""

_BEFORE_NAME = {"TABLE", "ONLY", "IF", "NOT", "EXISTS", "ON"}
_CONSTRAINTS = {"CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "EXCLUDE", "KEY", "INDEX", "FULLTEXT", "LIKE"}


def unique_keys(text: str, system: str) -> Keys:
    """The unique keys that a schema makes, and an empty list for a table without one.

    Args:
        text: the schema.
        system: whose SQL it is; MySQL's is cut in another way.
    """
    found: Keys = {}
    for statement in _statements(text, system):
        verbs = [word.text for word in statement if word.kind is Kind.WORD][:4]
        if verbs[:1] == ["CREATE"] and "TABLE" in verbs:
            name, rest = _named(statement, "TABLE")
            for item in _items(rest):
                found.setdefault(name, []).extend(_keys_of(item))
        elif verbs[:3] == ["CREATE", "UNIQUE", "INDEX"]:
            name, rest = _named(statement, "ON")
            conditional = any(_is(word, "WHERE") for word in rest)
            if not conditional and (columns := _columns(rest)):
                found.setdefault(name, []).append(columns)
        elif verbs[:2] == ["ALTER", "TABLE"]:
            name, rest = _named(statement, "TABLE")
            found.setdefault(name, []).extend(_constraint(rest))
    return found


def is_unique(keys: Mapping[str, Sequence[Sequence[str]]], table: str, column: str) -> bool | None:
    """True where a key of that column alone refuses a second row; None where the table is not known.

    Args:
        keys: by table.
        table: `name` or `schema.name`.
        column: the column that holds the event's identity.
    """
    known = keys_of(keys, table)
    return None if known is None else [column.lower()] in known


def keys_of(keys: Mapping[str, Sequence[Sequence[str]]], table: str) -> list[list[str]] | None:
    """The unique keys of a table, `name` or `schema.name`; None where it is not known."""
    known = keys.get(table.rpartition(".")[2].lower())
    return None if known is None else [list(key) for key in known]


def _statements(text: str, system: str) -> Iterator[list[Word]]:
    statement: list[Word] = []
    for word in words(text, (MYSQL if system == "mysql" else POSTGRES).lexis):
        if word.text == ";" and word.depth == 0:
            yield statement
            statement = []
        else:
            statement.append(word)
    yield statement


def _named(statement: Sequence[Word], keyword: str) -> tuple[str, Sequence[Word]]:
    """The table's name behind a keyword, without its schema, and what follows."""
    at = next(nth for nth, word in enumerate(statement) if _is(word, keyword))
    while at < len(statement) and statement[at].kind is Kind.WORD and statement[at].text in _BEFORE_NAME:
        at += 1
    while at + 2 < len(statement) and statement[at + 1].text == ".":
        at += 2
    return (_name(statement[at]) if at < len(statement) else ""), statement[at + 1 :]


def _items(rest: Sequence[Word]) -> Iterator[list[Word]]:
    """What stands between the commas of the outermost parentheses."""
    item: list[Word] = []
    for word in rest:
        if word.depth == 0:
            continue
        if word.depth == 1 and word.text in {"(", ",", ")"} and word.kind is Kind.MARK:
            if item:
                yield item
            item = []
        else:
            item.append(word)
    if item:
        yield item


def _keys_of(item: Sequence[Word]) -> list[list[str]]:
    if item[0].kind is Kind.WORD and item[0].text in _CONSTRAINTS:
        return _constraint(item)
    if any(_is(word, "PRIMARY") or _is(word, "UNIQUE") for word in item if word.depth == 1):
        return [[_name(item[0])]]
    return []


def _constraint(item: Sequence[Word]) -> list[list[str]]:
    for nth, word in enumerate(item):
        if (_is(word, "PRIMARY") or _is(word, "UNIQUE")) and (columns := _columns(item[nth:])):
            return [columns]
    return []


def _columns(rest: Sequence[Word]) -> list[str]:
    """The names in the first parentheses; none where an expression stands there."""
    start = next((nth for nth, word in enumerate(rest) if word.text == "("), None)
    if start is None:
        return []
    depth = rest[start].depth
    inside = []
    for word in rest[start + 1 :]:
        if word.depth > depth:
            return []
        if word.text == ")":
            break
        inside.append(word)
    return sorted(_name(word) for word in inside if word.kind in {Kind.WORD, Kind.NAME} and word.text not in _ORDERS)


_ORDERS = {"ASC", "DESC", "NULLS", "FIRST", "LAST"}


def _is(word: Word, text: str) -> bool:
    return word.kind is Kind.WORD and word.text == text


def _name(word: Word) -> str:
    return word.text.lower()
