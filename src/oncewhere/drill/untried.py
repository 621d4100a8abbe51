"""A history comes in; why its trial put a place to no test goes out, in one sentence; None where it did. Pure.

What went wrong is wrong whether or not it was asked for; but only what was tried can be called held. A scenario's
question may stay unasked although its point was reached: nobody joined, nobody gave up, nothing was forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from .history import Happened, Wire
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
    return NOT_JOINED if released.get("joined") is False else None


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


def _released(testimony: Testimony, _place: str) -> str | None:
    return NEVER_RELEASED if _last(testimony, "released") is None else None


def _woken(testimony: Testimony, _place: str) -> str | None:
    return NEVER_RELEASED if _last(testimony, "woken") is None else None


def _forgotten(testimony: Testimony, place: str) -> str | None:
    if _last(testimony, "rewound") is None:
        return NOT_REPLAYED
    purged = _last(testimony, "purged", place=place)
    return NOTHING_FORGOTTEN if purged is not None and purged.get("rows") == 0 else None


_CONDITIONS: Final[Mapping[str, Callable[[Testimony, str], str | None]]] = {
    "zombie": _woken,
    "two-instances": _joined,
    "withheld-answer": _given_up,
    "late-request": _came_late,
    "slow-effect": _released,
    "dedupe-window": _forgotten,
}
"""By scenario, what must have happened for its question to be asked."""


def _last(testimony: Testimony, what: str, *, first: bool = False, **fields: Any) -> Mapping[str, Any] | None:
    """The fields of the last such event, or of the first."""
    told = [event.fields for event in testimony.events if isinstance(event, Happened) and event.what == what]
    told = [found for found in told if all(found.get(name) == value for name, value in fields.items())]
    if not told:
        return None
    return told[0] if first else told[-1]
