"""A drill's events come in; progress goes to standard error, the verdicts to standard output.

On a terminal a live block shows the point that is being crashed, n of N; elsewhere every trial is one plain line.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from oncewhere.drill import (
    CrashPoint,
    DrillBegan,
    DrillEnded,
    DrillEvent,
    DrillResult,
    NamedCrash,
    TrialBegan,
    TrialJudged,
    TrialResult,
    Verdict,
    VersionJudged,
    VersionResult,
)

from .sentence import sentence

STYLE = {
    Verdict.ONCE: ("✓", "green"),
    Verdict.DUPLICATE: ("✗", "bold red"),
    Verdict.LOST: ("✗", "bold red"),
    Verdict.STUCK: ("✗", "bold red"),
    Verdict.UNKNOWN: ("?", "yellow"),
}


class DrillProgress:
    """Shows a drill while it goes on.

    Args:
        console: where progress goes; standard error.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Progress | None = None
        self._task: TaskID | None = None
        self._under_way: dict[tuple[str, str], None] = {}
        self._done = 0
        self._trials = 0

    def __call__(self, event: DrillEvent) -> None:
        """Hears one event."""
        match event:
            case DrillBegan(trials=trials, versions=versions):
                self._trials = trials
                self._begin(f"{len(versions)} processors, {trials} trials")
            case TrialBegan(version=version, point=point):
                self._under_way[version, _name(point)] = None
                self._update()
            case TrialJudged(version=version, trial=trial):
                self._done += 1
                self._under_way.pop((version, _name(trial.point)), None)
                self._judged(version, trial)
            case VersionJudged():
                pass
            case DrillEnded():
                self.close()

    def close(self) -> None:
        """Takes the live block away; harmless where there is none."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _begin(self, what: str) -> None:
        if not self._console.is_terminal:
            self._console.print(f"drill: {what}")
            return
        self._live = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._live.add_task(what, total=self._trials)
        self._live.start()

    def _judged(self, version: str, trial: TrialResult) -> None:
        verdicts = ", ".join(f"{f.place} {f.verdict}" for f in trial.findings)
        if self._live is None:
            self._console.print(
                f"[{self._done}/{self._trials}] {version} {_name(trial.point)}: {verdicts}", markup=False
            )
        self._update()

    def _update(self) -> None:
        if self._live is not None and self._task is not None:
            now = " · ".join(f"{version} {name}" for version, name in self._under_way) or "reading the evidence"
            self._live.update(self._task, completed=self._done, description=now)


def show_result(result: DrillResult, console: Console, *, path: str = "") -> None:
    """Prints the table, a sentence for each version with its proof, and where the evidence is.

    Args:
        result: what was found.
        console: where it goes; standard output.
        path: what was drilled, as the user named it, for the command that repeats one crash.
    """
    crashes = [n for n in NamedCrash if any(t.point and t.point.name is n for v in result.versions for t in v.trials)]
    console.print()
    console.print(_table(result, crashes))
    for crash in crashes:
        console.print(f"  {crash:<14} killed {crash.words}", style="dim", markup=False)
    for verdict in sorted({f.verdict for v in result.versions for t in v.trials for f in t.findings} - {Verdict.ONCE}):
        console.print(f"  {verdict:<14} {verdict.meaning}", style="dim", markup=False)
    console.print()
    for version in result.versions:
        mark, style = STYLE[version.verdict]
        line = Text(f"{mark} ", style=style)
        line.append(f"{version.version.name}: ", style="bold")
        line.append(sentence(version))
        console.print(line)
        for trial in version.crashes:
            if any(f.verdict is not Verdict.ONCE for f in trial.findings):
                console.print(Padding(_proof(version, trial, path), (0, 0, 0, 4)), style="dim")
    console.print()
    for told in _conclusion(result):
        console.print(told, markup=False, soft_wrap=True)


def _proof(version: VersionResult, trial: TrialResult, path: str) -> Text:
    """How it is known, and the one command that shows it again."""
    crash, point = trial.crash, trial.point
    if crash is None or point is None:
        return Text(f"{point.name if point else 'clean run'}: the point was not reached again")
    confirmed = f"{crash.effects_before} effect commit{'' if crash.effects_before == 1 else 's'} confirmed before"
    states = ", ".join(f"transaction {name} {state}" for name, state in crash.transactions.items())
    offsets = "" if crash.offsets_stable else ", offsets pending in it"
    text = Text(f"{crash.message} {crash.outcome}; {confirmed}; {states or 'no transaction'}{offsets}")
    if path:
        text.append(f"\nagain: oncewhere drill {path} {version.version.name} -k {point.name}")
    return text


def _table(result: DrillResult, crashes: list[NamedCrash]) -> Table:
    table = Table(
        title="Exactly once, where?",
        title_justify="left",
        title_style="bold",
        header_style="",
    )
    table.add_column("processor", no_wrap=True)
    table.add_column("place", no_wrap=True)
    table.add_column("no\ncrash", no_wrap=True)
    for crash in crashes:
        table.add_column(crash.replace("-", "\n", 1), no_wrap=True)
    for version in result.versions:
        found = {t.point.name if t.point else None: t for t in version.trials}
        for row, place in enumerate(version.version.places):
            cells = [_cell(found[n].at(place).verdict) if n in found else Text("–") for n in (None, *crashes)]
            last = row == len(version.version.places) - 1
            table.add_row(version.version.name if row == 0 else "", place, *cells, end_section=last)
    return table


def _cell(verdict: Verdict) -> Text:
    mark, style = STYLE[verdict]
    return Text(f"{mark} {verdict}", style=style)


def _conclusion(result: DrillResult) -> list[str]:
    lines: list[str] = []
    if result.demonstration:
        surprises = [(v, s) for v in result.versions for s in v.surprises]
        if not surprises:
            lines.append(
                f"All {len(result.versions)} processors showed what they are here to show: "
                "the broken ones were caught, the sound ones held."
            )
        for version, (name, finding, expected) in surprises:
            when = name.words if name else "the clean run"
            lines.append(
                f"{version.version.name} was to show {expected} in {finding.place} ({when}), "
                f"and showed {finding.verdict}: {finding.sentence}."
            )
    lines.append(f"Evidence: {_short(result.folder)}  ({result.duration_s:.0f} s)")
    return lines


def _name(point: CrashPoint | None) -> str:
    return str(point.name) if point else "clean run"


def _short(folder: str) -> str:
    """A path below the current folder is shown from there."""
    path = Path(folder)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else folder
