"""`oncewhere show`: a run folder comes in, from this machine or another; what the drill found is shown again."""

from __future__ import annotations

import shlex
import webbrowser
from pathlib import Path

import click
from rich.console import Console

from oncewhere.errors import ConfigurationError, InconclusiveError
from oncewhere.report import (
    LATEST,
    REPORT_NAME,
    Difference,
    compare,
    doubts,
    find_run,
    known_as,
    lost_histories,
    marked,
    perhaps_new,
    read_run,
    show_difference,
    show_run,
    told_of_lost,
    unmasked,
    without_lost,
    write_report,
)

from .completing import runs_begun
from .drilled_before import words_to
from .places import project_folder, say_where

RUNS_COMPARED = 2


@click.command(short_help="Show an earlier run again: in the terminal, as a page, or beside another.")
@click.argument("runs", metavar="[RUN] [RUN]", nargs=-1, shell_complete=runs_begun)
@click.option("--html", "html", is_flag=True, help="Write report.html into the run's folder, and print where it is.")
@click.option(
    "--open", "opening", is_flag=True, help="Open report.html in the browser; it is written where there is none."
)
@click.option(
    "--force", is_flag=True, help="With --html: write it though histories are missing, and the page will be poorer."
)
@click.option(
    "--diff", is_flag=True, help="Say which points and places changed their verdict from one run to the other."
)
def show(runs: tuple[str, ...], *, html: bool, opening: bool, force: bool, diff: bool) -> int:
    """Show what a drill found, from its folder alone; the exit code is the drill's.

    Where a history is gone, what held there is shown as unknown, and the run is not held: exit code 3.

    RUN is a run's folder (or anything in it) or its name; the newest is taken where none is given. A run that was cut
    off is shown as far as it came. With --diff, the exit code is 1 where something became worse; 3 where nothing could
    be compared, a history of either is gone, or the second run is violated where the first did not come by, so that
    nobody knows whether that is new; and 0 otherwise. One RUN is compared with the newest. For programs: run.json, in
    the run's folder.

    \b
    oncewhere show
    oncewhere show --open
    oncewhere show --html ~/Downloads/2026-11-25T18-25-25Z-payments
    oncewhere show --diff 2026-11-25T18-25-25Z-payments latest
    """  # noqa: D301  # click keeps the lines below \b as they are
    if diff:
        return _compared(runs)
    if len(runs) > 1:
        raise ConfigurationError("One run is shown at a time.", hint="To compare two: oncewhere show --diff RUN1 RUN2")
    given = runs[0] if runs else LATEST
    folder = _found(given)
    if html or opening:
        return _page(folder, writing=html, opening=opening, force=force)
    run = read_run(folder)
    lost = lost_histories(folder, run)
    found = without_lost(run, lost)
    console = Console(highlight=False)
    show_run(found, console, called=words_to(found, folder, given))
    if told := told_of_lost(run, lost):
        console.print(marked(told))
    for told in unmasked(folder, run):
        console.print(marked(told))
    if (page := folder / REPORT_NAME).exists():
        say_where(page)
    else:
        click.echo(f"A page of it: oncewhere show --html {shlex.quote(given)}")
    return found.exit_code


def _found(name: str) -> Path:
    return find_run(project_folder(), str(Path(name).expanduser()))


def _page(folder: Path, *, writing: bool, opening: bool, force: bool) -> int:
    run, page = read_run(folder), folder / REPORT_NAME
    lost = lost_histories(folder, run)
    if writing or not page.exists():
        if lost and page.exists() and not force:
            raise ConfigurationError(
                f"{page} is there, and a new one would be poorer: {next(iter(lost.values()))}"
                + (f" And so on: {len(lost)} in all." if len(lost) > 1 else ""),
                hint="Read the page that is there (oncewhere show --open), or write over it with --force.",
            )
        try:
            write_report(folder)
        except OSError as error:
            raise ConfigurationError(
                f"The page cannot be written into {folder}: {error.strerror}.",
                hint="Copy the folder to where you may write, and show it there.",
            ) from None
        for told in (*lost.values(), *unmasked(folder, run)):
            click.echo(told, err=True)
    click.echo(str(page))
    if opening and not webbrowser.open(page.as_uri()):
        click.echo("No browser could be started; open the file in one.", err=True)
    return without_lost(run, lost).exit_code


def _compared(runs: tuple[str, ...]) -> int:
    if not 1 <= len(runs) <= RUNS_COMPARED:
        raise ConfigurationError("Two runs are compared.", hint="Say which: oncewhere show --diff RUN1 RUN2")
    before, after = (_found(name) for name in (runs if len(runs) == RUNS_COMPARED else (*runs, LATEST)))
    first, second = read_run(before), read_run(after)
    lost = lost_histories(before, first), lost_histories(after, second)
    difference = compare(first.result, second.result, lost=lost)
    gone = [
        f"{told}."
        for run, histories, which in ((first, lost[0], "the first"), (second, lost[1], "the second"))
        if (told := told_of_lost(run, histories, which=f" of {which}"))
    ]
    if not difference.changed and not difference.same:
        raise _nothing_compared(before, after, difference, gone)
    names = known_as(before.name, first), known_as(after.name, second)
    show_difference(difference, Console(highlight=False), names=names, doubts=[*doubts(first, second), *gone])
    if difference.is_worse:
        return 1
    return InconclusiveError.exit_code if gone or difference.perhaps_new else 0


def _nothing_compared(before: Path, after: Path, difference: Difference, gone: list[str]) -> InconclusiveError:
    told = [f"Nothing could be compared: {before.name} and {after.name} have no point of one version in common."]
    if difference.gone:
        told = [f"Nothing could be compared: no whole history is there of what {before.name} and {after.name} share."]
    if new := perhaps_new(difference):
        told.append(new)
    return InconclusiveError(
        " ".join([*told, *gone]),
        hint="Compare runs of the same processor, drilled at the same points, with their whole folders.",
    )
