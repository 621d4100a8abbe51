"""A trial's history comes in; what a place was seen to do on the wire goes out, grouped by the event's identity.

This is how a place is judged that cannot be asked: by what was delivered to it and how it answered. What was held at
the proxy counts once it was released. A request whose outcome nobody knows may have happened or not: it hides the
truth, and the place's verdict is in doubt unless a worse thing is proved without it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from oncewhere.drill.checks import PlaceSeen
from oncewhere.drill.departures import departed
from oncewhere.drill.history import Event, Happened, Wire
from oncewhere.wire.message import Direction
from oncewhere.wire.outcome import Outcome

KINDS_SHOWN = 5


@dataclass(slots=True)
class _Requests:
    """What is known of the requests that count as one effect at most."""

    done: int = 0
    unknown: int = 0


@dataclass(slots=True)
class _Sent:
    identities: list[str | None]
    key: str | None
    outcome: Outcome = Outcome.UNKNOWN


@dataclass(slots=True)
class _View:
    departed: frozenset[tuple[str, int]]
    by_request: dict[tuple[str, int], _Sent] = field(default_factory=dict)
    other_kinds: Counter[str] = field(default_factory=Counter)
    opaque: str | None = None


def seen_on_the_wire(events: Iterable[Event], place: str, system: str, *, keys_count_once: bool) -> PlaceSeen:
    """Counts, by identity, the requests to a place that were delivered and that its server said it performed.

    Args:
        events: the trial's history, in order.
        place: the effect's name.
        system: its system.
        keys_count_once: True where the declared policy is the idempotency key: requests with the same key are one
            effect, on the downstream's word.
    """
    told = [event for event in events if isinstance(event, Happened) or event.link.rpartition("#")[0] == place]
    view = _View(departed(told))
    for event in told:
        if isinstance(event, Wire):
            _take(view, event)
    groups: dict[tuple[str | None, object], _Requests] = {}
    for where, sent in view.by_request.items():
        once = sent.key is not None and keys_count_once
        for nth, identity in enumerate(sent.identities):
            group = groups.setdefault((identity, sent.key if once else (where, nth)), _Requests())
            group.done += sent.outcome is Outcome.DONE
            group.unknown += sent.outcome is Outcome.UNKNOWN
    counts: Counter[str] = Counter()
    unidentified = unknown = 0
    for (identity, _), group in groups.items():
        if group.done and identity is None:
            unidentified += 1
        elif group.done and identity is not None:
            counts[identity] += 1
        elif group.unknown:
            unknown += 1
    return PlaceSeen(
        place=place,
        system=system,
        counts=dict(counts),
        unidentified=unidentified,
        hidden=view.opaque or _hidden(view),
        in_doubt=unknown,
    )


def _take(view: _View, event: Wire) -> None:
    if event.kind == "opaque":
        view.opaque = view.opaque or f"the connection could not be read to its end: {event.fields.get('reason')}"
        return
    where = (event.link, event.sequence)
    if event.direction == Direction.REQUEST:
        if not event.boundary or where not in view.departed:
            return
        if identities := _identities(event):
            key = event.fields.get("idempotency_key")
            view.by_request[where] = _Sent(identities, None if key is None else str(key))
        else:
            view.other_kinds[event.kind] += 1
    elif sent := view.by_request.get(where):
        # A reply that was withheld from the processor tells the truth all the same.
        told = event.fields.get("outcome")
        partly = bool(event.fields.get("errors"))
        sent.outcome = Outcome(told) if told in set(Outcome) and not partly else Outcome.UNKNOWN


def _identities(event: Wire) -> list[str | None]:
    if "identities" in event.fields:
        return list(event.fields["identities"])
    return [event.fields["identity"]] if "identity" in event.fields else []


def _hidden(view: _View) -> str | None:
    if not view.by_request and view.other_kinds:
        kinds = ", ".join(kind for kind, _ in view.other_kinds.most_common(KINDS_SHOWN))
        return f"nothing that was sent here matches the declared identity; there were: {kinds}"
    return None
