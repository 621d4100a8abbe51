"""A history comes in; by place, the writes go out that a life made durable when another had taken its place.

Such a life is a zombie. Its process was stopped and woken, and whatever it sends on the connections that it had opened
is its own doing; who opened a connection while several lives were awake is not known (life 0), and accuses nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from oncewhere.wire.message import Direction

from .history import Event, Happened, Wire
from .intervals import CONFIRMED

_KAFKA = "kafka"
_ACCEPTED = frozenset({"forwarded", "held"})
"""What may have reached its server: what was held did so when it was released."""


@dataclass(slots=True)
class _Account:
    """What is known up to one event of the history.

    Attributes:
        instances: by life, the number of its instance.
        succeeded: lives in whose place another has begun.
        asked: requests that no answer has been seen to, and whether they were late already.
        topics: by life and transactional.id, where the open transaction has written.
        found: late writes by place.
    """

    instances: dict[int, int] = field(default_factory=dict)
    succeeded: set[int] = field(default_factory=set)
    asked: dict[tuple[str, int], tuple[Wire, bool]] = field(default_factory=dict)
    topics: dict[tuple[int, str], list[str]] = field(default_factory=dict)
    found: Counter[str] = field(default_factory=Counter)


def late_writes(events: Iterable[Event]) -> Mapping[str, int]:
    """Counts the writes of lives that had a successor, where the server confirmed them.

    An effect is written by the request that makes it durable, and an output by its Produce; the outputs of a
    transaction by the EndTxn that commits it, whenever they were sent.
    """
    account = _Account()
    for event in events:
        if isinstance(event, Happened):
            if event.what == "started":
                _begin(account, event)
        elif event.direction == Direction.REQUEST:
            if event.boundary and event.outcome in _ACCEPTED:
                late = event.outcome == "held" or event.life in account.succeeded
                account.asked[event.link, event.sequence] = event, late
        elif (asked := account.asked.pop((event.link, event.sequence), None)) is not None:
            request, late = asked
            places = _made_durable(account, request, event)
            if late and request.life in account.succeeded:
                account.found.update(places)
    return dict(account.found)


def _begin(account: _Account, event: Happened) -> None:
    """Another life of the same instance takes the place of those before it."""
    instance = event.fields.get("instance", 0)
    account.succeeded |= {life for life, theirs in account.instances.items() if theirs == instance}
    account.instances[event.fields["life"]] = instance


def _made_durable(account: _Account, request: Wire, reply: Wire) -> list[str]:
    """The places at which the request made something durable, by the server's word."""
    if request.system != _KAFKA:
        return [request.place] if reply.fields.get("outcome") in CONFIRMED else []
    if request.kind not in {"Produce", "EndTxn"} or reply.fields.get("error") != "NONE":
        return []
    transaction = request.life, str(request.fields.get("transactional_id"))
    if request.kind == "EndTxn":
        written = account.topics.pop(transaction, [])
        return list(dict.fromkeys(written)) if request.fields.get("committed") is True else []
    topics = [entry["topic"] for entry in request.fields.get("partitions", ())]
    if request.fields.get("transactional_id") is None:
        return list(dict.fromkeys(topics))
    account.topics.setdefault(transaction, []).extend(topics)
    return []
