"""What a history testifies comes in; the finding about each place goes out. Pure: `oncewhere check` does the same."""

from __future__ import annotations

import dataclasses

from oncewhere.errors import InconclusiveError

from .checks import EXAMPLES_SHOWN, Finding, judge
from .declaration import Version
from .explanation import explain
from .result import TrialResult
from .scenario import Plan
from .testimony import Testimony
from .untried import untried
from .verdict import Verdict


def findings(testimony: Testimony, *, named: int = EXAMPLES_SHOWN) -> tuple[Finding, ...]:
    """One finding per place, what is wrong explained; nothing that was not put to the test is called held.

    Args:
        testimony: what the history says.
        named: how many of the identities that show it each finding names.
    """
    evidence = testimony.evidence
    places = [place for place in evidence.places if place.place in testimony.subject.judged]
    judged = [judge(evidence, place, named=named) for place in places]
    judged = [
        finding if (why := untried(testimony, finding.place)) is None else not_proved(finding, why)
        for finding in judged
    ]
    return tuple(
        dataclasses.replace(finding, chain=_chain(testimony, finding)) if finding.verdict.violated else finding
        for finding in judged
    )


def _chain(testimony: Testimony, finding: Finding) -> tuple[str, ...]:
    """How it came about: the same sentences, however many identities are named beside them."""
    return explain(testimony, dataclasses.replace(finding, examples=finding.examples[:EXAMPLES_SHOWN]))


def not_proved(finding: Finding, why: str) -> Finding:
    """What went wrong stays wrong; what seemed to hold was not put to the test."""
    if finding.verdict is not Verdict.ONCE:
        return finding
    return dataclasses.replace(finding, check=0, verdict=Verdict.UNKNOWN, sentence=why)


def unjudged(version: Version, plan: Plan, why: InconclusiveError, *, folder: str) -> TrialResult:
    """A trial that came to no end: nothing is known about any place, and that is what is said."""
    outputs = version.processor.output
    return TrialResult(
        plan=plan,
        crashes=(),
        reached=False,
        findings=tuple(
            Finding(
                place=place,
                system="kafka" if place in outputs else version.effects[place].system,
                check=0,
                verdict=Verdict.UNKNOWN,
                sentence=why.message.rstrip("."),
            )
            for place in version.places
        ),
        lives=0,
        duration_s=0.0,
        folder=folder,
    )
