"""What a drill tells while it goes on; the terminal, the run folder and JUnit are listeners of this one stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .itinerary import Itinerary, PointSet
from .result import DrillResult, TrialResult, VersionResult
from .scenario import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillBegan:
    """The servers are up. How many points there are, only the clean runs will tell (`PlansMade`)."""

    versions: tuple[str, ...]
    points: PointSet


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBegan:
    """One trial of one version begins; the clean run, whose plan has no step, comes first."""

    version: str
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class PlansMade:
    """A version's clean run has shown which points there are, and it is chosen what will be done.

    Attributes:
        version: its name.
        plans: what will be done, in order.
        itinerary: the points that there are.
        inputs: how many inputs every trial is sent.
    """

    version: str
    plans: tuple[Plan, ...]
    itinerary: Itinerary
    inputs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialJudged:
    """A trial has its findings."""

    version: str
    trial: TrialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionJudged:
    """All trials of a version are done."""

    result: VersionResult


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillEnded:
    """Everything that was asked for is done."""

    result: DrillResult


DrillEvent = DrillBegan | PlansMade | TrialBegan | TrialJudged | VersionJudged | DrillEnded
Listener = Callable[[DrillEvent], None]
