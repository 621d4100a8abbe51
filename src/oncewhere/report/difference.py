"""Two runs come in; which points and places changed their verdict goes out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from oncewhere.drill import DrillResult, Verdict

from .run_json import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One place at one point, in two runs.

    Attributes:
        version: what was drilled.
        point: the plan's label.
        place: where.
        before: the verdict of the first run.
        after: the verdict of the second run.
    """

    version: str
    point: str
    place: str
    before: Verdict
    after: Verdict

    @property
    def direction(self) -> str:
        """`worse`, `better`, or `other` where both are violated, or both open."""
        ranks = [0 if v.violated else 1 if v.open else 2 for v in (self.before, self.after)]
        return "worse" if ranks[1] < ranks[0] else "better" if ranks[1] > ranks[0] else "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What differs between two runs.

    Attributes:
        changed: places that both runs judged, with another verdict; what became worse comes first.
        only_before: how many places of points only the first run judged.
        only_after: how many only the second did.
        same: how many have the same verdict in both.
    """

    changed: tuple[Change, ...]
    only_before: int
    only_after: int
    same: int


ORDER = ("worse", "other", "better")


def compare(before: DrillResult, after: DrillResult) -> Difference:
    """Compares two runs, point by point; a point is the same where its version and its label are."""
    first, second = _verdicts(before), _verdicts(after)
    both = [key for key in second if key in first]
    changes = [
        Change(version=key[0], point=key[1], place=key[2], before=first[key], after=second[key])
        for key in both
        if first[key] is not second[key]
    ]
    return Difference(
        changed=tuple(sorted(changes, key=lambda change: ORDER.index(change.direction))),
        only_before=len(first.keys() - second.keys()),
        only_after=len(second.keys() - first.keys()),
        same=len(both) - len(changes),
    )


def doubts(before: Run, after: Run) -> list[str]:
    """Why two runs say less of each other than their verdicts do, in sentences: cut off, or of other processors."""
    told = [
        f"{which}: {run.ending.words}."
        for which, run in (("The first", before), ("The second", after))
        if run.ending.words
    ]
    named = [
        Path(run.result.folder).resolve().name.partition("Z-")[2].removesuffix("-replay") for run in (before, after)
    ]
    if named[0] != named[1]:
        told.append(f"The first is of {named[0]}, the second of {named[1]}: is that the same processor?")
    inputs = [{v.version.name: v.coverage.inputs for v in run.result.versions if v.coverage} for run in (before, after)]
    if differ := [name for name in inputs[0] if name in inputs[1] and inputs[0][name] != inputs[1][name]]:
        told.append(
            f"Each sent its own number of inputs to {', '.join(differ)}: a point may lie elsewhere in the other."
        )
    return told


def _verdicts(result: DrillResult) -> dict[tuple[str, str, str], Verdict]:
    """By version, point and place. A named crash is the same point wherever it fell in a run."""
    return {
        (version.version.name, trial.plan.label, finding.place): finding.verdict
        for version in result.versions
        for trial in version.trials
        for finding in trial.findings
    }
