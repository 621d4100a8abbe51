"""A drill's events come in; how far it is goes to standard error.

On a terminal a live block shows what is being crashed, what was found, and how long it may still take; elsewhere every
trial is one plain line.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

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

from .words import STYLE

BAR_WIDTH = 12
REFRESHES_PER_SECOND = 4


class DrillProgress:
    """Shows a drill while it goes on.

    Args:
        console: where progress goes; standard error.
        clock: seconds, for the rate and the time left.
        repeated: the one trial that is carried out, without a clean run before it (`replay`); empty for a whole drill.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic, *, repeated: str = "") -> None:
        self._console = console
        self._clock = clock
        self._repeated = repeated
        self._live: Live | None = None
        self._spinner = Spinner("dots")
        self._began_s = 0.0
        self._under_way: dict[tuple[str, str], None] = {}
        self._unplanned: set[str] = set()
        self._trials = 0
        self._done = 0
        self._found: Counter[tuple[str, str, str]] = Counter()

    def __call__(self, event: DrillEvent) -> None:
        """Hears one event."""
        match event:
            case DrillBegan(points=points, versions=versions):
                self._trials = len(versions)
                self._unplanned = set() if self._repeated else set(versions)
                drilled = f"drill: {_many(len(versions), 'processor')}, {points.words}"
                self._begin(f"one trial: {self._repeated}" if self._repeated else drilled)
            case PlansMade(version=version, plans=plans):
                self._trials += len(plans)
                self._unplanned.discard(version)
                self._say(f"{version}: {_many(len(plans), 'trial')}")
            case TrialBegan(version=version, plan=plan):
                self._under_way[version, _name(plan)] = None
            case TrialJudged(version=version, trial=trial):
                self._done += 1
                self._found[_kind(trial)] += 1
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

    def extent(self) -> Text:
        """How far it is, and how long it may still take."""
        text = Text(f"{self._done} of {self._trials}{' or more' if self._unplanned else ''}")
        if self._done:
            left_s = (self._trials - self._done) * self._passed_s() / self._done
            text.append(f" · {'more than ' if self._unplanned else 'about '}{_duration(left_s)} left")
        return text

    def tally(self) -> Text:
        """What was found so far, and how fast it goes."""
        text = Text()
        for mark, style, words in sorted(self._found):
            text.append(f"{mark} {self._found[mark, style, words]} {words}", style=style)
            text.append(" · ")
        rate = self._done * 60 / self._passed_s() if self._passed_s() > 0 else 0
        return text.append(f"{rate:.0f} a minute")

    def __rich__(self) -> Group:
        """The live block: what is under way, how far it is, what was found."""
        now = " · ".join(f"{version} {name}" for version, name in self._under_way) or "reading the evidence"
        head, middle = Table.grid(padding=(0, 1)), Table.grid(padding=(0, 1))
        head.add_column()
        head.add_column(no_wrap=True, overflow="ellipsis")
        head.add_row(self._spinner, now)
        middle.add_row(ProgressBar(max(1, self._trials), self._done, width=BAR_WIDTH), self.extent())
        return Group(head, middle, self.tally())

    def _passed_s(self) -> float:
        return self._clock() - self._began_s

    def _begin(self, what: str) -> None:
        self._began_s = self._clock()
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            self._say(what)
            return
        self._live = Live(
            get_renderable=self.__rich__,
            console=self._console,
            transient=True,
            refresh_per_second=REFRESHES_PER_SECOND,
        )
        self._live.start()

    def _judged(self, version: str, trial: TrialResult) -> None:
        verdicts = ", ".join(f"{f.place} {f.verdict}" for f in trial.findings)
        again = "" if trial.reached else " (not reached again)"
        total = "" if self._unplanned else f"/{self._trials}"  # one that grows would tell nothing
        self._say(f"[{self._done}{total}] {version} {_name(trial.plan)}: {verdicts}{again}")

    def _say(self, line: str) -> None:
        if self._live is None:
            self._console.print(line, markup=False, soft_wrap=True)


def _kind(trial: TrialResult) -> tuple[str, str, str]:
    """What is counted: the mark, its style, and the word for it."""
    verdict = trial.verdict
    return (*STYLE[verdict], "violated" if verdict.violated else "open" if verdict.open else "held")


def _name(plan: Plan) -> str:
    return "clean run" if plan.is_clean else plan.label


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _duration(seconds: float) -> str:
    """Roughly, as one says it: 40 s, 3 min, 1 h 20 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
