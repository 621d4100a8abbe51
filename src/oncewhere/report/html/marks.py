"""The messages of a history come in; marks go out: each request with its answer, in the order of the wire.

Marks are the boundary messages, and the one other that a reader needs to follow them: where a life is told to go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from oncewhere.drill.history import Event, Happened, Wire
from oncewhere.wire.message import Direction

from .fates import Fate, fate_of

FOLLOWED: Final = frozenset({"OffsetFetch"})
"""Messages that are no boundary, and are shown all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One request and what became of it.

    Attributes:
        request: as it passed the proxy.
        reply: the server's answer; None where none was seen.
        fate: what became of it at its server.
        words: how that is known.
        struck: what was done to the processor at this message (`kill`, `stop` …); empty at all others.
        span: the number of the transaction that it belongs to; -1 for none.
    """

    request: Wire
    reply: Wire | None
    fate: Fate
    words: str
    struck: str = ""
    span: int = -1

    @property
    def group(self) -> tuple[int, int]:
        """The commit interval that it falls into: life and number."""
        return self.request.life, self.request.interval


def read_marks(events: Sequence[Event]) -> list[Mark]:
    """The marks of a history, in the order of their requests."""
    replies = {_key(e): e for e in events if isinstance(e, Wire) and e.direction == Direction.REPLY}
    struck = dict(_struck(events))
    marks = []
    for event in events:
        if isinstance(event, Wire) and event.direction == Direction.REQUEST and is_shown(event):
            reply = replies.get(_key(event))
            fate, words = fate_of(event, reply)
            marks.append(Mark(request=event, reply=reply, fate=fate, words=words, struck=struck.get(_key(event), "")))
    return marks


def place_of(event: Wire) -> str:
    """Whose link a message crossed."""
    return event.place or event.link.partition("#")[0]


def is_shown(event: Wire) -> bool:
    """True for a message that becomes a mark, or a part of one."""
    return event.boundary or event.kind in FOLLOWED


def _struck(events: Iterable[Event]) -> Iterable[tuple[tuple[str, int], str]]:
    """At which request a step was done, and what it was: the message follows its step in the history."""
    action: str | None = None
    for event in events:
        if isinstance(event, Happened) and event.what == "sprung":
            action = str(event.fields.get("action", "kill"))
        elif isinstance(event, Wire) and action is not None:
            yield _key(event), action
            action = None


def _key(event: Wire) -> tuple[str, int]:
    return event.link, event.sequence
