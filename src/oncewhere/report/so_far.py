"""A drill's events come in; at any moment, the result of what was judged so far goes out, and never as held."""

from __future__ import annotations

import time
from collections.abc import Sequence

from oncewhere.drill import (
    Coverage,
    DrillBegan,
    DrillEnded,
    DrillEvent,
    DrillResult,
    PlansMade,
    PointSet,
    TrialJudged,
    TrialResult,
    Version,
    VersionJudged,
    VersionResult,
)


class SoFar:
    """What a drill has found while it is under way.

    Args:
        versions: those that are drilled.
        demonstration: as the drill's.
        control: as the drill's.
    """

    def __init__(self, versions: Sequence[Version], *, demonstration: bool, control: str | None) -> None:
        self._versions = tuple(versions)
        self._demonstration = demonstration
        self._control = control
        self._began_s = time.monotonic()
        self._points = PointSet.MISSION
        self._planned: dict[str, PlansMade] = {}
        self._trials: dict[str, list[TrialResult]] = {}
        self._judged: dict[str, VersionResult] = {}
        self._ended: DrillResult | None = None

    def __call__(self, event: DrillEvent) -> None:
        """Listens."""
        match event:
            case DrillBegan(points=points):
                self._points = points
            case PlansMade(version=version):
                self._planned[version] = event
            case TrialJudged(version=version, trial=trial):
                self._trials.setdefault(version, []).append(trial)
            case VersionJudged(result=result):
                self._judged[result.version.name] = result
            case DrillEnded(result=result):
                self._ended = result
            case _:
                pass

    def result(self, folder: str, why: str) -> DrillResult:
        """The whole result where the drill has ended, and else what there is.

        Args:
            folder: where the evidence is.
            why: why there is no more; it stands with each version that has not been judged to its end.
        """
        if self._ended is not None:
            return self._ended
        return DrillResult(
            versions=tuple(self._judged.get(v.name) or self._cut_off(v, why) for v in self._versions),
            demonstration=self._demonstration,
            folder=folder,
            duration_s=round(time.monotonic() - self._began_s, 3),
            control=self._control,
        )

    def _cut_off(self, version: Version, why: str) -> VersionResult:
        trials = tuple(self._trials.get(version.name, ()))
        planned = self._planned.get(version.name)
        coverage = None
        if planned is not None:
            tried = [trial for trial in trials if not trial.plan.is_clean]
            left = len(planned.plans) - len(tried)
            coverage = Coverage(
                points=self._points,
                inputs=planned.inputs,
                chosen=len(planned.plans),
                reached=sum(trial.reached for trial in tried),
                recorded=planned.itinerary.recorded,
                left_out=planned.itinerary.left_out,
                skipped={"not visited when the run ended": left} if left else {},
            )
        return VersionResult(version=version, trials=trials, coverage=coverage, cut_off=why)
