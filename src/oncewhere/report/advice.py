"""A run comes in; what whoever is handed it is to do, and whom to tell, goes out in a few lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from oncewhere.drill import CRASH, DrillResult, Finding, Plan, Verdict, VersionResult
from oncewhere.drill.scenarios import UPSTREAM_DUPLICATE
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


def explained_by(found: Iterable[tuple[Plan, Verdict]]) -> list[str]:
    """The command that says what each verdict means and what to do about it, the worst first.

    What was done twice in no other scenario than that of a second publication has its cure there: what helps against
    a redelivery does not help.

    Args:
        found: every verdict, with the plan of the trial that showed it.
    """
    scenarios: dict[Verdict, set[str]] = {}
    for plan, verdict in found:
        if verdict is not Verdict.ONCE:
            scenarios.setdefault(verdict, set()).add(plan.scenario)
    return [
        f"oncewhere explain {_code(verdict, scenarios[verdict])}"
        for verdict in sorted(scenarios, key=SEVERITY.__getitem__)
    ]


def _code(verdict: Verdict, scenarios: set[str]) -> str:
    only_upstream = verdict is Verdict.DUPLICATE and scenarios == {UPSTREAM_DUPLICATE}
    return UPSTREAM_DUPLICATE if only_upstream else verdict


def cure(version: VersionResult, verdict: Verdict) -> str:
    """The command for a verdict; empty where nothing is wrong. See `code_of`."""
    code = code_of(version, verdict)
    return f"oncewhere explain {code}" if code else ""


def code_of(version: VersionResult, verdict: Verdict) -> str:
    """What a verdict is explained by, as every trial of the version showed it; empty where nothing is wrong.

    Args:
        version: what was drilled.
        verdict: of a place, in one of its trials.
    """
    if verdict is Verdict.ONCE:
        return ""
    return _code(verdict, {plan.scenario for plan, shown in verdicts_of(version) if shown is verdict})


def meant(result: DrillResult) -> list[str]:
    """What each version that is there to break says of itself, where it broke."""
    return [
        f"{version.version.name} is there to show {_listed(expected)}: its declaration expects it "
        f"(versions.{version.version.name}.expect)."
        for version in _broken(result)
        if (expected := _expected(version))
    ]


def _broken(result: DrillResult) -> list[VersionResult]:
    return [one for one in result.versions if one.verdict.violated and one.version.name != result.control]


def _expected(version: VersionResult) -> dict[tuple[str, Verdict], None]:
    """The places that a version is there to break, in the order of its declaration."""
    told = (found for places in version.version.expect.values() for found in places.items())
    return {(place, verdict): None for place, verdict in told if verdict is not Verdict.ONCE}


def _listed(found: Iterable[tuple[str, Verdict]]) -> str:
    return " and ".join(f"{verdict} in {place}" for place, verdict in found)


def _broke_otherwise(version: VersionResult) -> bool:
    """True where it broke in a way that its declaration does not expect of it.

    Of a named crash and of the clean run the declaration says what is expected; of the other points of a sweep, and of
    scenarios, only that what it breaks at a place is that.
    """
    elsewhere = _expected(version)
    for trial in version.trials:
        name = trial.point.name if trial.point and trial.plan.scenario == CRASH else None
        for finding in trial.findings:
            if trial.plan.is_clean or name is not None:
                expected = version.version.expected(name, finding.place) if name else Verdict.ONCE
                meant = finding.verdict is expected
            else:
                meant = (finding.place, finding.verdict) in elsewhere
            if finding.verdict.violated and not meant:
                return True
    return False


def verdicts_of(version: VersionResult) -> Iterator[tuple[Plan, Verdict]]:
    """Every verdict of a version, with the plan of the trial that showed it."""
    return ((trial.plan, finding.verdict) for trial in version.trials for finding in trial.findings)


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
    found = [one for v in result.versions if v.version.name != result.control for one in verdicts_of(v)]
    lines = [f"What it means, and the cure: {command}" for command in explained_by(found)]
    if told.repeat:
        lines.append(f"again: {told.repeat}")
    else:
        lines += meant(result)
        if any(_broke_otherwise(version) for version in _broken(result)):
            lines.append(whom(result))
    return lines
