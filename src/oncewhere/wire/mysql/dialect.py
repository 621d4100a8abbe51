"""The SQL of MySQL and MariaDB, as far as it differs from others': words go in, what only their parser knows comes out.

Sources: MySQL's reference manual, "Statements That Cause an Implicit Commit"; MariaDB's page of the same name.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Sequence
from typing import Final

from oncewhere.wire.mysql.functions import may_write
from oncewhere.wire.sql.classify import Dialect, targets, writes
from oncewhere.wire.sql.lexer import Tokens, Word
from oncewhere.wire.sql.statement import Control, Effect, Statement

SET_AUTOCOMMIT: Final = "SET AUTOCOMMIT"
"""It commits what is open where it switches autocommit on; the server's status tells whether it did."""


def _tokens(*, escapes: bool) -> Tokens:
    """Builds the tokens; without `escapes` a backslash in a literal is a character like any other."""
    single = r"'[^'\\]*(?:(?:\\.|'')[^'\\]*)*(?:'|\\?\Z)" if escapes else r"'[^']*(?:''[^']*)*(?:'|\Z)"
    pattern = rf"""
          (?P<space>\s+|\#[^\n]*|--(?=\s|\Z)[^\n]*|/\*M?!\d*|\*/)
        | (?P<comment>/\*)
        | (?P<literal>[bBxXnN]?{single}|{single.replace("'", '"')})
        | (?P<name>`[^`]*(?:``[^`]*)*(?:`|\Z))
        | (?P<word>[A-Za-z_$\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
        | (?P<number>\d[\w.]*)
        | (?P<mark>.)
        """
    return Tokens(re.compile(pattern, re.VERBOSE | re.DOTALL), nested_comments=False)


_MAINTAINING: Final = frozenset({"CACHE", "CHECK", "FLUSH", "LOCK", "OPTIMIZE", "REPAIR", "RESET", "UNLOCK"})
"""They commit what is open, and change no data themselves."""

_ROUTINES: Final = frozenset({"EVENT", "FUNCTION", "PACKAGE", "PROCEDURE", "TRIGGER"})


_DISTRIBUTED: Final = {
    "PREPARE": Statement("XA PREPARE", control=Control.COMMIT),  # it outlives the connection, and a crash
    "COMMIT": Statement("XA COMMIT", Effect.WRITES, control=Control.COMMIT, prepared=True),
    "ROLLBACK": Statement("XA ROLLBACK", control=Control.ROLLBACK, prepared=True),
}


def _special(verb: str, found: Sequence[Word]) -> Statement | None:
    following = [word.text for word in found[1:]]
    match verb, following[:1]:
        case (("SET" | "ANALYZE" | "PREPARE" | "EXECUTE"), _):
            return _of_text(verb, found, following)
        case "LOAD", (["DATA"] | ["XML"]):
            local = "LOCAL" in following[:4]
            return Statement(f"LOAD {following[0]}", Effect.WRITES, targets=targets(found, MYSQL), copies_in=local)
        case "SELECT", _ if "INTO" in following:
            file = any(a == "INTO" and b in {"OUTFILE", "DUMPFILE"} for a, b in itertools.pairwise(following))
            return Statement("SELECT INTO FILE", Effect.WRITES) if file else None
        case _ if verb in _MAINTAINING or (verb, following[:1]) == ("LOAD", ["INDEX"]):
            return Statement(verb, control=Control.COMMIT)
        case _:
            return _control(verb, following)


def _control(verb: str, following: list[str]) -> Statement | None:
    chain = "CHAIN" in following and "NO" not in following
    match verb, following[:1]:
        case "BEGIN", ["NOT"]:
            return Statement("BEGIN NOT ATOMIC", Effect.MAYBE)
        case ("BEGIN", _) | ("START", ["TRANSACTION"]) | ("XA", (["START"] | ["BEGIN"])):
            return Statement(verb, control=Control.BEGIN, commits_first=True)
        case "XA", [("PREPARE" | "COMMIT" | "ROLLBACK") as what]:
            return _DISTRIBUTED[what]
        case "COMMIT", _:
            return Statement(verb, control=Control.COMMIT, chain=chain)
        case "ROLLBACK", _ if "TO" in following:
            return Statement("ROLLBACK TO")  # a savepoint: the transaction goes on
        case "ROLLBACK", _:
            return Statement(verb, control=Control.ROLLBACK, chain=chain)
        case _:
            return None


def _of_text(verb: str, found: Sequence[Word], following: list[str]) -> Statement | None:
    """Reads statements that hold another one, or that its words alone do not tell."""
    match verb, following[:1]:
        case "SET", ["STATEMENT"]:  # MariaDB: SET STATEMENT max_statement_time=1 FOR INSERT …
            at = next((at for at, word in enumerate(found) if word.text == "FOR"), len(found))
            inner = found[at + 1 :]
            verb_inside = writes(inner, MYSQL)
            if verb_inside:
                return Statement(verb_inside, Effect.WRITES, targets=targets(inner, MYSQL))
            return Statement("SET STATEMENT", Effect.MAYBE)
        case "SET", _:
            return Statement(SET_AUTOCOMMIT, control=Control.COMMIT) if "AUTOCOMMIT" in following else Statement("SET")
        case "ANALYZE", (["TABLE"] | ["LOCAL"] | ["NO_WRITE_TO_BINLOG"]):
            return Statement("ANALYZE TABLE", control=Control.COMMIT)
        case "ANALYZE", _:  # MariaDB: it runs the statement and explains it
            return Statement(verb, Effect.WRITES if any(text in _WRITING for text in following) else Effect.READS)
        case "PREPARE", _:
            return Statement(verb)  # of a literal or a variable: what EXECUTE runs is not known
        case _:
            return Statement(verb, Effect.MAYBE)


def _has_body(found: Sequence[Word]) -> bool:
    """A routine's body holds statements between BEGIN and END, and so does MariaDB's BEGIN NOT ATOMIC."""
    texts = [word.text for word in found[:24]]
    if texts[:2] == ["BEGIN", "NOT"]:
        return True
    if texts[0] not in {"CREATE", "ALTER"} or not _ROUTINES.intersection(texts):
        return False
    return any(word.text == "BEGIN" for word in found)


_WRITING: Final = frozenset({"DELETE", "INSERT", "REPLACE", "UPDATE"})

MYSQL: Final = Dialect(
    tokens=_tokens(escapes=True),
    special=_special,
    has_body=_has_body,
    may_write=may_write,
    writing=_WRITING,
    defining=frozenset(
        {"ALTER", "CREATE", "DROP", "GRANT", "IMPORT", "INSTALL", "RENAME", "REVOKE", "TRUNCATE", "UNINSTALL"}
    ),
    definitions_commit=True,
    calling=frozenset({"BINLOG", "CALL"}),
    querying=frozenset({"DO", "SELECT", "TABLE", "VALUES", "WITH"}),
    reading=frozenset(
        {"CHANGE", "CHECKSUM", "DEALLOCATE", "DESC", "DESCRIBE", "GET", "HANDLER", "HELP", "KILL", "PURGE", "RELEASE"}
        | {"RESIGNAL", "SAVEPOINT", "SHOW", "SHUTDOWN", "SIGNAL", "START", "STOP", "USE", "XA"}
    ),
    before_target=frozenset(
        {"CALL", "FROM", "INDEX", "INSERT", "INTO", "REPLACE", "TABLE", "TRUNCATE", "UPDATE", "VIEW"}
    ),
    between=frozenset(
        {"DELAYED", "EXISTS", "HIGH_PRIORITY", "IF", "IGNORE", "INTO", "LOW_PRIORITY", "NOT", "QUICK", "TABLE"}
    ),
)

MYSQL_WITHOUT_ESCAPES: Final = dataclasses.replace(MYSQL, tokens=_tokens(escapes=False))
"""With the SQL mode NO_BACKSLASH_ESCAPES, which the server's status tells."""
