"""A drill's result comes in; the screen that suits it goes to standard output."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from oncewhere.drill import DrillResult

from .heading import heading
from .mission_table import show_mission
from .provenance import Provenance
from .run_json import Run
from .sentence import is_sweep
from .sweep_table import show_sweep
from .words import beside, cell, conclusion, indented, proof

BELOW_TRIAL = 2
"""Columns."""


def show_result(
    result: DrillResult, console: Console, told: Provenance | None = None, *, called: Sequence[str] = ()
) -> None:
    """Prints the table of the named crashes where nothing else was visited, and the sweep's otherwise.

    Args:
        result: what was found.
        console: where it goes; standard output.
        told: whose servers were used, so that the command that shows a trial again leads to the same; None for ours.
        called: the words that lead to the run from where the screen is read; none where its folder's name does.
    """
    show = show_sweep if is_sweep(result) else show_mission
    show(result, console, told or Provenance(), called)


def show_run(run: Run, console: Console, *, called: Sequence[str] = ()) -> None:
    """Prints what a stranger must know of a run, and then what it found; of a replay, its one point.

    Args:
        run: as far as it came.
        console: where it goes; standard output.
        called: see `show_result`.
    """
    for line in heading(run):
        console.print(line, markup=False, soft_wrap=True)
    if run.replayed is not None and run.result.versions and run.result.versions[0].crashes:
        console.print()
        show_trial(run.result, console, run.provenance)
    else:
        show_result(run.result, console, run.provenance, called=called)


def show_trial(result: DrillResult, console: Console, told: Provenance | None = None) -> None:
    """Prints what one trial found at every place, and its proof.

    Args:
        result: of one version and one point.
        console: where it goes; standard output.
        told: see `show_result`.
    """
    (version,) = result.versions
    for trial in version.crashes:
        console.print(Text(f"{version.version.name} {trial.plan.id}", style="bold"))
        for finding in trial.findings:
            judged = Text().append_text(cell(finding.verdict))
            judged.append(f"  {finding.place}: {finding.sentence}")
            console.print(indented(judged, BELOW_TRIAL))
        chain = next((finding.chain for finding in trial.findings if finding.chain), ())
        for sentence in chain:
            console.print(indented(sentence, BELOW_TRIAL), style="dim")
        if not chain and trial.crash is not None:
            console.print(indented(proof(trial.crash), BELOW_TRIAL), style="dim")
    for line in beside(version):
        console.print(line)
    for last_word in conclusion(result, told or Provenance()):
        console.print(last_word, markup=False, soft_wrap=True)
