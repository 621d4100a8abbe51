"""A history comes in; the requests that left the proxy for their server go out, those that were held and released too.

A request that is held is written down once, before it waits. Its release is another event, and says whether the
connection was still there; an answer proves it as well. One that was held to the end never happened.
"""

from __future__ import annotations

from collections.abc import Iterable

from oncewhere.wire.message import Direction

from .history import Event, Happened

_RELEASES = frozenset({"released", "woken"})


def departed(events: Iterable[Event]) -> frozenset[tuple[str, int]]:
    """The requests that were forwarded, sooner or later, each by its link and its number there.

    Args:
        events: of one trial, in order.
    """
    found: set[tuple[str, int]] = set()
    held: set[tuple[str, int]] = set()
    for event in events:
        if isinstance(event, Happened):
            if event.what in _RELEASES and event.fields.get("reached", True):
                link = event.fields.get("link")
                found |= {where for where in held if link in {None, where[0]}}
            continue
        where = (event.link, event.sequence)
        if event.direction == Direction.REPLY:
            found |= held & {where}
        elif event.outcome == "forwarded":
            found.add(where)
        elif event.outcome == "held":
            held.add(where)
    return frozenset(found)
