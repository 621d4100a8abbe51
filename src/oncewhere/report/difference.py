"""Two runs come in; which points and places changed their verdict goes out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from oncewhere.drill import DrillResult, Verdict, Version

from .run_json import Run

Key = tuple[str, str, str]
"""Version, point and place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One place at one point where a run was violated. Those of a control are none: it must turn red.

    Attributes:
        version: what was drilled.
        point: the plan's label.
        place: where.
        verdict: how.
    """

    version: str
    point: str
    place: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """Verdicts of one run of which the other says nothing: neither worse nor better can be said of them.

    Attributes:
        number: how many.
        violated: those that are violated.
    """

    number: int = 0
    violated: tuple[Violation, ...] = ()


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
        only_before: places of points that only the first run judged.
        only_after: those that only the second did.
        same: how many have the same verdict in both.
        gone: how many both judged, and are unknown by now: they held where a history is gone or damaged.
        gone_violated: by run, those of `gone` in which the run that keeps its history is violated.
        still_violated: those that have the same verdict in both, and are violated.
    """

    changed: tuple[Change, ...]
    only_before: Alone
    only_after: Alone
    same: int
    gone: int = 0
    gone_violated: tuple[tuple[Violation, ...], tuple[Violation, ...]] = ((), ())
    still_violated: tuple[Violation, ...] = ()

    @property
    def uncompared(self) -> int:
        """How many verdicts stand for themselves."""
        return self.only_before.number + self.only_after.number + self.gone

    @property
    def perhaps_new(self) -> int:
        """How many violations of the second run there are of which the first says nothing."""
        return len(self.only_after.violated) + len(self.gone_violated[1])

    @property
    def is_worse(self) -> bool:
        """True where something that both judged became worse."""
        return any(change.direction == "worse" for change in self.changed)


ORDER = ("worse", "other", "better")


def compare(
    before: DrillResult, after: DrillResult, *, lost: tuple[Collection[str], Collection[str]] = ((), ())
) -> Difference:
    """Compares two runs, point by point; a point is the same where its version and its label are.

    Args:
        before: the first, as its run.json tells it.
        after: the second.
        lost: of each, the folders of the trials whose history is gone or damaged: what held there cannot be compared.
    """
    first, second = _verdicts(before), _verdicts(after)
    both = [key for key in second if key in first]
    gone = _held_and_lost(before, lost[0]) | _held_and_lost(after, lost[1])
    known = [key for key in both if key not in gone]
    changes = [
        Change(version=key[0], point=key[1], place=key[2], before=first[key], after=second[key])
        for key in known
        if first[key] is not second[key]
    ]
    unknown = [key for key in both if key in gone]
    same = [key for key in known if first[key] is second[key]]
    controls = {before.control, after.control}
    return Difference(
        changed=tuple(sorted(changes, key=lambda change: ORDER.index(change.direction))),
        only_before=_alone(first, second, controls),
        only_after=_alone(second, first, controls),
        same=len(same),
        gone=len(unknown),
        gone_violated=(_violated(first, unknown, controls), _violated(second, unknown, controls)),
        still_violated=_violated(second, same, controls),
    )


def _alone(one: dict[Key, Verdict], other: dict[Key, Verdict], controls: Collection[str | None]) -> Alone:
    keys = [key for key in one if key not in other]
    return Alone(number=len(keys), violated=_violated(one, keys, controls))


def _violated(
    verdicts: dict[Key, Verdict], keys: Collection[Key], controls: Collection[str | None]
) -> tuple[Violation, ...]:
    return tuple(
        Violation(version=key[0], point=key[1], place=key[2], verdict=verdicts[key])
        for key in keys
        if verdicts[key].violated and key[0] not in controls
    )


def _held_and_lost(result: DrillResult, lost: Collection[str]) -> set[Key]:
    """What is shown as unknown since its history is gone; what went wrong stays told. See `without_lost`."""
    return {
        (version.version.name, trial.plan.label, finding.place)
        for version in result.versions
        for trial in version.trials
        for finding in trial.findings
        if trial.folder in lost and finding.verdict is Verdict.ONCE
    }


def known_as(name: str, run: Run) -> str:
    """A run in a line: its folder's name, when it was drilled, and of which commit."""
    told = run.provenance
    return f"{name}  {told.began:%Y-%m-%d %H:%M:%S} UTC, {told.commit.words if told.commit else 'no commit known'}"


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


def _verdicts(result: DrillResult) -> dict[Key, Verdict]:
    """By version, point and place. A named crash is the same point wherever it fell in a run."""
    return {
        (version.version.name, trial.plan.label, finding.place): finding.verdict
        for version in result.versions
        for trial in version.trials
        for finding in trial.findings
    }
