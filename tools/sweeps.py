# ruff: noqa: INP001  # a script, not a package
"""Sweep examples several times: folders with a declaration go in; a table of verdicts, and every difference, come out.

.venv/bin/python tools/sweeps.py                                  every example that is built, three times each
.venv/bin/python tools/sweeps.py examples/go --runs 2
.venv/bin/python tools/sweeps.py examples/payments --versions offset-ledger dedupe-table --scenario all
.venv/bin/python tools/sweeps.py --show RUN RUN RUN               compares runs that were made before

Two runs batch their records differently, so their points have other addresses. They agree where each kind of message,
in each phase, was followed by the same verdicts at every place. Many a client sends from a thread of its own, so
whether the effect had been done when the processor died at its Produce is chance: that belongs to the kind, too.
Exit codes: 0 they agree and every point was reached, 1 they differ, 3 they agree as far as they came, or not every
one of them came by each moment.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from oncewhere.drill import DrillResult, TrialResult
from oncewhere.report import read_run

ROOT = Path(__file__).resolve().parents[1]
RUNS = ROOT / ".oncewhere" / "runs"
BUILT = {
    "payments": ".",
    "go": "build/settlement",
    "java": "build/settlement.jar",
    "kafka-streams": "build/settlement.jar",
    "typescript": "build/main.js",
    "aiokafka": "build/venv/.ready",
    "quix-streams": "build/venv/.ready",
}
"""By example, what its own `make build` leaves behind."""
WIDTH = 110
"""Columns of the table where it goes to a file."""
GRACE_S = 300
"""What a sweep may take beyond its time limit: no trial is begun after that, and the last ones end."""

At = tuple[str, str, str]
"""Version, what was done at which kind of message, judged place."""


@dataclass(frozen=True)
class Swept:
    """One sweep of one example."""

    example: str
    took_s: float
    result: DrillResult

    @property
    def counts(self) -> Mapping[str, Counter[str]]:
        """By version, how often each verdict was given at any place."""
        return {
            version.version.name: Counter(f.verdict for trial in version.trials for f in trial.findings)
            for version in self.result.versions
        }

    @property
    def verdicts(self) -> Mapping[At, frozenset[str]]:
        """What followed each kind of message."""
        found: dict[At, set[str]] = {}
        for version in self.result.versions:
            for trial in version.trials:
                if trial.reached:
                    for finding in trial.findings:
                        at = (version.version.name, kind(trial), finding.place)
                        found.setdefault(at, set()).add(finding.verdict)
        return {at: frozenset(verdicts) for at, verdicts in found.items()}

    @property
    def open_points(self) -> int:
        """Points that were chosen, and at which nothing was done."""
        return sum(v.coverage.chosen - v.coverage.reached for v in self.result.versions if v.coverage)


def kind(trial: TrialResult) -> str:
    """What was done, and at which kind of message: what is comparable between runs."""
    points = "+".join(f"{p.place}.{p.kind} {p.phase}" for p in (step.point for step in trial.plan.steps))
    if not points:
        return trial.plan.label
    return f"{trial.plan.scenario}@{points}, {_done(trial)}"


def _done(trial: TrialResult) -> str:
    """What the places had confirmed when it died; a commit that nobody has answered may be done in the next moment."""
    if any(crash.effects_before for crash in trial.crashes):
        return "effects confirmed"
    if any(crash.effects_on_their_way for crash in trial.crashes):
        return "effects on their way"
    return "no effect confirmed"


@dataclass(frozen=True)
class Compared:
    """What the sweeps of one example say of each other, in sentences.

    Attributes:
        apart: the same moment, and another verdict.
        alone: moments that not every sweep came by; chance, where a client sends from a thread of its own.
    """

    apart: tuple[str, ...]
    alone: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """1 they differ, 3 a moment was not seen in all of them, 0 they agree."""
        return 1 if self.apart else 3 if self.alone else 0


def compare(sweeps: Sequence[Swept]) -> Compared:
    """Compares the sweeps of one example."""
    apart, alone = [], []
    verdicts = [swept.verdicts for swept in sweeps]
    for at in sorted({at for found in verdicts for at in found}):
        version, where, place = at
        seen = [" and ".join(sorted(found[at])) for found in verdicts if at in found]
        if len(set(seen)) > 1:
            apart.append(f"{version}, {where}: {place} is {', then '.join(seen)}")
        if len(seen) < len(sweeps):
            alone.append(f"{version}, {where}: {place} is {seen[0]}, in {len(seen)} of {len(sweeps)} runs")
    return Compared(apart=tuple(apart), alone=tuple(alone))


def table(sweeps: Sequence[Swept]) -> Table:
    """Example × version × run."""
    shown = Table(header_style="")
    for name in ("example", "version"):
        shown.add_column(name, no_wrap=True)
    shown.add_column("run", justify="right", no_wrap=True)
    shown.add_column("s", justify="right", no_wrap=True)
    shown.add_column("points", justify="right", no_wrap=True)
    shown.add_column("verdicts, over all places", no_wrap=True)
    for example in dict.fromkeys(swept.example for swept in sweeps):
        runs = [swept for swept in sweeps if swept.example == example]
        for version in dict.fromkeys(name for swept in runs for name in swept.counts):
            for number, swept in enumerate(runs, 1):
                coverage = next((v.coverage for v in swept.result.versions if v.version.name == version), None)
                if coverage is None:
                    continue
                told = ", ".join(f"{count} {verdict}" for verdict, count in swept.counts[version].most_common())
                shown.add_row(
                    example if number == 1 else "",
                    version if number == 1 else "",
                    str(number),
                    f"{swept.took_s:.0f}",
                    f"{coverage.reached} of {coverage.chosen}",
                    told,
                    end_section=number == len(runs),
                )
    return shown


def sweep(example: Path, options: Sequence[str], limit_s: float) -> Swept | None:
    """Runs one sweep; None where it left no result."""
    before = set(RUNS.iterdir()) if RUNS.is_dir() else set()
    command = [sys.executable, "-m", "oncewhere", "drill", str(example), *options, "--time-limit", str(limit_s)]
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=limit_s + GRACE_S, check=False
    )
    took_s = time.monotonic() - began
    new = {run for run in set(RUNS.iterdir()) - before if run.name.endswith(f"-{example.name}")}
    made = sorted(run for run in new if (run / "run.json").is_file())
    if not made:
        sys.stderr.write(done.stderr.decode(errors="replace")[-2000:])
        return None
    return Swept(example=example.name, took_s=took_s, result=read_run(made[-1]).result)


def shown_again(runs: Sequence[str]) -> list[Swept]:
    """Sweeps that were made before."""
    found = [read_run(Path(run) if Path(run).is_dir() else RUNS / run) for run in runs]
    return [Swept(example=Path(r.path).name, took_s=r.result.duration_s, result=r.result) for r in found]


def main() -> int:
    """Sweeps, and compares."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("examples", nargs="*", type=Path, help="folders (default: every example that is built)")
    parser.add_argument("--runs", type=int, default=3, help="sweeps of each (default: 3)")
    parser.add_argument("--versions", nargs="*", default=[], help="only these")
    parser.add_argument("--scenario", default="crash")
    parser.add_argument("--points", default="boundaries")
    parser.add_argument("--inputs", help="send only the first so many (default: what drill.sweep_inputs says)")
    parser.add_argument("--time-limit", type=float, default=600.0, help="seconds for one sweep (default: 600)")
    parser.add_argument("--show", nargs="+", metavar="RUN", help="compare these runs, and drill nothing")
    options = parser.parse_args()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    sweeps: list[Swept] = []
    missing = 0
    if options.show:
        sweeps = shown_again(options.show)
    else:
        built = [ROOT / "examples" / name for name, file in BUILT.items() if (ROOT / "examples" / name / file).exists()]
        for example in options.examples or built:
            for number in range(1, options.runs + 1):
                wanted = [*options.versions, "--points", options.points, "--scenario", options.scenario]
                wanted += ["--inputs", options.inputs] if options.inputs else []
                swept = sweep(example, wanted, options.time_limit)
                missing += swept is None
                told = "no result" if swept is None else f"{swept.took_s:.0f} s, {swept.open_points} points open"
                sys.stderr.write(f"{example.name}, run {number}: {told}\n")
                sweeps += [] if swept is None else [swept]
    console.print(table(sweeps))
    codes = {0}
    for example in dict.fromkeys(swept.example for swept in sweeps):
        compared = compare([swept for swept in sweeps if swept.example == example])
        codes.add(compared.exit_code)
        for sign, sentences in (("✗", compared.apart), ("?", compared.alone)):
            for told in sentences:
                console.print(f"{sign} {example}: {told}", soft_wrap=True)
    unfinished = missing + sum(swept.open_points for swept in sweeps)
    if unfinished or not sweeps:
        codes.add(3)
    code = 1 if 1 in codes else max(codes)
    if code != 1:
        console.print(f"{'?' if code else '✓'} the runs of each example agree{', as far as they came' if code else ''}")
    if unfinished:
        console.print(f"? {unfinished} points were not reached, or not begun within the time limit")
    return code


if __name__ == "__main__":
    sys.exit(main())
