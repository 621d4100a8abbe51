"""A drill's result at the named crashes comes in; one table, a sentence for each version and its proof go out."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from oncewhere.drill import DrillResult, NamedCrash, TrialResult, Verdict

from .advice import A_FEW, ids_of
from .again import again
from .fitting import fitted
from .indented import Indented
from .provenance import Provenance
from .sentence import sentence
from .words import BELOW_VERDICT, STYLE, beside, cell, conclusion, indented, proof, whole

MEANING_AT = 17
"""The column in which the meaning of a word begins."""
BELOW_SENTENCE = 4
"""Columns."""


def show_mission(result: DrillResult, console: Console, told: Provenance, called: Sequence[str] = ()) -> None:
    """Prints the table, a sentence for each version with its proof, and where the evidence is.

    Args:
        result: what was found.
        console: where it goes; standard output.
        told: whose servers were used.
        called: the words that lead to the run, see `again`.
    """
    crashes = [n for n in NamedCrash if any(t.point and t.point.name is n for v in result.versions for t in v.trials)]
    console.print()
    console.print(fitted(_table(result, crashes), console, labels=2))
    for crash in crashes:
        console.print(_explained(crash, f"killed {crash.words}"), style="dim")
    for verdict in sorted({f.verdict for v in result.versions for t in v.trials for f in t.findings} - {Verdict.ONCE}):
        console.print(_explained(verdict, verdict.meaning), style="dim")
    console.print()
    for version in result.versions:
        mark, style = STYLE[version.verdict]
        answer = Text.assemble((f"{version.version.name}: ", "bold"), sentence(version))
        console.print(Indented(answer, BELOW_VERDICT, head=Text(mark, style)))
        for told_beside in beside(version):
            console.print(told_beside)
        for trial in version.crashes:
            if any(f.verdict is not Verdict.ONCE for f in trial.findings):
                console.print(indented(_proof(trial), BELOW_SENTENCE), style="dim")
                if not told.repeat and (repeated := again(result, version, trial, told, called=called)):
                    for line in repeated.lines:
                        console.print(whole(line, BELOW_SENTENCE), style="dim", soft_wrap=True)
    console.print()
    for line in conclusion(result, told):
        console.print(line, markup=False, soft_wrap=True)


def _explained(word: str, meaning: str) -> Indented:
    """A word and what it means, side by side at any width."""
    return Indented(Text(meaning), MEANING_AT, head=Text(f"  {word}"))


def _proof(trial: TrialResult) -> Text:
    """How it is known, and which inputs it is about."""
    crash, point = trial.crash, trial.point
    if crash is None or point is None:
        return Text(f"{point.name if point else 'clean run'}: the point was not reached again")
    text = Text(proof(crash))
    for finding in trial.findings:
        if ids := ids_of(finding, A_FEW):
            text.append(f"\n{finding.place} {finding.verdict}: {ids}")
    return text


def _table(result: DrillResult, crashes: list[NamedCrash]) -> Table:
    table = Table(
        title="Exactly once, where?",
        title_justify="left",
        title_style="bold",
        header_style="",
    )
    table.add_column("processor", no_wrap=True)
    table.add_column("place", no_wrap=True)
    table.add_column("no\ncrash", no_wrap=True)
    for crash in crashes:
        table.add_column(crash.replace("-", "\n", 1), no_wrap=True)
    for version in result.versions:
        found = {t.point.name if t.point else None: t for t in version.trials}
        for row, place in enumerate(version.version.places):
            cells = [cell(found[n].at(place).verdict) if n in found else Text("–") for n in (None, *crashes)]
            last = row == len(version.version.places) - 1
            table.add_row(version.version.name if row == 0 else "", place, *cells, end_section=last)
    return table
