"""A drill's result comes in; the screen that suits it goes to standard output."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from oncewhere.drill import DrillResult

from .mission_table import show_mission
from .sentence import is_sweep
from .sweep_table import show_sweep
from .words import cell, conclusion, proof


def show_result(result: DrillResult, console: Console, *, path: str = "") -> None:
    """Prints the table of the named crashes where nothing else was visited, and the sweep's otherwise.

    Args:
        result: what was found.
        console: where it goes; standard output.
        path: what was drilled, as the user named it, for the command that repeats one crash.
    """
    if is_sweep(result):
        show_sweep(result, console)
    else:
        show_mission(result, console, path=path)


def show_trial(result: DrillResult, console: Console) -> None:
    """Prints what one trial found at every place, and its proof.

    Args:
        result: of one version and one point.
        console: where it goes; standard output.
    """
    (version,) = result.versions
    for trial in version.crashes:
        console.print(Text(f"{version.version.name} {trial.plan.id}", style="bold"))
        for finding in trial.findings:
            line = Text("  ")
            line.append_text(cell(finding.verdict))
            line.append(f"  {finding.place}: {finding.sentence}")
            console.print(line)
        chain = next((finding.chain for finding in trial.findings if finding.chain), ())
        for sentence in chain:
            console.print(f"  {sentence}", markup=False, style="dim")
        if not chain and trial.crash is not None:
            console.print(f"  {proof(trial.crash)}", markup=False, style="dim")
    for told in conclusion(result):
        console.print(told, markup=False, soft_wrap=True)
