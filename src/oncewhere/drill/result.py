"""What a drill found, as frozen data: trials make a version's result, versions make the drill's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .checks import Finding
from .declaration import Version
from .itinerary import PointSet
from .observations import UNJUDGED, Kind, Observation, together
from .points import CrashPoint, NamedCrash
from .scenario import CRASH, Action, Plan
from .verdict import Verdict, worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """The proof of one kill, taken from the wire and from the cluster.

    Attributes:
        message: kind of the message at which the processor died.
        outcome: `dropped`, `forwarded` or `withheld`.
        action: what was done to it.
        effects_before: effect commits that the databases had confirmed in the same commit interval.
        effects_on_their_way: other effect commits that had been sent, and not been answered.
        transactions: per `transactional.id`, the state that DescribeTransactions answered after the kill.
        offsets_stable: False where the group's offsets were pending in an open transaction.
        evicted: members of the group that were dead and were removed.
    """

    message: str
    outcome: str
    effects_before: int
    action: Action = Action.KILL
    transactions: dict[str, str] = field(default_factory=dict)
    offsets_stable: bool = True
    evicted: int = 0
    effects_on_their_way: int = 0


OUT_OF_TIME = "not started within the time limit"
"""Why points were not visited: they would have been, with more time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """How much of the boundary was visited.

    Attributes:
        points: which set of points was asked for.
        inputs: how many inputs every trial was sent.
        chosen: points that were to be visited.
        reached: points at which the processor was crashed.
        recorded: boundary points of the clean run.
        left_out: why points of the clean run were not to be visited, and how many.
        skipped: why points that were to be visited were not, and how many (a limit of time, a stop at the first).
        scenarios: by name, why a scenario that was asked for was left out.
    """

    points: PointSet
    inputs: int
    chosen: int
    reached: int
    recorded: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    scenarios: Mapping[str, str] = field(default_factory=dict)

    @property
    def not_reached(self) -> int:
        """Points that were tried more than once, and that no trial came by again."""
        return self.chosen - self.reached - sum(self.skipped.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """One trial: the point, whether it was reached, and a finding for every place.

    Attributes:
        plan: what was done to the processor.
        crashes: the proof of each kill, in order.
        reached: True when every point of the plan was reached; a clean run has none.
        findings: one per place, in the declaration's order.
        lives: how often the processor was started.
        duration_s: how long the trial took.
        phases_s: where that time went (`phases.PHASES`).
        folder: the trial's folder within the run's.
        tries: how often it was tried, until its point was reached.
        observations: what was seen on the wire and is not declared.
    """

    plan: Plan
    crashes: tuple[Crash, ...]
    reached: bool
    findings: tuple[Finding, ...]
    lives: int
    duration_s: float
    folder: str
    phases_s: Mapping[str, float] = field(default_factory=dict)
    tries: int = 1
    observations: tuple[Observation, ...] = ()

    @property
    def point(self) -> CrashPoint | None:
        """The point of the plan's first step; None for the clean run."""
        return self.plan.point

    @property
    def crash(self) -> Crash | None:
        """The proof of the first kill; None where there was none."""
        return self.crashes[0] if self.crashes else None

    @property
    def verdict(self) -> Verdict:
        """The worst verdict at any place."""
        return worst([f.verdict for f in self.findings])

    def at(self, place: str) -> Finding:
        """The finding about a place."""
        return next(f for f in self.findings if f.place == place)

    def verdict_at(self, place: str) -> Verdict | None:
        """The verdict about a place; None where its scenario does not judge it."""
        return next((f.verdict for f in self.findings if f.place == place), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionResult:
    """All trials of one version, the clean run first.

    Attributes:
        version: what was drilled.
        trials: in the order in which they were asked for.
        coverage: how much of what there was to visit was visited.
        cut_off: why its trials are not all that were to be; empty where they are.
    """

    version: Version
    trials: tuple[TrialResult, ...]
    coverage: Coverage | None = None
    cut_off: str = ""

    @property
    def crashes(self) -> tuple[TrialResult, ...]:
        """The trials with a crash."""
        return tuple(t for t in self.trials if not t.plan.is_clean)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict at any place after any crash, or in the clean run; of what was not visited, `unknown`."""
        skipped = [Verdict.UNKNOWN] if self.unvisited else []
        return worst([*(f.verdict for t in self.trials for f in t.findings), *skipped])

    @property
    def unvisited(self) -> bool:
        """True where less was visited than was to be: then nothing is called held."""
        return bool(self.cut_off) or (self.coverage is not None and bool(self.coverage.skipped))

    @property
    def unjudged(self) -> tuple[Observation, ...]:
        """What it did where nobody looks, each once: no verdict covers that."""
        return tuple(seen for seen in together(t.observations for t in self.trials) if seen.kind in UNJUDGED)

    def counts_blindly(self, place: str) -> bool:
        """True where a count that cannot be above one was observed there: it proves no time to be the only one."""
        seen = together(trial.observations for trial in self.trials)
        return any(one.kind is Kind.BLIND_COUNT and one.place == place for one in seen)

    @property
    def tried(self) -> tuple[NamedCrash, ...]:
        """The named crashes at which it was killed; what a scenario does at their points is another matter."""
        names = {t.point.name for t in self._plain if t.point is not None and t.reached}
        return tuple(name for name in NamedCrash if name in names)

    @property
    def not_tried(self) -> tuple[NamedCrash, ...]:
        """The named crashes that nobody asked for, where a choice was drilled."""
        asked = {t.point.name for t in self._plain if t.point is not None}
        return tuple(name for name in NamedCrash.wanted(effects=bool(self.version.effects)) if name not in asked)

    @property
    def _plain(self) -> tuple[TrialResult, ...]:
        return tuple(t for t in self.crashes if t.plan.scenario == CRASH)

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
        control: the version that must turn red, or the drill proves nothing; None where there is none.
    """

    versions: tuple[VersionResult, ...]
    demonstration: bool
    folder: str
    duration_s: float
    control: str | None = None

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """The addresses that processors were connected to past the proxies, each once."""
        seen = together(trial.observations for version in self.versions for trial in version.trials)
        return next((o.examples for o in seen if o.kind is Kind.UNDECLARED_CONNECTION), ())

    @property
    def control_turned_red(self) -> int:
        """At how many points the control was violated."""
        return sum(t.verdict.violated for v in self.versions if v.version.name == self.control for t in v.crashes)

    @property
    def control_failed(self) -> bool:
        """True where the control was to turn red, was visited to its end, and did not: the drill proves nothing."""
        if self.control is None or self.control_turned_red:
            return False
        return not any(v.unvisited for v in self.versions if v.version.name == self.control)

    @property
    def exit_code(self) -> int:
        """0 held (or: every version showed what it must), 1 violated, 3 inconclusive, 5 nothing ran.

        A control that is not violated at any point is a failure of its own: 1, however well the others held.
        """
        if not self.versions:
            return 5
        if self.control_failed:
            return 1
        unseen = self.control is not None and not self.control_turned_red
        verdicts = [v.verdict for v in self.versions if v.version.name != self.control]
        if self.demonstration:
            surprises = [s for v in self.versions for s in v.surprises]
            if not surprises:
                return 3 if any(v.unvisited for v in self.versions) else 0
            return 3 if all(found.verdict.open for _, found, _ in surprises) else 1
        if any(v.violated for v in verdicts):
            return 1
        return 3 if unseen or any(v.open for v in verdicts) else 0
