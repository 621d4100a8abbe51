"""Two runs come in; which points and places changed their verdict goes out."""

from __future__ import annotations

from dataclasses import dataclass

from oncewhere.drill import DrillResult, Verdict, Version

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
        still_violated: how many of these are violated.
    """

    changed: tuple[Change, ...]
    only_before: int
    only_after: int
    same: int
    still_violated: int = 0


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
        still_violated=sum(first[key] is second[key] and second[key].violated for key in both),
    )


def doubts(before: Run, after: Run) -> list[str]:
    """Why two runs say less of each other than their verdicts do, in sentences: cut off, or of other processors."""
    told = [
        f"{which}: {run.ending.words}."
        for which, run in (("The first", before), ("The second", after))
        if run.ending.words
    ]
    first, second = ({v.version.name: _traffic(v.version) for v in run.result.versions} for run in (before, after))
    if name := next((name for name in first if name in second and first[name] != second[name]), None):
        of = [
            f"{traffic} ({run.path})" if run.path else traffic
            for traffic, run in ((first[name], before), (second[name], after))
        ]
        told.append(f"The first is of {of[0]}, the second of {of[1]}: is that the same processor?")
    inputs = [{v.version.name: v.coverage.inputs for v in run.result.versions if v.coverage} for run in (before, after)]
    if differ := [name for name in inputs[0] if name in inputs[1] and inputs[0][name] != inputs[1][name]]:
        told.append(
            f"Each sent its own number of inputs to {', '.join(differ)}: a point may lie elsewhere in the other."
        )
    return told


def _traffic(version: Version) -> str:
    """What a processor is known by, whatever the folders are called: its group, and what it reads and writes."""
    processor = version.processor
    written = f" to {', '.join(sorted(processor.output))}" if processor.output else ""
    return f"group {processor.group} from {processor.input}{written}"


def _verdicts(result: DrillResult) -> dict[tuple[str, str, str], Verdict]:
    """By version, point and place. A named crash is the same point wherever it fell in a run."""
    return {
        (version.version.name, trial.plan.label, finding.place): finding.verdict
        for version in result.versions
        for trial in version.trials
        for finding in trial.findings
    }
