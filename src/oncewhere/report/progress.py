"""A drill's events come in; how far it is goes to standard error.

On a terminal a live block shows what is being crashed, n of N; elsewhere every trial is one plain line.
"""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from oncewhere.drill import (
    DrillBegan,
    DrillEnded,
    DrillEvent,
    PlansMade,
    TrialBegan,
    TrialJudged,
    TrialResult,
    VersionJudged,
)
from oncewhere.drill.scenario import Plan


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
        self._violated = 0

    def __call__(self, event: DrillEvent) -> None:
        """Hears one event."""
        match event:
            case DrillBegan(points=points, versions=versions):
                self._trials = len(versions)
                self._begin(f"{len(versions)} processors, {points.words}")
            case PlansMade(version=version, plans=plans):
                self._trials += len(plans)
                self._say(f"{version}: {len(plans)} trials")
            case TrialBegan(version=version, plan=plan):
                self._under_way[version, _name(plan)] = None
                self._update()
            case TrialJudged(version=version, trial=trial):
                self._done += 1
                self._violated += trial.verdict.violated
                self._under_way.pop((version, _name(trial.plan)), None)
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
            self._say(f"drill: {what}")
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
        again = "" if trial.reached else " (not reached again)"
        self._say(f"[{self._done}/{self._trials}] {version} {_name(trial.plan)}: {verdicts}{again}")
        self._update()

    def _say(self, line: str) -> None:
        if self._live is None:
            self._console.print(line, markup=False)

    def _update(self) -> None:
        if self._live is not None and self._task is not None:
            now = " · ".join(f"{version} {name}" for version, name in self._under_way) or "reading the evidence"
            if self._violated:
                now += f" · {self._violated} violated"
            self._live.update(self._task, completed=self._done, total=self._trials, description=now)


def _name(plan: Plan) -> str:
    return "clean run" if plan.is_clean else plan.label
