"""A drill's result comes in; the worst of it goes out in one line, for pytest's short summary."""

from __future__ import annotations

from oncewhere.drill import DrillResult, Verdict
from oncewhere.drill.verdict import SEVERITY

NOTHING_CRASHED = "nothing was crashed, so nothing is proved"
NOT_TO_THE_END = "the drill was not carried to its end, so nothing is proved"


def summary(result: DrillResult) -> str:
    """The worst finding: its place, its verdict, what was found and at which point.

    Args:
        result: of a drill that is no pass.
    """
    found = [
        (finding, f"{version.version.name}: " if len(result.versions) > 1 else "", trial.plan.label)
        for version in result.versions
        if version.version.name != result.control
        for trial in version.trials
        for finding in trial.findings
        if finding.verdict is not Verdict.ONCE
    ]
    if found:
        finding, named, label = min(found, key=lambda told: SEVERITY[told[0].verdict])
        return f"{named}{finding.place} {finding.verdict}: {finding.sentence} ({label})"
    crashed = any(trial.crashes for version in result.versions for trial in version.trials)
    return NOT_TO_THE_END if crashed else NOTHING_CRASHED
