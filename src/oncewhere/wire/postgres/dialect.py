"""PostgreSQL's SQL: how its text is cut, and what only it has; to be given to `sql.statements`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from oncewhere.wire.postgres.functions import may_write
from oncewhere.wire.sql.lexer import Lexis, Word
from oncewhere.wire.sql.statements import (
    UNKNOWN,
    Control,
    Dialect,
    Effect,
    Statement,
    meaning_of,
    name_at,
    targets_of,
)

_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*)
    | (?P<comment>/\*)
    | (?P<literal>[eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*(?:'|\Z)
                | (?:[bBxXnN]|[uU]&)?'[^']*(?:''[^']*)*(?:'|\Z))
    | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?\$)
    | (?P<name>(?:[uU]&)?"[^"]*(?:""[^"]*)*(?:"|\Z))
    | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
    | (?P<number>\$?\d[\w.]*)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_WRITING: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_DEFINING: Final = frozenset(
    {"ALTER", "CLUSTER", "COMMENT", "CREATE", "DROP", "GRANT", "IMPORT", "REASSIGN", "REFRESH", "REINDEX", "REVOKE"}
    | {"SECURITY", "TRUNCATE"}
)
_READING: Final = frozenset(
    {"ANALYZE", "CHECKPOINT", "CLOSE", "DEALLOCATE", "DISCARD", "FETCH", "LISTEN", "LOAD", "LOCK", "MOVE", "RELEASE"}
    | {"RESET", "SAVEPOINT", "SET", "SHOW", "UNLISTEN", "VACUUM"}
)


def _own(verb: str, found: Sequence[Word]) -> Statement | None:
    if control := _control(verb, found):
        return control
    match verb:
        case "PREPARE":
            body = found[next((at + 1 for at, word in enumerate(found) if word.text == "AS"), len(found)) :]
            return Statement(verb, name=name_at(found, 1), body=meaning_of(body, DIALECT) if body else UNKNOWN)
        case "EXECUTE":
            return Statement(verb, Effect.MAYBE, name=name_at(found, 1))
        case "EXPLAIN":
            return Statement(verb, _explained(found))
        case "COPY" if any(word.text == "FROM" and not word.depth for word in found):
            stdin = any(word.text == "STDIN" for word in found)
            return Statement(verb, Effect.WRITES, targets=targets_of(found), copies_in=stdin)
        case _:
            return None


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


DIALECT: Final = Dialect(
    lexis=Lexis(token=_TOKEN, quote='"', nests_comments=True),
    own=_own,
    may_write=may_write,
    writing=_WRITING,
    defining=_DEFINING,
    calling=frozenset({"CALL", "DO", "NOTIFY"}),
    querying=frozenset({"COPY", "DECLARE", "SELECT", "TABLE", "VALUES", "WITH"}),
    reading=_READING,
    select_into_writes=True,
)
