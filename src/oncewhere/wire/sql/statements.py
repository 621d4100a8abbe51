"""Classifies SQL by its text: a query string goes in, one `Statement` for each statement in it comes out.

What is the same in every SQL stands here; what a server has of its own stands in its `Dialect`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from oncewhere.wire.sql.lexer import Kind, Lexis, Word, words

MAX_TARGETS: Final = 8
"""Tables and routines that are remembered of one statement."""

MAX_CACHED_CHARACTERS: Final = 4096
"""Texts up to this length are classified once; applications repeat themselves, bulk loads do not."""

MAX_CACHED_TEXTS: Final = 1024


class Effect(StrEnum):
    """Whether a statement changes what others will see.

    `MAYBE` is for what the text does not tell: a SELECT that calls a function, the execution of a statement that was
    never seen being prepared. A unit that may write is a boundary: to crash there once too often costs a second.
    """

    READS = "reads"
    MAYBE = "maybe"
    WRITES = "writes"


class Control(StrEnum):
    """What a statement does to the transaction."""

    NONE = "none"
    BEGIN = "begin"
    COMMIT = "commit"
    ROLLBACK = "rollback"
    AUTOCOMMIT_ON = "autocommit on"
    AUTOCOMMIT_OFF = "autocommit off"


@dataclass(frozen=True, slots=True)
class Statement:
    """What one SQL statement means.

    Attributes:
        verb: its leading keyword, upper case; for `WITH` the writing one inside, if there is one.
        effect: whether it writes.
        control: what it does to the transaction; a COMMIT with an effect of its own (MySQL's ALTER) commits that too.
        targets: the tables that it writes, or the routines that it calls; best effort, without literals.
        chain: True for `COMMIT AND CHAIN` and `ROLLBACK AND CHAIN`: the next transaction is open at once.
        prepared: True for `COMMIT PREPARED` and `ROLLBACK PREPARED`: it settles what another transaction wrote.
        copies_in: True for `COPY … FROM STDIN`: rows follow, and the statement ends with them.
        name: the name that SQL's own PREPARE gives, or that EXECUTE asks for.
        body: what PREPARE prepares.
    """

    verb: str
    effect: Effect = Effect.READS
    control: Control = Control.NONE
    targets: tuple[str, ...] = ()
    chain: bool = False
    prepared: bool = False
    copies_in: bool = False
    name: str | None = None
    body: Statement | None = None


UNKNOWN: Final = Statement("UNKNOWN", Effect.MAYBE)
"""A statement whose text was never seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """What one server's SQL has of its own.

    Attributes:
        lexis: how its text is cut.
        own: takes a verb and its statement's words; returns what they mean where that is the dialect's own matter, the
            control of transactions above all; None for everything else.
        may_write: takes a function's name and schema; says whether calling it may change what others see.
        writing: verbs that write rows.
        defining: verbs that write definitions.
        calling: verbs that run a routine.
        querying: verbs that return rows, and may call functions.
        reading: verbs that write nothing.
        select_into_writes: whether SELECT … INTO makes a table.
    """

    lexis: Lexis
    own: Callable[[str, Sequence[Word]], Statement | None]
    may_write: Callable[[str, str | None], bool]
    writing: frozenset[str]
    defining: frozenset[str]
    calling: frozenset[str]
    querying: frozenset[str]
    reading: frozenset[str]
    select_into_writes: bool


# Words that stand before a target's name, and words that may stand between them and the name.
_BEFORE_TARGET: Final = frozenset({"CALL", "COPY", "FROM", "INDEX", "INTO", "NOTIFY", "TABLE", "UPDATE", "VIEW"})
_BETWEEN: Final = frozenset({"CONCURRENTLY", "EXISTS", "IF", "INTO", "NOT", "ONLY", "TABLE"})
_STATEMENT_STARTS: Final = frozenset({"", "(", ")"})


def classify(text: str, dialect: Dialect) -> tuple[Statement, ...]:
    """Returns what each statement of a query string means, in order; an empty string has none."""
    return _cached(text, dialect) if len(text) <= MAX_CACHED_CHARACTERS else tuple(_statements(text, dialect))


@functools.lru_cache(maxsize=MAX_CACHED_TEXTS)
def _cached(text: str, dialect: Dialect) -> tuple[Statement, ...]:
    return tuple(_statements(text, dialect))


def _statements(text: str, dialect: Dialect) -> Iterator[Statement]:
    found: list[Word] = []
    for word in words(text, dialect.lexis):
        if word.kind is Kind.CUT:
            break
        if word.text != ";" or word.depth:
            found.append(word)
        elif found:
            yield meaning_of(found, dialect)
            found = []
    else:
        if found:
            yield meaning_of(found, dialect)
        return
    yield meaning_of(found, dialect)
    yield UNKNOWN  # what stands behind the cut


def meaning_of(found: Sequence[Word], dialect: Dialect) -> Statement:
    """Returns what the words of one statement mean; there is at least one."""
    start = next((at for at, word in enumerate(found) if word.text != "("), len(found) - 1)
    found = found[start:]
    verb = found[0].text if found[0].kind is Kind.WORD else UNKNOWN.verb
    if own := dialect.own(verb, found):
        return own
    if verb in dialect.calling:
        return Statement(verb, Effect.WRITES, targets=targets_of(found))
    if verb in dialect.defining:
        return Statement(verb, Effect.READS if is_temporary(found) else Effect.WRITES, targets=targets_of(found))
    return Statement(verb) if verb in dialect.reading else _query(verb, found, dialect)


def is_temporary(found: Sequence[Word]) -> bool:
    """Says whether a definition is only this connection's."""
    return any(word.text in {"TEMP", "TEMPORARY"} for word in found[1:4])


def _query(verb: str, found: Sequence[Word], dialect: Dialect) -> Statement:
    if writing := first_writing(found, dialect.writing):
        return Statement(writing if verb == "WITH" else verb, Effect.WRITES, targets=targets_of(found))
    into = any(word.text == "INTO" and not word.depth for word in found)
    if verb == "SELECT" and into and dialect.select_into_writes:
        return Statement("SELECT INTO", Effect.WRITES, targets=targets_of(found))
    if called := _called(found, dialect.may_write):
        return Statement(verb, Effect.MAYBE, targets=called)
    return Statement(verb, Effect.READS if verb in dialect.querying else Effect.MAYBE)


def first_writing(found: Sequence[Word], verbs: frozenset[str]) -> str | None:
    """Returns the first word that begins a writing statement: not the UPDATE of FOR UPDATE or DO UPDATE."""
    before = ""
    for at, word in enumerate(found):
        called = at + 1 < len(found) and found[at + 1].text == "("  # MySQL has functions of such names
        if word.kind is Kind.WORD and word.text in verbs and before in _STATEMENT_STARTS and not called:
            return word.text
        before = word.text or "literal"
    return None


def targets_of(found: Sequence[Word]) -> tuple[str, ...]:
    """Returns the tables and routines that a writing statement names, best effort."""
    targets: dict[str, None] = {}
    for at, word in enumerate(found):
        before = found[at - 1].text if at else ""
        if word.kind is not Kind.WORD or word.text not in _BEFORE_TARGET | {"TRUNCATE"}:
            continue
        if word.text == "FROM" and before != "DELETE":
            continue
        if word.text == "UPDATE" and before not in _STATEMENT_STARTS:
            continue
        if name := name_at(found, at + 1):
            targets[name] = None
    return tuple(targets)[:MAX_TARGETS]


def name_at(found: Sequence[Word], at: int) -> str | None:
    """Reads a name, perhaps qualified; folded to lower case unless quoted, as PostgreSQL does."""
    while at < len(found) and found[at].kind is Kind.WORD and found[at].text in _BETWEEN:
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


def _called(found: Sequence[Word], may_write: Callable[[str, str | None], bool]) -> tuple[str, ...]:
    """Returns the functions that a reading statement calls and that may write, best effort."""
    called: dict[str, None] = {}
    for at, word in enumerate(found[:-1]):
        if found[at + 1].text != "(" or word.kind not in {Kind.WORD, Kind.NAME} or _is_no_call(found, at):
            continue
        qualified = at >= 2 and found[at - 1].text == "."
        schema = _folded(found[at - 2]) if qualified else None
        if may_write(_folded(word), schema):
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
