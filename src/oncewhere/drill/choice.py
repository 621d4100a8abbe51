"""What the user asked for goes in; which points of a version are visited, and in which order, comes out."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .itinerary import PointSet
from .keyword import Keyword
from .points import CrashPoint
from .scenario import SCENARIOS, Plan

Failed = frozenset[tuple[str, str]]
"""Version and plan id of what failed in an earlier run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What of a drill is to be done.

    Attributes:
        points: the set of crash points.
        keyword: which of them.
        scenario: what is done at each point.
        exactly: by version, the plans to carry out instead of those of the set (`replay`).
        failed_before: what failed in an earlier run; it comes first.
        seed: shuffles the points; None visits them in the order of the wire.
        stop_at_first: True starts no further trial once a violation is found.
        time_limit_s: starts no further trial after so many seconds; None for no limit.
    """

    points: PointSet = PointSet.MISSION
    keyword: Keyword = field(default_factory=lambda: Keyword(""))
    scenario: str = "crash"
    exactly: Mapping[str, tuple[Plan, ...]] = field(default_factory=dict)
    failed_before: Failed = frozenset()
    seed: int | None = None
    stop_at_first: bool = False
    time_limit_s: float | None = None

    def takes(self, version: str, point: CrashPoint) -> bool:
        """True for a point that the keyword selects."""
        return self.keyword.matches(words_of(version, point))

    def order(self, version: str, points: Sequence[CrashPoint]) -> tuple[Plan, ...]:
        """Plans for the points, in the order in which they are carried out: failures of an earlier run first."""
        make = SCENARIOS[self.scenario]
        plans = [make(point) for point in points]
        if self.seed is not None:
            random.Random(f"{self.seed} {version}").shuffle(plans)  # noqa: S311  # an order, no secret
        return tuple(sorted(plans, key=lambda plan: (version, plan.id) not in self.failed_before))


def words_of(version: str, point: CrashPoint) -> tuple[str, ...]:
    """What a keyword may name: the version, the point's name, its id and its system."""
    return (version, point.name or "", point.id, point.system)
