"""A run and the histories that it has lost come in; the run goes out as far as there is evidence for it.

What went wrong stays told: whoever saw it had the history. What held is no longer known to: as when it is judged again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping

from oncewhere.drill import Finding, TrialResult, Verdict

from .run_json import Run

GONE = "its history is gone or damaged"


def without_lost(run: Run, lost: Collection[str]) -> Run:
    """The run in which what held is open where no history says so.

    Args:
        run: as its run.json tells it.
        lost: the folders of the trials whose history is gone or damaged.
    """
    if not lost:
        return run
    versions = tuple(
        dataclasses.replace(version, trials=tuple(_open(t) if t.folder in lost else t for t in version.trials))
        for version in run.result.versions
    )
    result = dataclasses.replace(run.result, versions=versions)
    ending = run.ending
    if ending.exit_code == 0:
        ending = dataclasses.replace(ending, exit_code=result.exit_code)
    return dataclasses.replace(run, result=result, ending=ending)


def told_of_lost(run: Run, lost: Mapping[str, str], *, which: str = "") -> str:
    """Of how many trials there is no history, in a sentence without its full stop; empty where there are all.

    Args:
        run: whose.
        lost: see `lost_histories`.
        which: of several runs, such as ` of the first`.
    """
    if not lost:
        return ""
    trials = sum(len(version.trials) for version in run.result.versions)
    more = f", and {len(lost) - 1} more" if len(lost) > 1 else ""
    first = next(iter(lost.values())).rstrip(".")
    return f"Of {len(lost)} of {trials} trials{which} no whole history is there to judge: {first}{more}"


def _open(trial: TrialResult) -> TrialResult:
    return dataclasses.replace(trial, findings=tuple(_open_finding(finding) for finding in trial.findings))


def _open_finding(finding: Finding) -> Finding:
    if finding.verdict is not Verdict.ONCE:
        return finding
    return dataclasses.replace(finding, check=0, verdict=Verdict.UNKNOWN, sentence=GONE, chain=())
