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
    BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN GETDEL LMOVE LMPOP LPOP RPOP RPOPLPUSH SPOP
    XADD XREADGROUP ZMPOP
"""
_NIL_CHANGES_NOTHING: Final = frozenset(_NIL_CHANGES_NOTHING_NAMES.split())
"""Commands whose nil means that there was nothing to take, at once or until the time was up."""

_ZERO_CHANGES_NOTHING_NAMES: Final = """
    COPY DEL DELEX DELIFEQ HDEL HSETNX LPUSHX LREM MOVE MSETEX MSETNX PERSIST RENAMENX RPUSHX SETNX SMOVE SREM
    UNLINK XACK XDEL ZREM
"""
_ZERO_CHANGES_NOTHING: Final = frozenset(_ZERO_CHANGES_NOTHING_NAMES.split())
"""Commands whose 0 means that what they were to change was not there, or was there already."""

_ERRORS: Final = frozenset(b"-!")


def outcome_of(command: Command, answer: Value) -> Outcome:
    """Says how a writing command ended.

    Args:
        command: what was sent; for a transaction its EXEC.
        answer: the outline of what the server answered.
    """
    if answer.kind in _ERRORS:
        return _failed(command.name, answer)
    if answer.nil:
        return Outcome.NOT_DONE if _nil_changes_nothing(command) else Outcome.DONE
    if answer.kind == ord(":") and answer.line == b"0" and command.name in _ZERO_CHANGES_NOTHING:
        return Outcome.NOT_DONE
    return Outcome.DONE


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


def _nil_changes_nothing(command: Command) -> bool:
    match command.name:
        case "EXEC":
            return True  # WATCH
        case "SET":
            return b"GET" not in command.options  # with NX, XX, IFEQ: the condition does not hold
        case "MSETEX":
            return True
        case name:
            return name in _NIL_CHANGES_NOTHING
