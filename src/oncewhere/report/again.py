"""A trial of a run comes in; the one command that shows it again goes out, the same on every screen and page."""

from __future__ import annotations

import shlex
from pathlib import Path

from oncewhere.drill import DrillResult, TrialResult, VersionResult


def again(result: DrillResult, version: VersionResult, trial: TrialResult) -> str:
    """`oncewhere replay POINT RUN`; empty for the clean run, in which nothing was done that could be repeated.

    Args:
        result: of the run, whose folder's name is the run's.
        version: what was drilled.
        trial: the trial.
    """
    if trial.plan.is_clean:
        return ""
    several = len(result.versions) > 1
    point = f"{version.version.name}/{trial.plan.label}" if several else trial.plan.label
    return f"oncewhere replay {shlex.quote(point)} {shlex.quote(Path(result.folder).resolve().name)}"
