"""PostgreSQL's SQL, as far as it differs from others': words go in, what only PostgreSQL's parser knows comes out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from oncewhere.wire.postgres.functions import may_write
from oncewhere.wire.sql.classify import Dialect, targets
from oncewhere.wire.sql.lexer import Tokens, Word
from oncewhere.wire.sql.statement import Control, Effect, Statement

_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s+|--[^\n]*)
    | (?P<comment>/\*)
    | (?P<escaped>[eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*(?:'|\Z))
    | (?P<literal>(?:[bBxXnN]|[uU]&)?'[^']*(?:''[^']*)*(?:'|\Z))
    | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?\$)
    | (?P<name>(?:[uU]&)?"[^"]*(?:""[^"]*)*(?:"|\Z))
    | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
    | (?P<number>\$?\d[\w.]*)
    | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)


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


def _special(verb: str, found: Sequence[Word]) -> Statement | None:
    match verb:
        case "COPY" if any(word.text == "FROM" and not word.depth for word in found):
            stdin = any(word.text == "STDIN" for word in found)
            return Statement(verb, Effect.WRITES, targets=targets(found, POSTGRES), copies_in=stdin)
        case "SELECT" if any(word.text == "INTO" and not word.depth for word in found):
            return Statement("SELECT INTO", Effect.WRITES, targets=targets(found, POSTGRES))
        case _:
            return _control(verb, found)


def _has_body(found: Sequence[Word]) -> bool:
    """A routine's body may be SQL: `CREATE FUNCTION … BEGIN ATOMIC …; … END`."""
    return found[0].text == "CREATE" and any(word.text == "ATOMIC" for word in found)


POSTGRES: Final = Dialect(
    tokens=Tokens(_TOKEN, nested_comments=True),
    special=_special,
    has_body=_has_body,
    may_write=may_write,
    writing=frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"}),
    defining=frozenset(
        {"ALTER", "CLUSTER", "COMMENT", "CREATE", "DROP", "GRANT", "IMPORT", "REASSIGN", "REFRESH", "REINDEX", "REVOKE"}
        | {"SECURITY", "TRUNCATE"}
    ),
    definitions_commit=False,
    calling=frozenset({"CALL", "DO", "NOTIFY"}),
    querying=frozenset({"COPY", "DECLARE", "SELECT", "TABLE", "VALUES", "WITH"}),
    reading=frozenset(
        {
            "ANALYZE",
            "CHECKPOINT",
            "CLOSE",
            "DEALLOCATE",
            "DISCARD",
            "FETCH",
            "LISTEN",
            "LOAD",
            "LOCK",
            "MOVE",
            "RELEASE",
        }
        | {"RESET", "SAVEPOINT", "SET", "SHOW", "UNLISTEN", "VACUUM"}
    ),
    before_target=frozenset({"CALL", "COPY", "FROM", "INDEX", "INTO", "NOTIFY", "TABLE", "TRUNCATE", "UPDATE", "VIEW"}),
    between=frozenset({"CONCURRENTLY", "EXISTS", "IF", "INTO", "NOT", "ONLY", "TABLE"}),
)
