"""A timeline comes in; columns of small numbers and tables of texts go out, so that many thousand marks stay small.

What is said often (kinds, connections, decoded fields) stands once in one table; marks are columns of numbers, some of
which are places in that table. The page's script (`assets/marks.js`) reads the columns under the same names.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from .excerpt import shown
from .fates import Fate
from .joins import Join
from .marks import Mark, place_of
from .timeline import Timeline

TICKS_PER_S: Final = 10_000
"""Times are whole numbers of these; the page needs no finer ones."""
FATES: Final = tuple(Fate)
LEVEL: Final = 9


class _Table:
    """Gives every distinct value a number."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[bytes, int] = {}

    def number(self, value: Any) -> int:
        """The number of a value; a reader is given what `excerpt` lets through of it."""
        key = msgspec.json.encode(value)
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            self.values.append(shown(value))
        return self._numbers[key]


def ticks(t: float) -> int:
    """Seconds as the page counts them."""
    return round(t * TICKS_PER_S)


def pack(timeline: Timeline) -> dict[str, Any]:
    """A timeline in the page's own form."""
    table = _Table()
    columns: Mapping[str, Callable[[Mark], int]] = {
        "t": lambda m: ticks(m.request.t),
        "answered": lambda m: -1 if m.reply is None else ticks(m.reply.t) - ticks(m.request.t),
        "life": lambda m: m.request.life,
        "interval": lambda m: m.request.interval,
        "nth": lambda m: m.request.nth or 0,
        "link": lambda m: table.number(m.request.link),
        "place": lambda m: table.number(place_of(m.request)),
        "kind": lambda m: table.number(m.request.kind),
        "span": lambda m: m.span,
        "fate": lambda m: FATES.index(m.fate),
        "words": lambda m: table.number(m.words),
        "outcome": lambda m: table.number(m.request.outcome),
        "back": lambda m: table.number("" if m.reply is None else m.reply.outcome),
        "struck": lambda m: table.number(m.struck),
        "request": lambda m: table.number(m.request.fields),
        "reply": lambda m: table.number({} if m.reply is None else m.reply.fields),
    }
    return {
        "marks": {name: [column(mark) for mark in timeline.marks] for name, column in columns.items()},
        "table": table.values,
        "fates": FATES,
        "quiet": sorted(timeline.quiet),
        "omissions": [
            {"after": o.after, "fates": o.fates, "first": ticks(o.first), "last": ticks(o.last)}
            for o in timeline.omissions
        ],
        "spans": [
            [s.place, s.name, s.life, ticks(s.began), None if s.ended is None else ticks(s.ended), s.how]
            for s in timeline.spans
        ],
        "moments": [[ticks(m.t), m.what, shown(m.fields), m.after] for m in timeline.moments],
        "joins": [_join(join) for join in timeline.joins],
        "unshown": timeline.unshown,
        "unread": timeline.unread,
    }


def squeeze(data: Any) -> str:
    """JSON, compressed, as text that needs no escaping anywhere."""
    return base64.b64encode(gzip.compress(msgspec.json.encode(data), LEVEL, mtime=0)).decode("ascii")


def _join(join: Join) -> dict[str, Any]:
    return {
        "place": join.place,
        "verdict": join.verdict,
        "total": join.total,
        "records": [[shown(r.identity), r.position, r.times, r.outputs, r.marks, r.exact] for r in join.records],
        "bands": [[*interval, first, last] for interval, first, last in join.bands],
    }
