"""MySQL's and MariaDB's SQL: how its text is cut, and what only they have; to be given to `sql.statements`.

Sources: MySQL reference manual, "Statements That Cause an Implicit Commit"; MariaDB knowledge base, likewise.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from oncewhere.wire.mysql.functions import may_write
from oncewhere.wire.sql.lexer import Kind, Lexis, Word
from oncewhere.wire.sql.statements import (
    Control,
    Dialect,
    Effect,
    Statement,
    first_writing,
    is_temporary,
    meaning_of,
    targets_of,
)

# `/*! … */` is no comment but a text for servers that know it; double quotes are literals (without ANSI_QUOTES).
_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s+|--(?=\s|\Z)[^\n]*|\#[^\n]*|/\*M?!\d*|\*/)
    | (?P<comment>/\*)
    | (?P<literal>(?:[bBxXnN]|_[A-Za-z0-9]+\s*)?'[^'\\]*(?:(?:\\.|'')[^'\\]*)*(?:'|\\?\Z)
                | "[^"\\]*(?:(?:\\.|"")[^"\\]*)*(?:"|\\?\Z))
    | (?P<name>`[^`]*(?:``[^`]*)*(?:`|\Z))
    | (?P<word>[A-Za-z_$\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
    | (?P<number>\d[\w.]*)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_WRITING: Final = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE"})
_IMPLICITLY_COMMITTING: Final = frozenset({"ALTER", "CREATE", "DROP", "GRANT", "RENAME", "REVOKE", "TRUNCATE"})
"""They commit what was open before them, and then themselves."""

_MAINTAINING: Final = frozenset({"CACHE", "CHECK", "FLUSH", "LOCK", "OPTIMIZE", "REPAIR", "RESET", "UNLOCK"})
"""They commit what was open before them, and write nothing that a user's data would show."""

_READING: Final = frozenset(
    {"CHANGE", "CHECKSUM", "DEALLOCATE", "DESC", "DESCRIBE", "EXPLAIN", "GET", "HANDLER", "HELP", "KILL", "PREPARE"}
    | {"PURGE", "RELEASE", "SAVEPOINT", "SHOW", "SHUTDOWN", "STOP", "USE", "BINLOG"}
)
_ON: Final = frozenset({"1", "ON", "TRUE"})


def _own(verb: str, found: Sequence[Word]) -> Statement | None:
    if control := _control(verb, [word.text for word in found[1:]]):
        return control
    if verb == "DROP" and [word.text for word in found[1:2]] == ["PREPARE"]:
        return Statement("DROP PREPARE")  # DEALLOCATE PREPARE by another name
    if verb in _IMPLICITLY_COMMITTING:
        if is_temporary(found):
            return Statement(verb, targets=targets_of(found))
        return Statement(verb, Effect.WRITES, control=Control.COMMIT, targets=targets_of(found))
    if verb in _MAINTAINING:
        return Statement(verb, control=Control.COMMIT)
    return _BY_VERB[verb](found) if verb in _BY_VERB else None


def _control(verb: str, following: Sequence[str]) -> Statement | None:
    chain = "CHAIN" in following and "NO" not in following
    match verb, following[:1]:
        case "BEGIN", ["NOT"]:  # MariaDB's compound statement, which may do anything
            return Statement("BEGIN NOT ATOMIC", Effect.MAYBE)
        case ("BEGIN", _) | ("START", ["TRANSACTION"]):
            return Statement(verb, control=Control.BEGIN)
        case "COMMIT", _:
            return Statement(verb, control=Control.COMMIT, chain=chain)
        case "ROLLBACK", _ if "TO" in following:
            return Statement("ROLLBACK TO")  # a savepoint: the transaction goes on
        case "ROLLBACK", _:
            return Statement(verb, control=Control.ROLLBACK, chain=chain)
        case "START", _:
            return Statement(verb)  # replication
        case _:
            return None


def _set(found: Sequence[Word]) -> Statement:
    """Of all variables only `autocommit` matters; the last setting of it counts."""
    if [word.text for word in found[1:2]] == ["STATEMENT"]:
        return _set_for_one(found)
    if len(found) > 1 and found[1].text in {"PASSWORD", "ROLE", "DEFAULT"}:
        return Statement("SET", Effect.WRITES if found[1].text == "PASSWORD" else Effect.READS)
    control = Control.NONE
    for at, word in enumerate(found):
        named = word.kind in {Kind.WORD, Kind.NAME} and word.text.upper() == "AUTOCOMMIT"
        if not named or any(earlier.text == "GLOBAL" for earlier in found[max(at - 2, 0) : at]):
            continue
        value = next((later.text for later in found[at + 1 : at + 4] if later.text not in {"=", ":"}), "")
        control = Control.AUTOCOMMIT_ON if value.upper() in _ON else Control.AUTOCOMMIT_OFF
    return Statement("SET", control=control)


def _set_for_one(found: Sequence[Word]) -> Statement:
    """MariaDB's SET STATEMENT … FOR …: what stands behind FOR runs; drivers set a query's timeout with it."""
    behind = next((at + 1 for at, word in enumerate(found) if word.text == "FOR" and not word.depth), len(found))
    return meaning_of(found[behind:], DIALECT) if found[behind:] else Statement("SET STATEMENT", Effect.MAYBE)


def _select(found: Sequence[Word]) -> Statement | None:
    """INTO a file of the server writes; INTO variables does not."""
    writes = any(word.text in {"OUTFILE", "DUMPFILE"} for word in found)
    return Statement("SELECT INTO OUTFILE", Effect.WRITES) if writes else None


def _analyze(found: Sequence[Word]) -> Statement:
    """MariaDB runs the statement that follows, and explains it."""
    runs = first_writing(found[1:], _WRITING)
    return Statement("ANALYZE", Effect.WRITES if runs else Effect.READS, targets=targets_of(found))


def _load(found: Sequence[Word]) -> Statement:
    local = any(word.text == "LOCAL" for word in found[1:5])
    return Statement("LOAD", Effect.WRITES, targets=targets_of(found), copies_in=local)


def _do(_: Sequence[Word]) -> Statement:
    return Statement("DO", Effect.MAYBE)


def _distributed(found: Sequence[Word]) -> Statement:
    match [word.text for word in found[1:2]]:
        case ["START" | "BEGIN"]:
            return Statement("XA START", control=Control.BEGIN)
        case ["PREPARE"]:
            return Statement("XA PREPARE", control=Control.COMMIT)
        case ["COMMIT"]:
            return Statement("XA COMMIT", Effect.WRITES, control=Control.COMMIT, prepared=True)
        case ["ROLLBACK"]:
            return Statement("XA ROLLBACK", control=Control.ROLLBACK, prepared=True)
        case _:
            return Statement("XA")


_BY_VERB: Final[Mapping[str, Callable[[Sequence[Word]], Statement | None]]] = {
    "ANALYZE": _analyze,
    "DO": _do,
    "LOAD": _load,
    "SELECT": _select,
    "SET": _set,
    "XA": _distributed,
}

DIALECT: Final = Dialect(
    lexis=Lexis(token=_TOKEN, quote="`", nests_comments=False),
    own=_own,
    may_write=may_write,
    writing=_WRITING,
    defining=frozenset({"INSTALL", "UNINSTALL"}),
    calling=frozenset({"CALL"}),
    querying=frozenset({"SELECT", "TABLE", "VALUES", "WITH"}),
    reading=_READING,
    select_into_writes=False,
)
