"""What a drill tells while it goes on; the terminal, the run folder and JUnit are listeners of this one stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .points import CrashPoint
from .result import DrillResult, TrialResult, VersionResult


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillBegan:
    """The servers are up, and it is known what will be drilled."""

    versions: tuple[str, ...]
    trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBegan:
    """One life-and-death of one version: a crash point, or None for the clean run that comes first."""

    version: str
    point: CrashPoint | None


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


DrillEvent = DrillBegan | TrialBegan | TrialJudged | VersionJudged | DrillEnded
Listener = Callable[[DrillEvent], None]
