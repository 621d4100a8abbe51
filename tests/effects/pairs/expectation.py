"""What a drill found of one row comes in; whatever its policies do not admit goes out, a sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oncewhere.drill import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matrix import Row

    from oncewhere.drill import Finding, VersionResult


def surprises(row: Row, found: VersionResult) -> list[str]:
    """Where a place shows what its policy does not say, and what should have been shown and was not."""
    told = [
        f"{trial.plan.id}: {finding.place} is {finding.verdict}: {finding.sentence}"
        for trial in found.trials
        for finding in trial.findings
        if not _admitted(row, finding)
    ]
    told += [f"{trial.plan.id}: not reached" for trial in found.crashes if not trial.reached]
    return [*told, *_never_shown(row, found)]


def _admitted(row: Row, finding: Finding) -> bool:
    if finding.verdict is Verdict.ONCE:
        return True
    # One call is under way when the processor dies: no more than that one can be missing.
    few = finding.verdict is not Verdict.LOST or (finding.missing == 1 and finding.most <= 1)
    return finding.verdict is row.besides.get(finding.place) and few


def _never_shown(row: Row, found: VersionResult) -> Iterator[str]:
    if not found.crashes:
        yield "no crash"
    for place, verdict in row.besides.items():
        if all(trial.verdict_at(place) is not verdict for trial in found.crashes):
            yield f"no crash made {place} {verdict}, so the drill has shown nothing of it"
