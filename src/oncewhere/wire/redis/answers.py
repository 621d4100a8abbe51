"""What a Redis server's answers say: a command and the outline of its answer go in, the outcome comes out."""

from __future__ import annotations

from typing import Final

from oncewhere.wire.message import JSON
from oncewhere.wire.outcome import Outcome
from oncewhere.wire.redis.commands import SCRIPTS, Command
from oncewhere.wire.redis.values import Value

_REFUSING_NAMES: Final = """
    ASK BUSY BUSYKEY CLUSTERDOWN CROSSSLOT DENIED EXECABORT LOADING MASTERDOWN MISCONF MOVED NOAUTH
    NOGOODSLAVE NOPERM NOREPLICAS NOSCRIPT OOM READONLY TRYAGAIN UNKILLABLE
"""
_REFUSING: Final = frozenset(_REFUSING_NAMES.split())
"""Codes by which a server refuses before it has run anything."""

_FROM_SCRIPT: Final = b"script: "
"""Stands in an error that a script itself has raised, whatever its code is; what the script did before it stays."""

_NIL_CHANGES_NOTHING_NAMES: Final = """
    BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN EXEC GETDEL GETEX JSON.SET LMOVE LMPOP LPOP MSETEX
    RPOP RPOPLPUSH SPOP XADD XREADGROUP ZADD ZMPOP
"""
_NIL_CHANGES_NOTHING: Final = frozenset(_NIL_CHANGES_NOTHING_NAMES.split())
"""Commands whose nil means that a condition did not hold, or that there was nothing to take, at once or in time."""

_ZERO_CHANGES_NOTHING_NAMES: Final = """
    BF.ADD BF.INSERT BF.MADD CF.ADDNX CF.DEL CF.INSERTNX COPY DEL DELEX DELIFEQ EXPIRE EXPIREAT HDEL HEXPIRE HEXPIREAT
    HPERSIST HPEXPIRE HPEXPIREAT HSETEX HSETNX JSON.DEL JSON.FORGET LINSERT LPUSHX LREM MOVE MSETEX MSETNX PERSIST
    PEXPIRE PEXPIREAT PFADD RENAMENX RPUSHX SADD SETNX SMOVE SREM UNLINK XACK XDEL XTRIM ZREM ZREMRANGEBYLEX
    ZREMRANGEBYRANK ZREMRANGEBYSCORE
"""
_ZERO_CHANGES_NOTHING: Final = frozenset(_ZERO_CHANGES_NOTHING_NAMES.split())
"""Commands whose 0 means that what they were to change was not there, or was there already; so does an array of 0."""

_ZEROS: Final = frozenset({b"0", b"-1", b"-2", b"f"})
"""As integers and as RESP3 booleans (BF.ADD); -1 and -2 say why (LINSERT, HEXPIRE: no such pivot, key or field)."""

_COUNTING: Final = frozenset(b":#*")
"""Types of an answer that counts, by itself or for each argument."""

_COUNTS_WHAT_CHANGES: Final = frozenset({b"CH", b"NX"})
"""Options with which a 0 of ZADD and GEOADD says that no score has changed either."""

_ASKS_FOR_A_VALUE: Final = frozenset({b"IFDEQ", b"IFEQ", b"XX"})
"""Options of SET that create no key."""

_COMPARES: Final = frozenset({b"IFDEQ", b"IFDNE", b"IFEQ", b"IFNE"})
"""Options of SET that depend on the old value, so that whether there was one does not tell what became of it."""

_ERRORS: Final = frozenset(b"-!")


def outcome_of(command: Command, answer: Value) -> Outcome:
    """Says how a writing command ended.

    Args:
        command: what was sent; for a transaction its EXEC.
        answer: the outline of what the server answered.
    """
    if answer.kind in _ERRORS:
        return _failed(command.name, answer)
    if command.name == "SET":
        return _set(command.options, nil=answer.nil)
    changed_nothing = command.name in _NIL_CHANGES_NOTHING if answer.nil else _zero_changes_nothing(command, answer)
    return Outcome.NOT_DONE if changed_nothing else Outcome.DONE


def answer_fields(command: Command, answer: Value) -> dict[str, JSON]:
    """Returns what is worth logging of an answer: an error's code, and how many commands of a transaction failed.

    An error's text may quote arguments, so only its code is kept.
    """
    fields: dict[str, JSON] = {}
    if answer.kind in _ERRORS:
        fields["error"] = code_of(answer)
    elif command.name == "EXEC":
        if answer.nil:
            fields["reason"] = "a watched key has changed"
        elif answer.errors:
            fields["errors"] = answer.errors
    return fields


def code_of(answer: Value) -> str:
    """Returns an error's code: its first word, as far as that is one."""
    code = answer.line.split(b" ", 1)[0]
    return code.decode() if code.isascii() and code.isupper() and len(code) <= 32 else "ERR"


def _failed(name: str, answer: Value) -> Outcome:
    code = code_of(answer)
    if name in SCRIPTS:
        refused = code in _REFUSING and _FROM_SCRIPT not in answer.line
        return Outcome.NOT_DONE if refused else Outcome.UNKNOWN
    if name == "MIGRATE" and code == "IOERR":
        return Outcome.UNKNOWN  # the other server may have the key already
    return Outcome.NOT_DONE


def _set(options: frozenset[bytes], *, nil: bool) -> Outcome:
    """Says how a SET ended: with GET its answer is the old value, whether or not that was replaced."""
    if b"GET" not in options:
        return Outcome.NOT_DONE if nil else Outcome.DONE
    if nil:
        return Outcome.NOT_DONE if options & _ASKS_FOR_A_VALUE else Outcome.DONE
    if b"NX" in options:
        return Outcome.NOT_DONE
    return Outcome.UNKNOWN if options & _COMPARES else Outcome.DONE


def _zero_changes_nothing(command: Command, answer: Value) -> bool:
    """True where an answer that is not nil says that nothing was changed."""
    if command.name not in _ZERO_CHANGES_NOTHING and not command.options & _COUNTS_WHAT_CHANGES:
        return False
    seen_whole = 0 < answer.size == len(answer.leaves)
    return answer.kind in _COUNTING and seen_whole and _ZEROS.issuperset(answer.leaves)
