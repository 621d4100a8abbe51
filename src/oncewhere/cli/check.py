"""`oncewhere check`: a history comes in, from whatever machine; it is judged again, without any server."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from oncewhere.drill import Finding, Testimony, UnreadableHistoryError, findings, read, take_testimony, worst
from oncewhere.errors import ConfigurationError
from oncewhere.report import cell

FILE_NAME = "wire.jsonl"


@click.command(short_help="Judge the history of a trial again.")
@click.argument("history", type=click.Path(exists=True, path_type=Path))
def check(history: Path) -> int:
    """Judge what a trial's history says, and explain what is wrong; no server is asked.

    HISTORY is a wire.jsonl, or the folder of a trial.

    Exit codes: 0 held, 1 violated, 3 inconclusive.

    \b
    oncewhere check .oncewhere/runs/latest/naive/after-effect
    """  # noqa: D301  # click keeps the lines below \b as they are
    file = history / FILE_NAME if history.is_dir() else history
    try:
        testimony = take_testimony(read(file))
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigurationError(f"{file} is no history: {error}.") from None
    except UnreadableHistoryError as error:
        raise ConfigurationError(f"{file} cannot be judged: {error}.") from None
    judged = findings(testimony)
    _show(testimony, judged, Console(highlight=False))
    verdict = worst([finding.verdict for finding in judged])
    return 1 if verdict.violated else 3 if verdict.open else 0


def _show(testimony: Testimony, judged: tuple[Finding, ...], console: Console) -> None:
    subject = testimony.subject
    console.print(Text(f"{subject.version} {subject.plan}", style="bold"))
    for finding in judged:
        line = Text("  ")
        line.append_text(cell(finding.verdict))
        line.append(f"  {finding.place}: {finding.sentence} (check {finding.check})")
        console.print(line)
        for sentence in finding.chain:
            console.print(f"      {sentence}", markup=False, style="dim")
