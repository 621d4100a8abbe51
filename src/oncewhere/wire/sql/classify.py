"""Classifies SQL by its text: a query string goes in, one `Statement` for each statement in it comes out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from oncewhere.wire.sql.lexer import Kind, Tokens, Word, words
from oncewhere.wire.sql.statement import UNKNOWN, Control, Effect, Statement

MAX_TARGETS: Final = 8
"""Tables and routines that are remembered of one statement."""

MAX_CACHED_CHARACTERS: Final = 4096
"""Texts up to this length are classified once; applications repeat themselves, bulk loads do not."""

MAX_CACHED_TEXTS: Final = 1024

_STATEMENT_STARTS: Final = frozenset({"", "(", ")"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dialect:
    """What differs between servers.

    Attributes:
        tokens: how a text is cut.
        special: takes the leading word and all words of a statement; returns what it means where only this dialect
            knows, transaction control above all, or None.
        has_body: takes the words before a semicolon; says whether they open a body that holds semicolons itself.
        may_write: takes a called function's name and schema; says whether it may write what others see.
        writing: words that begin a writing statement, also inside of another one.
        defining: likewise of what defines objects.
        definitions_commit: True where a definition commits what is open, and itself.
        calling: words that begin a call whose effect is not in the text.
        querying: words that begin a query, which writes only by the functions that it calls.
        reading: words that begin what writes nothing.
        before_target: words that stand before a target's name.
        between: words that may stand between these and the name.
    """

    tokens: Tokens
    special: Callable[[str, Sequence[Word]], Statement | None]
    has_body: Callable[[Sequence[Word]], bool]
    may_write: Callable[[str, str | None], bool]
    writing: frozenset[str]
    defining: frozenset[str]
    definitions_commit: bool
    calling: frozenset[str]
    querying: frozenset[str]
    reading: frozenset[str]
    before_target: frozenset[str]
    between: frozenset[str]


def classify(text: str, dialect: Dialect) -> tuple[Statement, ...]:
    """Returns what each statement of a query string means, in order; an empty string has none."""
    return _cached(text, dialect) if len(text) <= MAX_CACHED_CHARACTERS else tuple(_statements(text, dialect))


@functools.lru_cache(maxsize=MAX_CACHED_TEXTS)
def _cached(text: str, dialect: Dialect) -> tuple[Statement, ...]:
    return tuple(_statements(text, dialect))


def _statements(text: str, dialect: Dialect) -> Iterator[Statement]:
    found: list[Word] = []
    for word in words(text, dialect.tokens):
        if word.kind is Kind.CUT:
            break
        if word.text != ";" or word.depth or (found and dialect.has_body(found)):
            found.append(word)
        elif found:
            yield _statement(found, dialect)
            found = []
    else:
        if found:
            yield _statement(found, dialect)
        return
    yield _statement(found, dialect)
    yield UNKNOWN  # what stands behind the cut


def _statement(found: Sequence[Word], dialect: Dialect) -> Statement:
    start = next((at for at, word in enumerate(found) if word.text != "("), len(found) - 1)
    found = found[start:]
    verb = found[0].text if found[0].kind is Kind.WORD else UNKNOWN.verb
    if special := dialect.special(verb, found):
        return special
    if verb == "PREPARE":
        body = next((at + 1 for at, word in enumerate(found) if word.text == "AS"), len(found))
        return Statement(
            verb, name=name_at(found, 1, dialect), body=_statement(found[body:], dialect) if found[body:] else UNKNOWN
        )
    if verb == "EXECUTE":
        return Statement(verb, Effect.MAYBE, name=name_at(found, 1, dialect))
    if verb == "EXPLAIN":
        return Statement(verb, _explained(found, dialect))
    if verb in dialect.calling:
        return Statement(verb, Effect.WRITES, targets=targets(found, dialect))
    if verb in dialect.defining:
        return _definition(verb, found, dialect)
    return Statement(verb) if verb in dialect.reading else _query(verb, found, dialect)


def _definition(verb: str, found: Sequence[Word], dialect: Dialect) -> Statement:
    if any(word.text in {"TEMP", "TEMPORARY"} for word in found[1:4]):
        return Statement(verb, targets=targets(found, dialect))
    control = Control.COMMIT if dialect.definitions_commit else Control.NONE
    return Statement(verb, Effect.WRITES, control, targets(found, dialect))


def _explained(found: Sequence[Word], dialect: Dialect) -> Effect:
    """EXPLAIN runs nothing, EXPLAIN ANALYZE runs everything."""
    runs = any(word.text in {"ANALYZE", "ANALYSE"} for word in found[:8])
    return Effect.WRITES if runs and any(word.text in dialect.writing for word in found) else Effect.READS


def _query(verb: str, found: Sequence[Word], dialect: Dialect) -> Statement:
    if writing := writes(found, dialect):
        return Statement(writing if verb == "WITH" else verb, Effect.WRITES, targets=targets(found, dialect))
    if called := _called(found, dialect):
        return Statement(verb, Effect.MAYBE, targets=called)
    return Statement(verb, Effect.READS if verb in dialect.querying else Effect.MAYBE)


def writes(found: Sequence[Word], dialect: Dialect) -> str | None:
    """Returns the first word that begins a writing statement: not the UPDATE of FOR UPDATE or DO UPDATE."""
    before = ""
    for word in found:
        if word.kind is Kind.WORD and word.text in dialect.writing and before in _STATEMENT_STARTS:
            return word.text
        before = word.text or "literal"
    return None


def targets(found: Sequence[Word], dialect: Dialect) -> tuple[str, ...]:
    """Returns the tables that a statement writes, or the routines that it calls, best effort."""
    names: dict[str, None] = {}
    for at, word in enumerate(found):
        before = found[at - 1].text if at else ""
        if word.kind is not Kind.WORD or word.text not in dialect.before_target:
            continue
        if word.text == "FROM" and _leading(found, at, dialect) != "DELETE":
            continue
        if word.text == "UPDATE" and before not in _STATEMENT_STARTS:
            continue
        if name := name_at(found, at + 1, dialect):
            names[name] = None
    return tuple(names)[:MAX_TARGETS]


def _leading(found: Sequence[Word], at: int, dialect: Dialect) -> str:
    """Returns the word before this one, and before what may stand between (`DELETE QUICK FROM`)."""
    while at > 1 and found[at - 1].text in dialect.between:
        at -= 1
    return found[at - 1].text if at else ""


def name_at(found: Sequence[Word], at: int, dialect: Dialect) -> str | None:
    """Reads a name, perhaps qualified; folded to lower case unless quoted."""
    while at < len(found) and found[at].kind is Kind.WORD and found[at].text in dialect.between:
        at += 1
    parts: list[str] = []
    while at < len(found) and found[at].kind in {Kind.WORD, Kind.NAME}:
        parts.append(_folded(found[at]))
        if at + 1 >= len(found) or found[at + 1].text != ".":
            break
        at += 2
    return ".".join(parts) or None


def _folded(word: Word) -> str:
    return word.text.lower() if word.kind is Kind.WORD else word.text


def _called(found: Sequence[Word], dialect: Dialect) -> tuple[str, ...]:
    """Returns the functions that a reading statement calls and that may write, best effort."""
    called: dict[str, None] = {}
    for at, word in enumerate(found[:-1]):
        if found[at + 1].text != "(" or word.kind not in {Kind.WORD, Kind.NAME} or _is_no_call(found, at):
            continue
        qualified = at >= 2 and found[at - 1].text == "."
        schema = _folded(found[at - 2]) if qualified else None
        if dialect.may_write(_folded(word), schema):
            called[f"{schema}.{_folded(word)}" if schema else _folded(word)] = None
    return tuple(called)[:MAX_TARGETS]


def _is_no_call(found: Sequence[Word], at: int) -> bool:
    """A type's modifier (`::numeric(9, 2)`), an alias with columns (`AS t (a)`), a WITH name (`t (a) AS …`)."""
    before = found[at - 1].text if at else ""
    if before in {":", "AS"}:
        return True
    if before not in {"WITH", "RECURSIVE", ","}:
        return False
    depth = found[at + 1].depth
    closing = next((to for to in range(at + 2, len(found)) if found[to].text == ")" and found[to].depth == depth), -1)
    return 0 < closing < len(found) - 1 and found[closing + 1].text == "AS"
