"""Classifies SQL by its text: a query string goes in, one `Statement` for each statement in it comes out."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from oncewhere.wire.postgres.functions import may_write
from oncewhere.wire.postgres.lexer import Kind, Word, words

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


@dataclass(frozen=True, slots=True)
class Statement:
    """What one SQL statement means.

    Attributes:
        verb: its leading keyword, upper case; for `WITH` the writing one inside, if there is one.
        effect: whether it writes.
        control: what it does to the transaction.
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

_WRITING: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_DEFINING: Final = frozenset(
    {"ALTER", "CLUSTER", "COMMENT", "CREATE", "DROP", "GRANT", "IMPORT", "REASSIGN", "REFRESH", "REINDEX", "REVOKE"}
    | {"SECURITY", "TRUNCATE"}
)
_CALLING: Final = frozenset({"CALL", "DO", "NOTIFY"})
_QUERYING: Final = frozenset({"COPY", "DECLARE", "SELECT", "TABLE", "VALUES", "WITH"})
_READING: Final = frozenset(
    {"ANALYZE", "CHECKPOINT", "CLOSE", "DEALLOCATE", "DISCARD", "FETCH", "LISTEN", "LOAD", "LOCK", "MOVE", "RELEASE"}
    | {"RESET", "SAVEPOINT", "SET", "SHOW", "UNLISTEN", "VACUUM"}
)
# Words that stand before a target's name, and words that may stand between them and the name.
_BEFORE_TARGET: Final = frozenset({"CALL", "COPY", "FROM", "INDEX", "INTO", "NOTIFY", "TABLE", "UPDATE", "VIEW"})
_BETWEEN: Final = frozenset({"CONCURRENTLY", "EXISTS", "IF", "INTO", "NOT", "ONLY", "TABLE"})
_STATEMENT_STARTS: Final = frozenset({"", "(", ")"})


def classify(text: str) -> tuple[Statement, ...]:
    """Returns what each statement of a query string means, in order; an empty string has none."""
    return _cached(text) if len(text) <= MAX_CACHED_CHARACTERS else tuple(_statements(text))


@functools.lru_cache(maxsize=MAX_CACHED_TEXTS)
def _cached(text: str) -> tuple[Statement, ...]:
    return tuple(_statements(text))


def _statements(text: str) -> Iterator[Statement]:
    found: list[Word] = []
    for word in words(text):
        if word.kind is Kind.CUT:
            break
        if word.text != ";" or word.depth:
            found.append(word)
        elif found:
            yield _statement(found)
            found = []
    else:
        if found:
            yield _statement(found)
        return
    yield _statement(found)
    yield UNKNOWN  # what stands behind the cut


def _statement(found: Sequence[Word]) -> Statement:
    start = next((at for at, word in enumerate(found) if word.text != "("), len(found) - 1)
    found = found[start:]
    verb = found[0].text if found[0].kind is Kind.WORD else UNKNOWN.verb
    if control := _control(verb, found):
        return control
    if verb == "PREPARE":
        body = next((at + 1 for at, word in enumerate(found) if word.text == "AS"), len(found))
        return Statement(verb, name=_name_at(found, 1), body=_statement(found[body:]) if found[body:] else UNKNOWN)
    if verb == "EXECUTE":
        return Statement(verb, Effect.MAYBE, name=_name_at(found, 1))
    if verb == "EXPLAIN":
        return Statement(verb, _explained(found))
    if verb in _CALLING:
        return Statement(verb, Effect.WRITES, targets=_targets(found))
    if verb in _DEFINING:
        temporary = any(word.text in {"TEMP", "TEMPORARY"} for word in found[1:4])
        return Statement(verb, Effect.READS if temporary else Effect.WRITES, targets=_targets(found))
    return Statement(verb) if verb in _READING else _query(verb, found)


def _control(verb: str, found: Sequence[Word]) -> Statement | None:
    following = [word.text for word in found[1:]]
    chain = "CHAIN" in following and "NO" not in following
    match verb, following[:1]:
        case (("BEGIN" | "START"), _):
            return Statement(verb, control=Control.BEGIN)
        case "PREPARE", ["TRANSACTION"]:
            return Statement("PREPARE TRANSACTION", control=Control.COMMIT)
        case "COMMIT", ["PREPARED"]:
            return Statement("COMMIT PREPARED", Effect.WRITES, control=Control.COMMIT, prepared=True)
        case "ROLLBACK", ["PREPARED"]:
            return Statement("ROLLBACK PREPARED", control=Control.ROLLBACK, prepared=True)
        case (("COMMIT" | "END"), _):
            return Statement(verb, control=Control.COMMIT, chain=chain)
        case "ROLLBACK", _ if "TO" in following:
            return Statement("ROLLBACK TO")  # a savepoint: the transaction goes on
        case (("ROLLBACK" | "ABORT"), _):
            return Statement(verb, control=Control.ROLLBACK, chain=chain)
        case _:
            return None


def _explained(found: Sequence[Word]) -> Effect:
    """EXPLAIN runs nothing, EXPLAIN ANALYZE runs everything."""
    runs = any(word.text in {"ANALYZE", "ANALYSE"} for word in found[:8])
    return Effect.WRITES if runs and any(word.text in _WRITING for word in found) else Effect.READS


def _query(verb: str, found: Sequence[Word]) -> Statement:
    if verb == "COPY" and any(word.text == "FROM" and not word.depth for word in found):
        stdin = any(word.text == "STDIN" for word in found)
        return Statement(verb, Effect.WRITES, targets=_targets(found), copies_in=stdin)
    if writing := _writing(found):
        return Statement(writing if verb == "WITH" else verb, Effect.WRITES, targets=_targets(found))
    if verb == "SELECT" and any(word.text == "INTO" and not word.depth for word in found):
        return Statement("SELECT INTO", Effect.WRITES, targets=_targets(found))
    if called := _called(found):
        return Statement(verb, Effect.MAYBE, targets=called)
    return Statement(verb, Effect.READS if verb in _QUERYING else Effect.MAYBE)


def _writing(found: Sequence[Word]) -> str | None:
    """Returns the first word that begins a writing statement: not the UPDATE of FOR UPDATE or DO UPDATE."""
    before = ""
    for word in found:
        if word.kind is Kind.WORD and word.text in _WRITING and before in _STATEMENT_STARTS:
            return word.text
        before = word.text or "literal"
    return None


def _targets(found: Sequence[Word]) -> tuple[str, ...]:
    targets: dict[str, None] = {}
    for at, word in enumerate(found):
        before = found[at - 1].text if at else ""
        if word.kind is not Kind.WORD or word.text not in _BEFORE_TARGET | {"TRUNCATE"}:
            continue
        if word.text == "FROM" and before != "DELETE":
            continue
        if word.text == "UPDATE" and before not in _STATEMENT_STARTS:
            continue
        if name := _name_at(found, at + 1):
            targets[name] = None
    return tuple(targets)[:MAX_TARGETS]


def _name_at(found: Sequence[Word], at: int) -> str | None:
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


def _called(found: Sequence[Word]) -> tuple[str, ...]:
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
