"""What several runs proved comes in, the newest first; the one that the document stands on goes out.

A run of one crash that held, made in a hurry after a whole drill, takes nothing away from it. A newer run that found
more broken does, however little it visited, and so does one that left open what had held: its crash was not reached
again, or its evidence does not reach.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .claim import changed_since, doubt, excused_by
from .declared import Declared
from .drilled import Drilled, PlaceDrilled


def standing_run(drills: Iterable[Drilled], declared: Declared) -> Drilled | None:
    """The newest run of what is declared today that visited all named crashes; else the newest of it; else the newest.

    Args:
        drills: what runs proved, the newest first; no more of them are taken than are needed.
        declared: what is declared today.

    Returns:
        The run; None where there is none.
    """
    newer: list[Drilled] = []
    others: list[Drilled] = []
    for drill in drills:
        if changed_since(declared, drill):
            others.append(drill)
        elif drill.unvisited:
            newer.append(drill)
        else:
            worse = next((one for one in newer if _is_worse(one, drill, declared)), None)
            return worse or msgspec.structs.replace(drill, narrower=[one.run for one in newer])
    return next(iter([*newer, *others]), None)


def _is_worse(newer: Drilled, whole: Drilled, declared: Declared) -> bool:
    return any(_badness(place, declared) > _badness(whole.at(place.place), declared) for place in newer.places)


def _badness(place: PlaceDrilled | None, declared: Declared) -> int:
    """2 where the guarantee broke, 1 where something is open that the promise does not allow to be, else 0."""
    if place is None:
        return 0
    if place.violated:
        return 2
    effect = declared.effect(place.place)
    return 1 if doubt(place, excused_by((effect and effect.promise) or "exactly-once")) else 0
