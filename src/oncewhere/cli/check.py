"""`oncewhere check`: histories come in, from whatever machine; they are judged again, without any server."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from oncewhere.drill import UnreadableHistoryError, Verdict, worst
from oncewhere.errors import ConfigurationError
from oncewhere.report import LATEST, Retrial, cell, ids_of, indented, marked, more_than, retried, told_once

from .completing import runs_begun
from .histories import ANEW, FILE_NAME, find_history, recorded, unmasked_logs, without_history

WHAT_FILES_ARE = {
    "run.json": "the result of a run",
    "report.html": "the page of a run",
    "junit.xml": "the result of a run for CI",
    "README.txt": "what stands in every run's folder",
}
UNFINISHED = frozenset({Verdict.STUCK, Verdict.TORN})
NOT_COUNTED = "–"
"""In the place of a verdict, of a try that did not come by its point: the run judges a later one."""
BELOW_TRIAL, BELOW_FINDING = 2, 6
"""Columns."""


@click.command(short_help="Judge the histories of a run, or of one trial, again.")
@click.argument("name", metavar="[FOLDER_OR_FILE]", type=click.Path(), default=LATEST, shell_complete=runs_begun)
@click.argument("point", metavar="[POINT]", default="")
def check(name: str, point: str) -> int:
    """Judge what histories say, and explain what is wrong; no server is asked.

    A run's folder has all its trials judged, in a table, that of one version those of the version; the folder of a
    trial, or its wire.jsonl, has that one explained. A run may be named as elsewhere, and a POINT or a version of it
    behind it or, as for replay, in front; the newest is taken where none is named.
    A history that breaks off is judged as far as it goes, and never as held; nor is a run of which a history is gone.
    A try that did not come by its point is shown, and not counted unless something was doubled or lost in it: the run
    judges a later one.

    Exit codes: 0 held, 1 violated, 3 inconclusive.

    \b
    oncewhere check
    oncewhere check ~/Downloads/2026-11-25T18-25-25Z-payments
    oncewhere check naive/after-effect
    """  # noqa: D301  # click keeps the lines below \b as they are
    console = Console(highlight=False)
    history = find_history(name, point)
    gone: list[str] = []
    file = history / FILE_NAME if history.is_dir() else history
    if history.is_dir() and not file.exists():
        files = sorted(history.rglob(FILE_NAME))
        if not files:
            if closed := next((path for path in history.rglob("*") if not os.access(path, os.R_OK)), None):
                raise ConfigurationError(f"{closed} may not be read.", hint=ANEW)
            raise ConfigurationError(
                f"{history} holds no {FILE_NAME}: there is no history to judge.{recorded(history)}",
                hint="A run's folder has one for each trial: RUN/VERSION/POINT/wire.jsonl",
            )
        judged = [_judged_or_open(file) for file in files]
        gone = without_history(history)
        _show_all(judged, history, gone, console)
        for told in unmasked_logs(history):
            console.print(marked(told))
    else:
        trial = _judged(file)
        if history.is_dir():
            trial = _judged_try(trial, console)
        judged = [trial]
        _show_one(trial, console)
    counted = [trial.verdict for trial in judged if not _is_mere_try(trial)]
    verdict = worst([*counted, *([Verdict.UNKNOWN] if gone or not counted else [])])
    return 1 if verdict.violated else 3 if verdict.open else 0


def _is_mere_try(trial: Retrial) -> bool:
    """True for a try that the run does not count, since it did not come by its point; other violations always count.

    It was ended early, so that it had not finished says nothing.
    """
    wrong = any(found.verdict.violated and found.verdict not in UNFINISHED for found in trial.findings)
    return trial.judged_instead is not None and not wrong


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
        why = f"cannot be read: {error.strerror}"
    except UnreadableHistoryError as error:
        why = f"cannot be judged: {error}"
    raise ConfigurationError(f"{file} {why}.", hint=ANEW)


def _judged_or_open(file: Path) -> Retrial:
    """Of many, one that says nothing is open: the others are judged all the same."""
    try:
        return _judged(file)
    except ConfigurationError as error:
        told = (error.message,)
    return Retrial(file=file, version=file.parent.parent.name, plan=file.parent.name, findings=(), notes=told)


def _show_one(trial: Retrial, console: Console) -> None:
    console.print(Text(f"{trial.version} {trial.plan}", style="bold"))
    for told in trial.notes:
        console.print(indented(told, BELOW_TRIAL), style="yellow")
    for finding, sentences in told_once(trial.findings):
        line = Text().append_text(cell(finding.verdict))
        line.append(f"  {finding.place}: {finding.sentence} (check {finding.check})")
        console.print(indented(line, BELOW_TRIAL))
        for sentence in sentences:
            console.print(indented(sentence, BELOW_FINDING), style="dim")
        if ids := ids_of(finding):
            console.print(indented(f"namely {ids}", BELOW_FINDING), style="dim")
            if more_than(finding, len(finding.examples)):
                told = f'all of them: the events "inputs" and "found" of {trial.file}'
                console.print(indented(told, BELOW_FINDING), style="dim")
    for sentence in trial.unjudged:
        console.print(marked(sentence))


def _show_all(judged: Sequence[Retrial], folder: Path, gone: Sequence[str], console: Console) -> None:
    table = Table(header_style="", show_edge=False)
    for name in ("trial", "verdict", "where"):
        table.add_column(name, overflow="fold")
    following = {trial.file.resolve(): trial.judged_instead for trial in judged}
    for trial in judged:
        name = str(trial.file.parent.relative_to(folder))
        if trial.judged_instead is not None and _is_mere_try(trial):
            table.add_row(name, NOT_COUNTED, _told_of_try(trial, _last_try(trial.judged_instead, following)))
            continue
        told = "; ".join(part for part in (_places(trial, Verdict.ONCE), *trial.notes) if part)
        table.add_row(name, cell(trial.verdict), told or "every place")
    console.print(table)
    counted = [trial for trial in judged if not _is_mere_try(trial)]
    violated = sum(trial.verdict.violated for trial in counted)
    still_open = sum(trial.verdict.open for trial in counted)
    held = len(counted) - violated - still_open
    tries = len(judged) - len(counted)
    beside = f" Not counted: {tries} that did not come by their point, and were tried again." if tries else ""
    console.print(
        f"\n{len(counted)} trials judged again: {violated} violated, {still_open} open, {held} held.{beside}",
        soft_wrap=True,
    )
    for sentence in dict.fromkeys(told for trial in judged for told in trial.unjudged):
        console.print(marked(sentence))
    for sentence in gone:
        console.print(sentence, markup=False, style="yellow", soft_wrap=True)
    if any(trial.verdict.open and not trial.findings for trial in counted):
        console.print(f"What is not whole proves nothing. {ANEW}", markup=False, style="yellow", soft_wrap=True)
    if violated:
        first = next(trial for trial in counted if trial.verdict.violated)
        console.print(f"How it came about: oncewhere check {first.file.parent}", markup=False, soft_wrap=True)


def _places(trial: Retrial, *silent: Verdict) -> str:
    """Each place with its verdict, but for the verdicts that are of no interest."""
    return ", ".join(f"{found.place} {found.verdict}" for found in trial.findings if found.verdict not in silent)


def _told_of_try(trial: Retrial, judged: Path) -> str:
    """Where the trial is that the run judges in a try's stead, and what the try showed all the same.

    Args:
        trial: a try that did not come by its point; so it may well not have come to its end.
        judged: the history of the last try.
    """
    seen = _places(trial, Verdict.ONCE, Verdict.UNKNOWN, Verdict.STUCK)
    return f"a try; see {judged.parent.name}{f' (it showed {seen})' if seen else ''}"


def _last_try(file: Path, following: Mapping[Path, Path | None]) -> Path:
    """The history of the last try of a point.

    Args:
        file: that of a try.
        following: by history, that of the try after it.
    """
    while (after := following.get(file)) is not None:
        file = after
    return file
