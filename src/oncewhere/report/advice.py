"""A run comes in; what whoever is handed it is to do, and whom to tell, goes out in a few lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from oncewhere.drill import DrillResult, Finding, Verdict
from oncewhere.drill.verdict import SEVERITY

from .provenance import Provenance

A_FEW: Final = 3
"""Identities at which a person sees what kind of thing they are; on a screen that is about more than one finding."""


def ids_of(finding: Finding, at_most: int | None = None) -> str:
    """The identities that a finding is about: the first ones, and how many more; empty where it names none.

    Args:
        finding: what is told.
        at_most: how many are named; None for all that the finding has.
    """
    named = finding.examples[:at_most]
    more = more_than(finding, len(named))
    return f"{', '.join(named)}{f' and {more} more' if named and more else ''}"


def more_than(finding: Finding, named: int) -> int:
    """How many identities a finding is about beside the named ones; 0 where its verdict counts none."""
    return max(0, (finding.missing if finding.verdict is Verdict.LOST else finding.duplicates) - named)


def explained_by(verdicts: Iterable[Verdict]) -> list[str]:
    """The command that says what each verdict means and what to do about it, the worst first."""
    wrong = sorted({v for v in verdicts if v is not Verdict.ONCE}, key=SEVERITY.__getitem__)
    return [f"oncewhere explain {verdict}" for verdict in wrong]


def whom(result: DrillResult) -> str:
    """Who answers for what was drilled, in a sentence."""
    owners = list(dict.fromkeys(v.version.claims.owner for v in result.versions if v.version.claims.owner))
    if not owners:
        return "Tell the owner: none is declared (document.owner)."
    return f"Tell {', '.join(owners)}: the processor's owner, as declared."


def what_to_do(result: DrillResult, told: Provenance) -> list[str]:
    """What to do about a result, a line each; nothing where everything held, or showed what it is there to show.

    Whoever runs a test has the processor in hand: there is nobody to tell, and the test is what shows it again.

    Args:
        result: what was found.
        told: who asked for it.
    """
    if result.exit_code == 0:
        return []
    verdicts = [
        f.verdict for v in result.versions if v.version.name != result.control for t in v.trials for f in t.findings
    ]
    lines = [f"What it means, and the cure: {command}" for command in explained_by(verdicts)]
    if told.repeat:
        lines.append(f"again: {told.repeat}")
    elif any(verdict.violated for verdict in verdicts):
        lines.append(whom(result))
    return lines
