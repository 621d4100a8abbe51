"""What a drill found, as frozen data: trials make a version's result, versions make the drill's."""

from __future__ import annotations

from dataclasses import dataclass, field

from .checks import Finding
from .declaration import Version
from .points import CrashPoint, NamedCrash
from .verdict import Verdict, worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """The proof of one kill, taken from the wire and from the cluster.

    Attributes:
        message: kind of the message at which the processor died.
        outcome: `dropped`, `forwarded` or `withheld`.
        effects_before: effect commits that the databases had confirmed in the same commit interval.
        transactions: per `transactional.id`, the state that DescribeTransactions answered after the kill.
        offsets_stable: False where the group's offsets were pending in an open transaction.
        evicted: members of the group that were dead and were removed.
    """

    message: str
    outcome: str
    effects_before: int
    transactions: dict[str, str] = field(default_factory=dict)
    offsets_stable: bool = True
    evicted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """One trial: the point, whether it was reached, and a finding for every place.

    Attributes:
        point: where the processor was killed; None for the clean run.
        crash: the proof of the kill; None where the point was not reached.
        findings: one per place, in the declaration's order.
        lives: how often the processor was started.
        duration_s: how long the trial took.
        folder: the trial's folder within the run's.
    """

    point: CrashPoint | None
    crash: Crash | None
    findings: tuple[Finding, ...]
    lives: int
    duration_s: float
    folder: str

    def at(self, place: str) -> Finding:
        """The finding about a place."""
        return next(f for f in self.findings if f.place == place)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionResult:
    """All trials of one version, the clean run first."""

    version: Version
    trials: tuple[TrialResult, ...]

    @property
    def crashes(self) -> tuple[TrialResult, ...]:
        """The trials with a crash."""
        return tuple(t for t in self.trials if t.point is not None)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict at any place after any crash, or in the clean run."""
        return worst([f.verdict for t in self.trials for f in t.findings])

    @property
    def surprises(self) -> tuple[tuple[NamedCrash | None, Finding, Verdict], ...]:
        """Findings that are not what the declaration says this version demonstrates, with the verdict it says."""
        found = []
        for trial in self.trials:
            for finding in trial.findings:
                name = trial.point.name if trial.point else None
                expected = self.version.expected(name, finding.place) if name else Verdict.ONCE
                if finding.verdict is not expected:
                    found.append((name, finding, expected))
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillResult:
    """The result of a whole drill.

    Attributes:
        versions: in the order in which they were drilled.
        demonstration: True where versions are measured against what the declaration says they show.
        folder: where the evidence is, as text.
        duration_s: how long it took, servers included.
    """

    versions: tuple[VersionResult, ...]
    demonstration: bool
    folder: str
    duration_s: float

    @property
    def exit_code(self) -> int:
        """0 held (or: every version showed what it must), 1 violated, 3 inconclusive, 5 nothing ran."""
        if not self.versions:
            return 5
        verdicts = [v.verdict for v in self.versions]
        if self.demonstration:
            surprises = [s for v in self.versions for s in v.surprises]
            if not surprises:
                return 0
            return 3 if all(found.verdict is Verdict.UNKNOWN for _, found, _ in surprises) else 1
        if any(v.violated for v in verdicts):
            return 1
        return 3 if Verdict.UNKNOWN in verdicts else 0
