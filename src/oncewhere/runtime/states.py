"""The session's state machine, as tables: a state, a call and its outcome in, the next state out. No I/O.

Theory of operation. A session has one producer and walks it through Kafka's transaction protocol (KIP-98, with the
group fencing of KIP-447). Every call ends in one of five outcomes:

    ok          it is done
    abortable   the transaction cannot commit, and the producer lives: abort it
    unknown     EndTxn was sent, and nobody knows what became of it
    fatal       the producer is of no use any more
    fenced      another producer has our transactional.id: this one must never speak again

Two rules are drawn into the table. A producer whose EndTxn has an unknown outcome is never used again: librdkafka
speaks the old transaction protocol, in which a late EndTxn could end the *next* transaction of the same producer
(KIP-890, librdkafka issue 5423). So `unknown` and `fatal` both lead to `spent`, and from there only a new producer
leads on. And whatever did not end in `ok` leads through `rewind`: positions follow the committed offsets, and nothing
else.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """Where the session stands."""

    NEW = "new"
    READY = "ready"
    """No transaction is open; positions are the committed offsets."""
    OPEN = "open"
    """A transaction is open; outputs are being sent."""
    OFFSETS = "offsets"
    """The offsets are part of the transaction."""
    FAILED = "failed"
    """The transaction cannot commit; it must be aborted."""
    ASTRAY = "astray"
    """No transaction is open; positions are ahead of the committed offsets."""
    SPENT = "spent"
    """The producer must be replaced, and positions are ahead of the committed offsets."""
    FENCED = "fenced"
    CLOSED = "closed"


class Call(StrEnum):
    """What can be done with a session."""

    INIT = "init"
    BEGIN = "begin"
    PRODUCE = "produce"
    SEND_OFFSETS = "send_offsets"
    COMMIT = "commit"
    ABORT = "abort"
    GIVE_UP = "give_up"
    """The batch is not to be, by no fault of Kafka's: what was sent must be aborted, positions must go back."""
    REPLACE = "replace"
    REWIND = "rewind"
    CLOSE = "close"


class Outcome(StrEnum):
    """How a call ended."""

    OK = "ok"
    ABORTABLE = "abortable"
    UNKNOWN = "unknown"
    FATAL = "fatal"
    FENCED = "fenced"


def _table() -> dict[tuple[State, Call, Outcome], State]:
    table = {
        (State.NEW, Call.INIT, Outcome.OK): State.READY,
        (State.READY, Call.BEGIN, Outcome.OK): State.OPEN,
        (State.OPEN, Call.PRODUCE, Outcome.OK): State.OPEN,
        (State.OPEN, Call.PRODUCE, Outcome.ABORTABLE): State.FAILED,
        (State.OPEN, Call.SEND_OFFSETS, Outcome.OK): State.OFFSETS,
        (State.OPEN, Call.SEND_OFFSETS, Outcome.ABORTABLE): State.FAILED,
        (State.OFFSETS, Call.COMMIT, Outcome.OK): State.READY,
        (State.OFFSETS, Call.COMMIT, Outcome.ABORTABLE): State.FAILED,
        (State.OFFSETS, Call.COMMIT, Outcome.UNKNOWN): State.SPENT,
        (State.FAILED, Call.ABORT, Outcome.OK): State.ASTRAY,
        (State.FAILED, Call.ABORT, Outcome.UNKNOWN): State.SPENT,
        (State.READY, Call.GIVE_UP, Outcome.OK): State.ASTRAY,
        (State.OPEN, Call.GIVE_UP, Outcome.OK): State.FAILED,
        (State.SPENT, Call.REPLACE, Outcome.OK): State.ASTRAY,
        (State.ASTRAY, Call.REWIND, Outcome.OK): State.READY,
    }
    # A producer can die or be fenced in any call that speaks to a broker.
    speaking = {
        State.NEW: (Call.INIT,),
        State.READY: (Call.BEGIN,),
        State.OPEN: (Call.PRODUCE, Call.SEND_OFFSETS),
        State.OFFSETS: (Call.COMMIT,),
        State.FAILED: (Call.ABORT,),
        State.SPENT: (Call.REPLACE,),
    }
    for state, calls in speaking.items():
        for call in calls:
            table[state, call, Outcome.FATAL] = State.SPENT
            table[state, call, Outcome.FENCED] = State.FENCED
    for state in State:
        table[state, Call.CLOSE, Outcome.OK] = State.CLOSED
    return table


TABLE: Mapping[tuple[State, Call, Outcome], State] = MappingProxyType(_table())
"""Every step that may be taken; one that is not here is a mistake in the runtime."""


def step(state: State, call: Call, outcome: Outcome) -> State:
    """The next state.

    Raises:
        AssertionError: the table has no such step; this is a mistake of ours, and going on could lose data.
    """
    try:
        return TABLE[state, call, outcome]
    except KeyError:
        raise AssertionError(f"{call} ended {outcome} in state {state}: no such step") from None
