"""What the wire says of a request and its answer comes in; what became of it at its server goes out.

Four values, and none is a guess: without an answer, nobody who only listens can say whether a request took effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from oncewhere.drill.history import Wire


class Fate(StrEnum):
    """What became of a request at its server."""

    DONE = "done"
    OPEN = "open"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"


_BY_OUTCOME: Final[Mapping[str, tuple[Fate, str]]] = {
    "committed": (Fate.DONE, "committed"),
    "done": (Fate.DONE, "the server confirmed it"),
    "open": (Fate.OPEN, "taken, to be committed with its transaction"),
    "copying": (Fate.OPEN, "a COPY that has not ended"),
    "rolled back": (Fate.NOT_DONE, "rolled back"),
    "failed": (Fate.NOT_DONE, "the server refused it"),
    "not done": (Fate.NOT_DONE, "the server refused it"),
    "unknown": (Fate.UNKNOWN, "the answer leaves it open"),
}
"""By the field `outcome` of an answer (`wire.outcome`, `wire.sql.outcome`)."""

_IN_A_TRANSACTION: Final = frozenset({"Produce", "TxnOffsetCommit"})


def fate_of(request: Wire, reply: Wire | None) -> tuple[Fate, str]:
    """What became of a request, and a few words that say how it is known.

    Args:
        request: as it passed the proxy, or did not.
        reply: the server's answer, whether or not the processor got to see it.
    """
    if request.outcome == "dropped":
        return Fate.NOT_DONE, "dropped: the server never saw it"
    if reply is None:
        passed = "held at the proxy" if request.outcome == "held" else "passed on to the server"
        return Fate.UNKNOWN, f"{passed}, and no answer was seen"
    fate, words = _answered(request, reply.fields)
    if request.outcome == "held":
        words += f"; held at the proxy first, for {reply.t - request.t:.1f} s at most"
    if reply.outcome == "withheld":
        words += "; the processor never saw the answer"
    elif reply.outcome == "held":
        words += "; the answer was held at the proxy"
    return fate, words


def _answered(request: Wire, answer: Mapping[str, Any]) -> tuple[Fate, str]:
    if (error := answer.get("error", "NONE")) != "NONE":
        return Fate.NOT_DONE, f"answered {error}"
    if (outcome := answer.get("outcome")) is not None:
        return _BY_OUTCOME.get(str(outcome), (Fate.UNKNOWN, f"the answer says: {outcome}"))
    if request.kind in _IN_A_TRANSACTION and request.fields.get("transactional_id"):
        return Fate.OPEN, "taken by the broker, to be committed with its transaction"
    if "error" not in answer:
        return Fate.UNKNOWN, "answered, and the answer does not say what became of it"
    return Fate.DONE, "answered without an error"
