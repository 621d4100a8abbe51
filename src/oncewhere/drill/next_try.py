"""A plan whose point was not reached and what its run showed come in; the plan of the next try goes out. Pure.

How records are batched depends on time, so a run may not come by the point that the clean run had.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

from .itinerary import Sighting, early_repeat, point_again
from .role import Role
from .scenario import Plan

TRIES: Final = 4
"""How often a point is tried that is not reached.

A run that did not come by a point shows where the request is that plays the same part in it, and there the next try
waits; after a second miss at half as many repeats, and at last at the second one in an early interval that had plenty.
A named crash is tried again half as far, down to the first commit interval. A processor that commits by time has fewer
intervals in one run than in the other, and each shows the same.
"""


def next_plan(first: Plan, missed: Plan, role: Role | None, shown: Sequence[Sighting], misses: int) -> Plan:
    """The plan for the next try, after a run that did not come by its point.

    Args:
        first: the plan of the first try.
        missed: that of the last one.
        role: the part that the first plan's point plays; None where it is not known.
        shown: every message of the last run.
        misses: how many tries have missed it.
    """
    half_as_far = _half_as_far(missed)
    if len(first.steps) != 1 or first.steps[0].point.name:
        return half_as_far
    (step,) = first.steps
    point = None if role is None else point_again(role, step.point, shown)
    if point is None:
        return half_as_far
    if misses == TRIES - 1 and point.nth > 1:
        point = early_repeat(point, shown) or point
    point = dataclasses.replace(point, nth=_sooner(point.nth, misses))
    return dataclasses.replace(half_as_far, steps=(dataclasses.replace(step, point=point),))


def _half_as_far(plan: Plan) -> Plan:
    """The plan with its named crashes in a commit interval half as far; a point without a name is itself or nothing."""
    steps = tuple(
        dataclasses.replace(step, point=dataclasses.replace(step.point, interval=max(1, step.point.interval // 2)))
        if step.point.name
        else step
        for step in plan.steps
    )
    return dataclasses.replace(plan, steps=steps)


def _sooner(nth: int, misses: int) -> int:
    """Which of an interval's repeats is waited for: after a second miss the one half as far, but never the first."""
    return max(min(nth, 2), nth >> (misses - 1))
