"""One version's results of a run come in; what its crashes proved goes out, place by place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from oncewhere.drill import CRASH, SCENARIOS, NamedCrash, PointSet, TrialResult, Verdict, VersionResult

from .setup import Setup, setup_of

EXAMPLES_SHOWN = 3
BLIND = "no second time can show in what `observe` counts"
"""Why a place that was counted as once is not proved to be."""


class PlaceDrilled(msgspec.Struct, frozen=True, kw_only=True):
    """What was found at one place.

    Attributes:
        place: an output topic, or an effect's name.
        system: what it is.
        verdict: the worst of all trials.
        counts: how many trials ended with which verdict.
        violations: what went wrong, and when; a few of them.
        scenarios: the worst verdict in each scenario; empty in facts of a version that did not write them down.
    """

    place: str
    system: str
    verdict: str
    counts: dict[str, int]
    violations: list[str] = []
    scenarios: dict[str, str] = {}

    @property
    def violated(self) -> bool:
        """True where the guarantee is proved to break."""
        return Verdict(self.verdict).violated

    @property
    def once(self) -> bool:
        """True where every trial found the work once."""
        return self.verdict == Verdict.ONCE


class Drilled(msgspec.Struct, frozen=True, kw_only=True):
    """What one run proved of one version.

    Attributes:
        run: the run's name.
        date: when it began, as its name says (UTC, ISO 8601); None where it does not.
        points: which set of crash points.
        chosen: how many trials were to be made.
        reached: how many came to their point.
        recorded: boundary messages of the clean run.
        scenarios: what was done at the points.
        not_tried: scenarios that were not asked for.
        left_out: scenarios that were asked for and left out, with the reason.
        skipped: trials that were not made, with the reason.
        inputs: how many inputs each trial was sent.
        noun: what they are.
        places: what was found.
        made_with: versions of what took part.
        command: what repeats it, in the declaration's folder.
        control: the version that had to turn red, and at how many points it did; None where there was none.
        policies: by effect, the policy that was declared when it was drilled.
        group: the group likewise.
        topics: the topics likewise.
        named: the named crashes that were visited; None in facts of a version that did not write them down.
        narrower: newer runs that visited fewer of the named crashes and found nothing worse.
        setup: what was started then, and how its places were asked; None likewise, and then it is not compared.
    """

    run: str
    date: str | None
    points: str
    chosen: int
    reached: int
    recorded: int
    scenarios: list[str]
    not_tried: list[str] = []
    left_out: dict[str, str] = {}
    skipped: dict[str, int] = {}
    inputs: int = 0
    noun: str = "inputs"
    places: list[PlaceDrilled] = []
    made_with: dict[str, str] = {}
    command: str = ""
    control: str | None = None
    policies: dict[str, str] = {}
    group: str = ""
    topics: list[str] = []
    named: list[NamedCrash] | None = None
    narrower: list[str] = []
    setup: Setup | None = None

    @property
    def unvisited(self) -> list[NamedCrash]:
        """The named crashes that were not visited."""
        wanted = list(NamedCrash.wanted(effects=bool(self.policies)))
        if self.named is None:
            only_the_named = self.points == PointSet.MISSION and self.scenarios == [CRASH]
            return [] if only_the_named and self.reached >= len(wanted) else wanted
        return [name for name in wanted if name not in self.named]

    @property
    def crashed(self) -> bool:
        """False where nothing but a clean run was made: it proves nothing."""
        return self.reached > 0

    def at(self, place: str) -> PlaceDrilled | None:
        """What was found at a place."""
        return next((found for found in self.places if found.place == place), None)


def drilled(
    result: VersionResult, *, run: str, made_with: Mapping[str, str], control: VersionResult | None = None
) -> Drilled:
    """What a version's results say.

    Args:
        result: the version's, of a drill.
        run: the run's name; its date stands at its beginning.
        made_with: versions of what took part.
        control: the version that had to turn red.
    """
    version, coverage = result.version, result.coverage
    crashes = result.crashes
    scenarios = list(dict.fromkeys(trial.plan.scenario for trial in crashes))
    left_out = dict(coverage.scenarios) if coverage else {}
    red = 0 if control is None else sum(trial.verdict.violated for trial in control.crashes)
    return Drilled(
        run=run,
        date=date_of(run),
        points=str(coverage.points if coverage else PointSet.MISSION),
        chosen=coverage.chosen if coverage else len(crashes),
        reached=coverage.reached if coverage else sum(trial.reached for trial in crashes),
        recorded=coverage.recorded if coverage else 0,
        scenarios=scenarios,
        not_tried=[name for name in SCENARIOS if name not in scenarios and name not in left_out],
        left_out=left_out,
        skipped=dict(coverage.skipped) if coverage else {},
        inputs=coverage.inputs if coverage else 0,
        noun=version.settings.noun,
        places=[_place(place, result) for place in version.places],
        made_with=dict(made_with),
        command=_command(result, run, scenarios, control=control is not None),
        control=None if control is None else f"{control.version.name}: {red} of {len(control.crashes)}",
        policies={name: effect.policy for name, effect in version.effects.items()},
        group=version.processor.group,
        topics=[version.processor.input, *version.processor.output],
        named=[name for name in NamedCrash if any(_visited(trial, name) for trial in crashes)],
        setup=setup_of(version),
    )


def _visited(trial: TrialResult, name: NamedCrash) -> bool:
    return trial.reached and trial.plan.scenario == CRASH and trial.point is not None and trial.point.name is name


def date_of(run: str) -> str | None:
    """When a run began, by its name: `2026-11-25T18-21-55Z-payments`."""
    stamp, zulu, _ = run.partition("Z-")
    day, _, clock = stamp.partition("T")
    hours = clock.split("-")
    if not zulu or len(day) != len("2026-11-25") or len(hours) != 3:
        return None
    return f"{day}T{':'.join(hours)}Z"


def _place(place: str, result: VersionResult) -> PlaceDrilled:
    found = [(trial, verdict) for trial in result.trials if (verdict := trial.verdict_at(place))]
    blind = result.counts_blindly(place)
    if blind:
        found = [(trial, Verdict.UNKNOWN if verdict is Verdict.ONCE else verdict) for trial, verdict in found]
    told = [
        BLIND if verdict is Verdict.UNKNOWN and blind else _violation(trial, place, result.version.settings.noun)
        for trial, verdict in sorted(found, key=lambda one: not one[1].violated)
        if verdict is not Verdict.ONCE
    ]
    counts = Counter(verdict for trial, verdict in found if not trial.plan.is_clean)
    return PlaceDrilled(
        place=place,
        system="kafka" if place in result.version.processor.output else result.version.effects[place].system,
        verdict=_worst(verdict for _, verdict in found),
        counts={str(verdict): counts[verdict] for verdict in Verdict if counts[verdict]},
        violations=list(dict.fromkeys(told))[:EXAMPLES_SHOWN],
        scenarios={
            name: _worst(verdict for trial, verdict in found if trial.plan.scenario == name)
            for name in dict.fromkeys(trial.plan.scenario for trial, _ in found if not trial.plan.is_clean)
        },
    )


def _worst(verdicts: Iterable[Verdict]) -> str:
    return str(min(verdicts, key=list(Verdict).index, default=Verdict.UNKNOWN))


def _violation(trial: TrialResult, place: str, noun: str) -> str:
    return f"{trial.at(place).sentence.replace(' inputs ', f' {noun} ', 1)}, {when(trial)}"


def when(trial: TrialResult) -> str:
    """When something happened in a trial, in words."""
    if trial.plan.is_clean:
        return "in a run without any crash"
    point = trial.point
    where = point.name.words if point is not None and point.name else trial.plan.label
    if trial.plan.scenario != CRASH:
        return f"in the scenario {trial.plan.scenario}" + (f" ({where})" if point is not None else "")
    return f"when the process died {where}"


def _command(result: VersionResult, run: str, scenarios: Iterable[str], *, control: bool) -> str:
    """What drills it again; a version that has no name is called as the folder is, here, and otherwise elsewhere."""
    points = result.coverage.points if result.coverage else PointSet.MISSION
    names = [trial.point.name for trial in result.crashes if trial.point and trial.plan.scenario == CRASH]
    name = result.version.name
    parts = ["oncewhere", "drill", ".", *([] if run.endswith(f"Z-{name}") else [name])]
    if points is not PointSet.MISSION:
        parts += ["--points", str(points)]
    elif len(names) == 1 and names[0]:
        parts += ["-k", str(names[0])]
    if (asked := list(scenarios)) != [CRASH]:
        parts += [word for name in asked for word in ("--scenario", name)]
    return " ".join([*parts, *(["--control"] if control else [])])
