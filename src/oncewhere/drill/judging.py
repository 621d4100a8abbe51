"""What a history testifies comes in; the finding about each place goes out. Pure: `oncewhere check` does the same."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from oncewhere.errors import InconclusiveError

from .checks import Finding, judge
from .declaration import Version
from .explanation import explain
from .points import NamedCrash
from .result import Crash, TrialResult
from .scenario import Plan
from .testimony import Testimony
from .verdict import Verdict

NOT_REACHED = "the crash point of the clean run was not reached again, so nothing was crashed"
NOT_CROSSED = "no effect had been confirmed when the processor died, so the gap after it was not tried"


def findings(testimony: Testimony) -> tuple[Finding, ...]:
    """One finding per place, what is wrong explained; nothing that was not put to the test is called held."""
    evidence = testimony.evidence
    judged = [judge(evidence, place) for place in evidence.places if place.place in testimony.subject.judged]
    has_effects = any(place.system != "kafka" for place in evidence.places)
    if not testimony.reached:
        judged = [not_proved(finding, NOT_REACHED) for finding in judged]
    elif not crossed_the_gap(testimony.subject.name, testimony.crashes, has_effects=has_effects):
        judged = [not_proved(finding, NOT_CROSSED) for finding in judged]
    return tuple(
        dataclasses.replace(finding, chain=explain(testimony, finding)) if finding.verdict.violated else finding
        for finding in judged
    )


def crossed_the_gap(name: str | None, crashes: Sequence[Crash], *, has_effects: bool) -> bool:
    """False for a crash "after the effect" before which no effect was confirmed: it shows nothing about the gap."""
    named = name == NamedCrash.AFTER_EFFECT
    return not (named and has_effects and crashes and crashes[0].effects_before == 0)


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
