"""Findings of the doctor come in; lines for a person, or JSON for a program, go out."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from oncewhere.doctor.finding import Finding, Mark, exit_code
from oncewhere.doctor.rule import Area
from oncewhere.doctor.rules.table import RULES

STYLE: Final = {Mark.GOOD: "green", Mark.WARNING: "yellow", Mark.FAULT: "bold red", Mark.UNKNOWN: "yellow"}

_COUNTED: Final = {
    Mark.FAULT: ("fault", "faults"),
    Mark.UNKNOWN: ("unknown", "unknown"),
    Mark.WARNING: ("warning", "warnings"),
    Mark.GOOD: ("good", "good"),
}


def show_diagnosis(findings: Sequence[Finding], unseen: Sequence[str], console: Console) -> None:
    """Prints what was found, area by area, and how to mend what is not good."""
    for area in Area:
        mine = [finding for finding in findings if RULES[finding.rule].area is area]
        if mine:
            console.print(Text(area, style="bold"))
            for rule, some in _by_rule(mine):
                for line in lines_of(rule, some):
                    console.print(line, soft_wrap=True)
            console.print()
    for sentence in unseen:
        console.print(Text(f"Not looked at: {sentence}.", style="dim"), soft_wrap=True)
    console.print(summary(findings))
    if any(finding.mark is not Mark.GOOD for finding in findings):
        console.print("What each means: oncewhere explain CODE", style="dim")


def lines_of(rule: str, findings: Iterable[Finding]) -> list[Text]:
    """One rule's findings: those of one mark, reason and fix on one line, and what to do below."""
    abouts: dict[tuple[Mark, str, str | None], list[str]] = {}
    for finding in findings:
        abouts.setdefault((finding.mark, finding.reason, finding.fix), []).append(finding.about)
    lines: list[Text] = []
    told: set[str] = set()
    ranked = sorted(abouts.items(), key=lambda entry: (entry[0][0] is not Mark.GOOD, entry[0][2] or ""))
    for (mark, reason, fix), about in ranked:
        lines.append(_line(mark, ", ".join(dict.fromkeys(about)), reason, rule))
        if fix is not None and fix not in told:
            told.add(fix)
            lines.append(_fix(fix))
    if any(mark is not Mark.GOOD and fix is None for mark, _, fix in abouts):
        lines.append(_fix(RULES[rule].remedy))
    return lines


def summary(findings: Sequence[Finding]) -> Text:
    """How many of each, as the lines are counted: what several places have in common is one."""
    line = Text()
    distinct = {(finding.mark, finding.rule, finding.reason, finding.fix) for finding in findings}
    for mark, (one, several) in _COUNTED.items():
        count = sum(found is mark for found, *_ in distinct)
        if count:
            line.append(", " if line else "")
            line.append(f"{mark} {count} {one if count == 1 else several}", style=STYLE[mark])
    return line or Text("Nothing was looked at.")


def as_json(findings: Sequence[Finding], unseen: Sequence[str]) -> str:
    """One JSON object, on one line."""
    return json.dumps(
        {
            "exit_code": exit_code(findings),
            "summary": {mark.word: sum(finding.mark is mark for finding in findings) for mark in Mark},
            "findings": [_as_dict(finding) for finding in findings],
            "not_looked_at": list(unseen),
        },
        ensure_ascii=False,
    )


def _as_dict(finding: Finding) -> dict[str, Any]:
    rule = RULES[finding.rule]
    good = finding.mark is Mark.GOOD
    return {
        "rule": finding.rule,
        "area": rule.area.lower(),
        "mark": finding.mark.word,
        "about": finding.about,
        "reason": finding.reason,
        "fix": None if good else finding.fix or rule.remedy,
    }


def _by_rule(findings: Iterable[Finding]) -> list[tuple[str, list[Finding]]]:
    order = list(RULES)
    ranked = sorted(findings, key=lambda finding: order.index(finding.rule))
    return [(rule, list(some)) for rule, some in itertools.groupby(ranked, key=lambda finding: finding.rule)]


def _line(mark: Mark, about: str, reason: str, rule: str) -> Text:
    line = Text("  ")
    line.append(f"{mark} ", style=STYLE[mark])
    line.append(about, style="bold" if mark is not Mark.GOOD else "")
    line.append(f": {reason}")
    line.append(f"  ({rule})", style="dim")
    return line


def _fix(sentence: str) -> Text:
    return Text(f"      → {sentence}", style="cyan")
