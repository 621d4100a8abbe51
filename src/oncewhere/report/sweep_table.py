"""A sweep's result comes in; for each version a table, each distinct violation once, and the coverage go out."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from oncewhere.drill import CRASH, SCENARIOS, Coverage, DrillResult, Finding, Phase, TrialResult, Verdict, VersionResult
from oncewhere.drill.verdict import SEVERITY

from .advice import A_FEW, ids_of
from .again import Again, again
from .fitting import fitted
from .indented import Indented
from .provenance import Provenance
from .sentence import swept
from .words import BELOW_VERDICT, STYLE, among, beside, conclusion, indented, whole

KINDS_SHOWN = 12
SCENARIO_WIDTH = 40
BELOW_TABLE, BELOW_FINDING = 4, 6
"""Columns."""


def show_sweep(result: DrillResult, console: Console, told: Provenance, called: Sequence[str] = ()) -> None:
    """Prints what a sweep found.

    Args:
        result: what was found.
        console: where it goes; standard output.
        told: whose servers were used.
        called: the words that lead to the run, see `again`.
    """
    console.print()
    for version in result.versions:
        mark, style = STYLE[version.verdict]
        answer = Text.assemble((f"{version.version.name}: ", "bold"), swept(version))
        console.print(Indented(answer, BELOW_VERDICT, head=Text(mark, style)))
        for told_beside in beside(version):
            console.print(told_beside)
        console.print()
        if any(_is_crash(trial) for trial in version.crashes):
            console.print(fitted(_table(version), console, labels=2))
            console.print()
        if not all(_is_crash(trial) for trial in version.crashes):
            console.print(fitted(_scenarios(version), console, labels=1))
            console.print()
        for trials, finding in _distinct(version):
            repeated = None if told.repeat else again(result, version, trials[0], told, called=called)
            for told_of_it in _explained(version, trials, finding, repeated):
                console.print(told_of_it, style="dim", soft_wrap=isinstance(told_of_it, Text))
        if version.coverage is not None:
            for line in [
                *coverage_lines(version.coverage, told, crashes_only=all(map(_is_crash, version.crashes))),
                *spared_lines(version, told),
            ]:
                console.print(indented(line, BELOW_VERDICT))
        console.print()
    for line in conclusion(result, told):
        console.print(line, markup=False, soft_wrap=True)


def coverage_lines(coverage: Coverage, told: Provenance, *, crashes_only: bool) -> list[str]:
    """How much was visited, and what was not."""
    what = "boundary points crashed" if crashes_only else "trials reached their point"
    lines = [f"{coverage.reached} of {coverage.chosen} {what}"]
    if coverage.not_reached:
        lines[0] += f"; {coverage.not_reached} not reached again: inconclusive"
    left = {why: number for why, number in coverage.left_out.items() if number}
    if left:
        reasons = ", ".join(f"{number} {why}" for why, number in left.items())
        lines.append(f"left out of the {coverage.recorded} of the clean run: {reasons} ({told.all_points} visits them)")
    return lines


def spared_lines(version: VersionResult, told: Provenance) -> list[str]:
    """Which scenarios were not drilled, and why."""
    spared = version.coverage.scenarios if version.coverage is not None else {}
    lines = [f"{name} left out: {why}" for name, why in spared.items()]
    drilled = {trial.plan.scenario for trial in version.crashes} | spared.keys()
    if others := [name for name in SCENARIOS if name not in drilled]:
        cut_off = version.coverage is not None and any(version.coverage.skipped.values())
        why = "not asked for, or not come to" if cut_off else "not asked for"
        lines.append(f"{why}: {', '.join(others)} ({told.all_scenarios})")
    return lines


def _is_crash(trial: TrialResult) -> bool:
    return trial.plan.scenario == CRASH


def _scenarios(version: VersionResult) -> Table:
    table = Table(
        title=f"What else was done to {version.version.name}", title_justify="left", title_style="bold", header_style=""
    )
    table.add_column("scenario", no_wrap=True)
    for place in version.version.places:
        table.add_column(place, no_wrap=True)
    for name, scenario in SCENARIOS.items():
        trials = [trial for trial in version.crashes if trial.plan.scenario == name and name != CRASH]
        if trials:
            row = [_tally([v for t in trials if (v := t.verdict_at(place))]) for place in version.version.places]
            told = Text(f"{name}\n")
            told.append(textwrap.fill(scenario.words, SCENARIO_WIDTH), style="dim")
            table.add_row(told, *row, end_section=True)
    return table


def show_scenarios(console: Console) -> None:
    """Prints what each scenario does."""
    for name, scenario in SCENARIOS.items():
        console.print(f"{name:<20} {scenario.words}", markup=False, soft_wrap=True)


def _table(version: VersionResult) -> Table:
    table = Table(
        title=f"Exactly once, where? {version.version.name}",
        title_justify="left",
        title_style="bold",
        header_style="",
    )
    table.add_column("place", no_wrap=True)
    table.add_column("killed\nat", no_wrap=True)
    for phase in Phase:
        table.add_column(f"{phase}\n", no_wrap=True)
    sides = list(dict.fromkeys(t.point.place for t in version.crashes if t.point and _is_crash(t)))
    for place in version.version.places:
        for row, side in enumerate(sides):
            cells = [_tally(_at(version, place, side, phase)) for phase in Phase]
            table.add_row(place if row == 0 else "", side, *cells, end_section=row == len(sides) - 1)
    return table


def _at(version: VersionResult, place: str, side: str, phase: Phase) -> list[Verdict]:
    return [
        trial.at(place).verdict
        for trial in version.crashes
        if _is_crash(trial) and trial.point and trial.point.place == side and trial.point.phase is phase
    ]


def _tally(verdicts: Sequence[Verdict]) -> Text:
    text = Text()
    counted = Counter(verdicts)
    for verdict in sorted(counted, key=SEVERITY.__getitem__):
        mark, style = STYLE[verdict]
        if text:
            text.append("\n")
        text.append(f"{mark} {counted[verdict]} {verdict}", style=style)
    return text or Text("–")


def _distinct(version: VersionResult) -> list[tuple[list[TrialResult], Finding]]:
    """Violations that are the same at the same place, together; a named crash speaks for them where there is one."""
    found: dict[tuple[str, Verdict], list[TrialResult]] = {}
    for trial in version.trials:
        for finding in trial.findings:
            if finding.verdict is not Verdict.ONCE and trial.reached:
                found.setdefault((finding.place, finding.verdict), []).append(trial)
    distinct = []
    for (place, _), trials in sorted(found.items(), key=lambda entry: SEVERITY[entry[0][1]]):
        trials.sort(key=lambda trial: (trial.point is not None, trial.point is None or trial.point.name is None))
        distinct.append((trials, trials[0].at(place)))
    return distinct


def _explained(
    version: VersionResult, trials: Sequence[TrialResult], finding: Finding, repeated: Again | None
) -> Iterator[Indented | Text]:
    """What is wrong at one place, line by line: those with a command to copy are whole, all others are wrapped."""
    shown = trials[0]
    yield indented(f"{finding.place}: {finding.verdict} in {among(version, trials)}:", BELOW_TABLE)
    for line in _told_of(trials, finding):
        yield indented(line, BELOW_FINDING)
    if repeated is not None:
        for line in repeated.lines:
            yield whole(line, BELOW_FINDING)
    yield indented(f"evidence: {shown.folder}/wire.jsonl", BELOW_FINDING)


def _told_of(trials: Sequence[TrialResult], finding: Finding) -> Iterator[str]:
    """How it came about, which inputs it is about, and where it shows."""
    yield from finding.chain or (finding.sentence,)
    if ids := ids_of(finding, A_FEW):
        yield f"namely {ids}"
    crashed = [trial for trial in trials if not trial.plan.is_clean]
    if crashed and _is_crash(trials[0]):
        yield f"shown at: {_kinds(crashed)}"


def _kinds(trials: Iterable[TrialResult]) -> str:
    """Messages and phases, the intervals left aside."""
    phases: dict[str, dict[str, None]] = {}
    for trial in trials:
        if trial.point is not None:
            phases.setdefault(f"{trial.point.place}.{trial.point.kind}", {})[trial.point.phase] = None
    told = [f"{name} {', '.join(sorted(p, key=list(Phase).index))}" for name, p in phases.items()]  # type: ignore[arg-type]  # they are phases
    rest = f"; and {len(told) - KINDS_SHOWN} more" if len(told) > KINDS_SHOWN else ""
    return "; ".join(told[:KINDS_SHOWN]) + rest
