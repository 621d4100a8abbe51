"""A history comes in; why its trial put a place to no test goes out, in one sentence; None where it did. Pure.

What went wrong is wrong whether or not it was asked for; but only what was tried can be called held. A scenario's
question may stay unasked although its point was reached: nobody joined, nobody gave up, nothing was forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from oncewhere.wire.message import Direction

from .history import Event, Happened, Wire
from .points import NamedCrash
from .testimony import Testimony

NOT_REACHED: Final = "the crash point of the clean run was not reached again, so nothing was crashed"
NOT_CROSSED: Final = "no effect had been confirmed when the point was reached, so the gap after it was not tried"
NOT_ANNOUNCED: Final = (
    "SQLite has no wire, and no commit in {places} was announced (pass steps=, see docs/guides/effects-in-a-drill.md), "
    "so the gap after it was not tried"
)
NEVER_RELEASED: Final = "the trial was over before what was held at the proxy was released, so the rest was not tried"
NEVER_CAME: Final = "the server had ended the connection before the commit was released, so none came late"
NOT_JOINED: Final = (
    "the second instance had not joined the group when the first went on, so no partition moved in the middle of the "
    "transaction; it assigns partitions by itself, or needs more time (--deadline)"
)
SECOND_ENDED: Final = (
    "the second instance ended by itself (exit code {exit}) before it had joined: its log is life-2.log; does it need "
    "a port or a file of its own ({{instance}})?"
)
SUCCESSOR_ENDED: Final = (
    "the successor ended by itself while the first process was stopped, and what was held for that one was dropped: "
    "its log is life-2.log; does it need a port or a file that the first one has?"
)
NO_SUCCESSOR: Final = (
    "no successor had come to work when the stopped process was woken; it needs more time (--deadline)"
)
TOO_EARLY: Final = "the processor ended before the time of its transaction was over, so the effect was not slow"
NOT_RECREATED: Final = (
    "the trial was over before the topic was made anew: the first half of the inputs was not finished"
)
NOT_TOLD: Final = (
    "how many rows were forgotten cannot be told, so perhaps no window was tried; write the DELETE itself for purge, "
    "and no routine that does it"
)
BLIND: Final = (
    "observe counts the rows of {table}, of which the database keeps one for each {column}, so a second time cannot "
    "show; let it count rows that the effect itself writes, or declare unique-constraint where that row is the effect"
)
NOT_GIVEN_UP: Final = (
    "the processor still waited when the hold was over, so the answer was merely slow; a shorter timeout of its own, "
    "such as a variable of processor.environment, makes it give up within the trial"
)
NOTHING_FORGOTTEN: Final = (
    "nothing was forgotten (0 rows), so no window was tried; let purge forget what is older than {cutoff}"
)
NOT_REPLAYED: Final = "the trial was over before anything was replayed"


def untried(testimony: Testimony, place: str) -> str | None:
    """Says why nothing may be called held at a place.

    Args:
        testimony: the trial's history.
        place: the output topic's or effect's name.
    """
    if not testimony.reached:
        return NOT_REACHED
    if not crossed_the_gap(testimony):
        silent = _unannounced(testimony)
        return NOT_ANNOUNCED.format(places=" and ".join(silent)) if silent else NOT_CROSSED
    if (blind := _last(testimony, "counted-blindly", place=place)) is not None:
        return BLIND.format(table=blind.get("table"), column=blind.get("column"))
    condition = _CONDITIONS.get(testimony.subject.plan.partition("@")[0])
    return None if condition is None else condition(testimony, place)


def crossed_the_gap(testimony: Testimony) -> bool:
    """False where something happened "after the effect" before which no effect was confirmed: it shows no gap."""
    if testimony.subject.name != NamedCrash.AFTER_EFFECT:
        return True
    if all(place.system == "kafka" for place in testimony.evidence.places):
        return True
    sprung = _last(testimony, "sprung", first=True)
    confirmed = None if sprung is None else sprung.get("effects_before")
    if confirmed is None and testimony.crashes:  # what a history of an earlier release says of its kills
        confirmed = testimony.crashes[0].effects_before
    return confirmed != 0


def _unannounced(testimony: Testimony) -> list[str]:
    """The places in SQLite whose steps nobody announced, at any time of the trial."""
    announced = {event.link.rpartition("#")[0] for event in testimony.events if isinstance(event, Wire)}
    places = [place.place for place in testimony.evidence.places if place.system == "sqlite"]
    return [place for place in places if place not in announced]


def _joined(testimony: Testimony, _place: str) -> str | None:
    released = _last(testimony, "released")
    if released is None:
        return NEVER_RELEASED
    if released.get("joined") is not False:
        return None
    return NOT_JOINED if (code := released.get("exit")) is None else SECOND_ENDED.format(exit=code)


def _given_up(testimony: Testimony, _place: str) -> str | None:
    released = _last(testimony, "released")
    if released is None:
        return NEVER_RELEASED
    return NOT_GIVEN_UP if released.get("given_up") is False else None


def _came_late(testimony: Testimony, place: str) -> str | None:
    released = _last(testimony, "released")
    if released is not None and released.get("reached") is False:
        return NEVER_CAME
    return _given_up(testimony, place)


def _outlasted(testimony: Testimony, _place: str) -> str | None:
    released = _last(testimony, "released")
    if released is None:
        return NEVER_RELEASED
    return TOO_EARLY if released.get("outlasted") is False else None


def _succeeded(testimony: Testimony, _place: str) -> str | None:
    """Somebody must have come to work, and have stayed, while the zombie slept."""
    woken = _last(testimony, "woken")
    if woken is None:
        return NEVER_RELEASED
    asleep = _between(testimony, "stopped", "woken")
    ended = any(isinstance(event, Happened) and event.what == "exited" for event in asleep)
    finished = woken.get("successor_had_finished") is not False
    if ended and not (finished and woken.get("reached")):
        return SUCCESSOR_ENDED
    zombie = (_last(testimony, "stopped", first=True) or {}).get("life", 0)
    requests = (e for e in asleep if isinstance(e, Wire) and e.boundary and e.direction == Direction.REQUEST)
    return None if finished or any(request.life > zombie for request in requests) else NO_SUCCESSOR


def _recreated(testimony: Testimony, _place: str) -> str | None:
    return NOT_RECREATED if _last(testimony, "recreated") is None else None


def _forgotten(testimony: Testimony, place: str) -> str | None:
    if _last(testimony, "rewound") is None:
        return NOT_REPLAYED
    purged = _last(testimony, "purged", place=place)
    if purged is None or purged.get("rows"):
        return None
    return NOT_TOLD if purged.get("rows") is None else NOTHING_FORGOTTEN


_CONDITIONS: Final[Mapping[str, Callable[[Testimony, str], str | None]]] = {
    "zombie": _succeeded,
    "two-instances": _joined,
    "withheld-answer": _given_up,
    "late-request": _came_late,
    "slow-effect": _outlasted,
    "dedupe-window": _forgotten,
    "topic-recreated": _recreated,
}
"""By scenario, what must have happened for its question to be asked."""


def _last(testimony: Testimony, what: str, *, first: bool = False, **fields: Any) -> Mapping[str, Any] | None:
    """The fields of the last such event, or of the first."""
    told = [event.fields for event in testimony.events if isinstance(event, Happened) and event.what == what]
    told = [found for found in told if all(found.get(name) == value for name, value in fields.items())]
    if not told:
        return None
    return told[0] if first else told[-1]


def _between(testimony: Testimony, begin: str, end: str) -> list[Event]:
    """What happened between the first such event and the last such one."""
    told = [event.what if isinstance(event, Happened) else "" for event in testimony.events]
    if begin not in told or end not in told:
        return []
    return list(testimony.events[told.index(begin) + 1 : len(told) - 1 - told[::-1].index(end)])
