"""A trial's history and findings come in; its timeline goes out: marks, spans, moments and joins, cut to a limit."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from oncewhere.drill import Finding, UnreadableHistoryError, take_testimony
from oncewhere.drill.history import Event, Happened, Wire
from oncewhere.wire.message import Direction

from .fates import Fate
from .joins import Join, Joiner
from .marks import Mark, is_shown, read_marks
from .settling import settle
from .spans import Span, read_spans

UNSAID: Final = frozenset({"trial", "inputs", "found", "crossed", "judged", "fresh"})
"""Records of a history that say what it is about, or what it adds up to: no moments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Anything that happened beside the messages.

    Attributes:
        t: seconds since the trial began.
        what: its name in the history.
        fields: what there is to know about it.
        after: how many marks came before it.
    """

    t: float
    what: str
    fields: dict[str, Any]
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """Marks that were left out of a timeline, where they stood.

    Attributes:
        after: how many kept marks come before them.
        fates: how many there are of each fate.
        first: seconds since the trial began, of the first of them.
        last: the same, of the last.
    """

    after: int
    fates: dict[Fate, int]
    first: float
    last: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One trial, as a person can follow it.

    Attributes:
        marks: those that are kept, in order.
        quiet: by commit interval, True where nothing in it is worth a second look.
        omissions: those that are not.
        spans: transactions.
        moments: everything else.
        joins: violations, and the marks that show them.
        unshown: messages that cannot change where the work happened, and are no marks.
        unread: why there is no more than this, where the history could not be read to its end.
    """

    marks: tuple[Mark, ...]
    quiet: frozenset[tuple[int, int]]
    omissions: tuple[Omission, ...]
    spans: tuple[Span, ...]
    moments: tuple[Moment, ...]
    joins: tuple[Join, ...]
    unshown: int
    unread: str = ""


def read_timeline(events: Sequence[Event], findings: Iterable[Finding], *, limit: int, unread: str = "") -> Timeline:
    """The timeline of a trial.

    Args:
        events: its history.
        findings: what was found at every place.
        limit: marks that are kept; those nearest to the crash and to what shows a violation.
        unread: why the history ends early, where it does.
    """
    marks = read_marks(events)
    joins: list[Join] = []
    try:
        joiner = Joiner(take_testimony(events), marks)
        joins = [join for finding in findings if (join := joiner.join(finding)) is not None]
    except UnreadableHistoryError as error:
        unread = unread or f"Records are not joined to messages: {error}."
    spans = read_spans(events)
    marks = settle(marks, spans)
    anchors = _anchors(marks, joins)
    kept = _nearest(len(marks), anchors, limit)
    place_of = {number: position for position, number in enumerate(kept)}
    loud = {marks[number].group for number in anchors}
    times = [marks[number].request.t for number in kept]
    return Timeline(
        marks=tuple(marks[number] for number in kept),
        quiet=frozenset({mark.group for mark in marks} - loud),
        omissions=tuple(_omissions(marks, kept)),
        spans=tuple(spans),
        moments=tuple(_moments(events, times)),
        joins=tuple(_renumbered(join, place_of) for join in joins),
        unshown=sum(isinstance(e, Wire) and e.direction == Direction.REQUEST and not is_shown(e) for e in events),
        unread=unread,
    )


def _anchors(marks: Sequence[Mark], joins: Iterable[Join]) -> list[int]:
    """The marks that a reader came for: the crash, what failed, where a life went on, what shows a violation."""
    found = {n for join in joins for _, first, last in join.bands for n in (first, last)}
    resumed: set[int] = set()
    for number, mark in enumerate(marks):
        first_fetch = mark.request.kind == "OffsetFetch" and mark.request.life > 1 and mark.request.life not in resumed
        if first_fetch:
            resumed.add(mark.request.life)
        if mark.struck or first_fetch or (mark.fate in {Fate.NOT_DONE, Fate.UNKNOWN} and mark.request.boundary):
            found.add(number)
    return sorted(found) or ([0] if marks else [])


def _nearest(total: int, anchors: Sequence[int], limit: int) -> list[int]:
    """The numbers of at most `limit` marks: those nearest to an anchor."""
    if total <= limit:
        return list(range(total))

    def distance(number: int) -> int:
        at = bisect_left(anchors, number)
        return min(abs(number - a) for a in anchors[max(0, at - 1) : at + 1])

    return sorted(sorted(range(total), key=distance)[:limit])


def _omissions(marks: Sequence[Mark], kept: Sequence[int]) -> Iterable[Omission]:
    before = -1
    for position, number in enumerate([*kept, len(marks)]):
        gone = marks[before + 1 : number]
        if gone:
            yield Omission(
                after=position,
                fates=dict(Counter(mark.fate for mark in gone)),
                first=gone[0].request.t,
                last=gone[-1].request.t,
            )
        before = number


def _moments(events: Iterable[Event], times: Sequence[float]) -> Iterable[Moment]:
    for event in events:
        if isinstance(event, Happened) and event.what not in UNSAID:
            yield Moment(t=event.t, what=event.what, fields=event.fields, after=bisect_left(times, event.t))


def _renumbered(join: Join, place_of: dict[int, int]) -> Join:
    """The join, told in the numbers of the marks that were kept."""
    records = tuple(
        replace(record, marks=tuple(place_of[n] for n in record.marks if n in place_of)) for record in join.records
    )
    bands = tuple(
        (interval, place_of[first], place_of[last])
        for interval, first, last in join.bands
        if first in place_of and last in place_of
    )
    return replace(join, records=records, bands=bands)
