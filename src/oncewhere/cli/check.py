"""`oncewhere check`: histories come in, from whatever machine; they are judged again, without any server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from oncewhere.drill import UnreadableHistoryError, Verdict, worst
from oncewhere.errors import ConfigurationError
from oncewhere.report import Retrial, cell, retried

FILE_NAME = "wire.jsonl"
WHAT_FILES_ARE = {
    "run.json": "the result of a run",
    "report.html": "the page of a run",
    "junit.xml": "the result of a run for CI",
    "README.txt": "what stands in every run's folder",
}


@click.command(short_help="Judge the histories of a run, or of one trial, again.")
@click.argument("history", metavar="FOLDER_OR_FILE", type=click.Path(exists=True, path_type=Path))
def check(history: Path) -> int:
    """Judge what histories say, and explain what is wrong; no server is asked.

    A run's folder has all its trials judged, in a table; the folder of a trial, or its wire.jsonl, has that one
    explained. A history that breaks off is judged as far as it goes, and never as held.

    Exit codes: 0 held, 1 violated, 3 inconclusive.

    \b
    oncewhere check ~/Downloads/2026-11-25T18-25-25Z-payments
    oncewhere check .oncewhere/runs/latest/naive/after-effect
    """  # noqa: D301  # click keeps the lines below \b as they are
    console = Console(highlight=False)
    file = history / FILE_NAME if history.is_dir() else history
    if history.is_dir() and not file.exists():
        files = sorted(history.rglob(FILE_NAME))
        if not files:
            raise ConfigurationError(
                f"{history} holds no {FILE_NAME}: it is no trial's folder, and no run's.",
                hint="A run's folder has one for each trial: RUN/VERSION/POINT/wire.jsonl",
            )
        judged = [_judged(file) for file in files]
        _show_all(judged, history, console)
    else:
        trial = _judged(file)
        if history.is_dir():
            trial = _judged_try(trial, console)
        judged = [trial]
        _show_one(trial, console)
    verdict = worst([trial.verdict for trial in judged])
    return 1 if verdict.violated else 3 if verdict.open else 0


def _judged_try(trial: Retrial, console: Console) -> Retrial:
    """The try that the run judges: a folder is named after its point, and a first try may not have come by it."""
    while (following := trial.judged_instead) is not None:
        told = f"{trial.file.parent.name} did not come by its point; the run judges the next try: "
        console.print(f"{told}{following.parent.name}", markup=False, soft_wrap=True)
        trial = _judged(following)
    return trial


def _judged(file: Path) -> Retrial:
    if file.name != FILE_NAME and file.suffix != ".jsonl":
        what = WHAT_FILES_ARE.get(
            file.name, "what the processor printed" if file.suffix == ".log" else "something else"
        )
        raise ConfigurationError(
            f"{file} is {what}, and no history of a trial.",
            hint=f"A history is a {FILE_NAME}; or name the run's folder.",
        )
    try:
        return retried(file)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from None
    except UnreadableHistoryError as error:
        raise ConfigurationError(f"{file} cannot be judged: {error}.") from None


def _show_one(trial: Retrial, console: Console) -> None:
    console.print(Text(f"{trial.version} {trial.plan}", style="bold"))
    for told in trial.notes:
        console.print(f"  {told}", markup=False, style="yellow")
    for finding in trial.findings:
        line = Text("  ")
        line.append_text(cell(finding.verdict))
        line.append(f"  {finding.place}: {finding.sentence} (check {finding.check})")
        console.print(line)
        for sentence in finding.chain:
            console.print(f"      {sentence}", markup=False, style="dim")


def _show_all(judged: Sequence[Retrial], folder: Path, console: Console) -> None:
    table = Table(header_style="", show_edge=False)
    for name in ("trial", "verdict", "where"):
        table.add_column(name, overflow="fold")
    for trial in judged:
        wrong = [finding for finding in trial.findings if finding.verdict is not Verdict.ONCE]
        places = ", ".join(f"{finding.place} {finding.verdict}" for finding in wrong)
        told = "; ".join(part for part in (places, *trial.notes) if part)
        table.add_row(str(trial.file.parent.relative_to(folder)), cell(trial.verdict), told or "every place")
    console.print(table)
    violated = sum(trial.verdict.violated for trial in judged)
    still_open = sum(trial.verdict.open for trial in judged)
    held = len(judged) - violated - still_open
    console.print(f"\n{len(judged)} trials judged again: {violated} violated, {still_open} open, {held} held.")
    if violated:
        first = next(trial for trial in judged if trial.verdict.violated)
        console.print(f"How it came about: oncewhere check {first.file.parent}", markup=False, soft_wrap=True)
