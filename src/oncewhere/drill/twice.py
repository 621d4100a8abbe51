"""A history and what happened more than once come in; what was published twice goes out apart from what came again.

An event that stands at two positions of the input was not redelivered: nobody has to be killed for both to be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .checks import InputSeen
from .history import Happened
from .testimony import Testimony

PAIRS_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Twice:
    """Why inputs happened more than once at a place.

    Attributes:
        published: by input, every position of an event that stands at several.
        again: the first position of each input that happened more often than it was published.
    """

    published: tuple[tuple[InputSeen, ...], ...]
    again: tuple[InputSeen, ...]


def told_apart(testimony: Testimony, place: str, entries: Sequence[InputSeen]) -> Twice:
    """Lays what happened more than once beside how often it was published.

    Args:
        testimony: the trial's history.
        place: where it happened.
        entries: the first input of each identity that happened there more than once.
    """
    positions: dict[str, list[InputSeen]] = {}
    for entry in testimony.evidence.inputs:
        positions.setdefault(entry.identity, []).append(entry)
    seen = testimony.evidence.at(place)
    counts = seen.counts if seen is not None else {}
    return Twice(
        published=tuple(tuple(positions[e.identity]) for e in entries if len(positions[e.identity]) > 1),
        again=tuple(e for e in entries if counts.get(e.identity, 0) > len(positions[e.identity])),
    )


def publications(twice: Twice, topic: str, *, may_have_come_again: bool) -> Iterator[str]:
    """Says what was published twice, with some of the positions, and what became of the second.

    Where a restart may have brought the first again as well, the history does not say which of the two it was.

    Args:
        twice: what was told apart.
        topic: the input.
        may_have_come_again: whether anything in the trial can have made Kafka hand an input out once more.
    """
    published = twice.published
    if not published:
        return
    pairs = [f"{entries[0].identity} at {_positions(entries, topic)}" for entries in published[:PAIRS_SHOWN]]
    more = f" and {len(published) - PAIRS_SHOWN} more" if len(published) > PAIRS_SHOWN else ""
    events = "1 event was" if len(published) == 1 else f"{len(published)} events were"
    yield f"{events} published twice upstream, each at two positions: {', '.join(pairs)}{more}"
    if not may_have_come_again:
        yield "so nothing was redelivered: the second was processed as a new event"
    elif not twice.again:
        yield "and no event that was published once happened twice: the second was processed as a new event"
    else:
        yield "so the second was processed as a new event, or the first came again: the history does not say which"


def may_come_again(testimony: Testimony) -> bool:
    """True where Kafka may have handed an input out once more.

    So it is after what was done at a point, after positions were set back, and where a life followed another on the
    same input: a topic that was made anew holds nothing of what the life before had read.
    """
    happened = [event.what for event in testimony.events if isinstance(event, Happened)]
    lives = happened.count("started") - happened.count("recreated")
    return "sprung" in happened or "rewound" in happened or lives > 1


def _positions(entries: Sequence[InputSeen], topic: str) -> str:
    """`payment-authorized-1 @ 40 and @ 59`; the partition is named again where it is another one."""
    told: list[str] = []
    for before, entry in zip((None, *entries), entries, strict=False):
        same = before is not None and before.partition == entry.partition
        told.append(f"@ {entry.offset}" if same else f"{topic}-{entry.partition} @ {entry.offset}")
    return " and ".join(told)
