"""What several runs proved comes in, the newest first; the one that the document stands on goes out.

A run of one crash, made in a hurry after a whole drill, takes nothing away from it. A newer run that found more broken
does, however little it visited.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from .claim import changed_since
from .declared import Declared
from .drilled import Drilled


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
            worse = next((one for one in newer if _violated(one) - _violated(drill)), None)
            return worse or msgspec.structs.replace(drill, narrower=[one.run for one in newer])
    return next(iter([*newer, *others]), None)


def _violated(drill: Drilled) -> set[str]:
    return {place.place for place in drill.places if place.violated}
