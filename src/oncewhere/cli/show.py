"""`oncewhere show`: a run folder comes in, from this machine or another; what the drill printed is printed again."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from oncewhere.report import find_run, read_run, show_result

from .places import project_folder


@click.command(short_help="Print an earlier run again.")
@click.argument("run", metavar="[RUN]", default="latest")
def show(run: str) -> int:
    """Print what a drill found, from its folder alone; the exit code is the drill's.

    RUN is a run's folder or name; the newest is taken where none is given.

    \b
    oncewhere show
    oncewhere show ~/Downloads/2026-11-25T18-25-25Z-payments
    """  # noqa: D301  # click keeps the lines below \b as they are
    found = read_run(find_run(project_folder(), str(Path(run).expanduser())))
    show_result(found.result, Console(highlight=False), path=found.path)
    return found.result.exit_code
