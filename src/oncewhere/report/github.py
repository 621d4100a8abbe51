"""A drill's result comes in; GitHub's workflow commands go out: an annotation for each distinct violation.

GitHub shows ten errors of a step; so a violation is told once for its place, with the number of points that show it.
"""

from __future__ import annotations

from collections.abc import Iterator

from oncewhere.drill import DrillResult, Finding, TrialResult, Verdict, VersionResult
from oncewhere.drill.verdict import SEVERITY
from oncewhere.errors import OncewhereError
from oncewhere.masking import masked

from .advice import cure
from .again import again
from .provenance import Provenance
from .words import among


def github_annotations(result: DrillResult, told: Provenance) -> Iterator[str]:
    """One line each: an error for what is violated, a warning for what is open; in a demonstration, for surprises.

    Args:
        result: what was found.
        told: whose servers were used.
    """
    if result.control_failed:
        yield _line("error", f"{result.control}: the control did not turn red", "What held proves nothing.")
    for version in result.versions:
        name = version.version.name
        if name == result.control:
            continue
        for trials, finding in _distinct(result, version):
            level = "error" if finding.verdict.violated or result.demonstration else "warning"
            first = trials[0]
            title = f"{name}: {finding.verdict} in {finding.place}"
            lines = [f"In {among(version, trials)}: {finding.sentence}."]
            lines += finding.chain
            if repeated := again(result, version, first, told):
                lines += repeated.lines
            lines.append(f"What to do: {cure(version, finding.verdict)}")
            yield _line(level, title, "\n".join(lines))
        for why, number in (version.coverage.skipped if version.coverage else {}).items():
            yield _line("warning", f"{name}: inconclusive", f"{number} points {why}.")
        if version.cut_off:
            yield _line("warning", f"{name}: inconclusive", f"{version.cut_off}.")


def github_error(error: OncewhereError) -> str:
    """The line of a drill that did not come to its end: what is wrong, what to do, and the end of the evidence."""
    told = "\n".join([error.message, *([error.hint] if error.hint else []), *error.last_lines()])
    return _line("error", "oncewhere: the drill did not come to its end", masked(told))


def _distinct(result: DrillResult, version: VersionResult) -> list[tuple[list[TrialResult], Finding]]:
    surprising = {(name, finding.place) for name, finding, _ in version.surprises}
    found: dict[tuple[str, Verdict], list[TrialResult]] = {}
    for trial in version.trials:
        name = trial.point.name if trial.point else None
        for finding in trial.findings:
            if (name, finding.place) in surprising if result.demonstration else finding.verdict is not Verdict.ONCE:
                found.setdefault((finding.place, finding.verdict), []).append(trial)
    ordered = sorted(found.items(), key=lambda entry: SEVERITY[entry[0][1]])
    return [(trials, trials[0].at(place)) for (place, _), trials in ordered]


def _line(level: str, title: str, message: str) -> str:
    name = _escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={name}::{_escaped(message)}"


def _escaped(text: str) -> str:
    """As a workflow command wants its text: percent, and the ends of lines, written out."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
