"""Verdicts, crashes and results come in; the words and marks that every screen uses for them go out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from oncewhere.drill import OUT_OF_TIME, Crash, DrillResult, TrialResult, Verdict, VersionResult

from .advice import what_to_do
from .indented import Indented
from .provenance import Provenance

STYLE = {
    verdict: ("✗", "bold red") if verdict.violated else ("?", "yellow") if verdict.open else ("✓", "green")
    for verdict in Verdict
}

BELOW_VERDICT = 2
"""Columns."""


def cell(verdict: Verdict) -> Text:
    """A verdict with its mark."""
    mark, style = STYLE[verdict]
    return Text(f"{mark} {verdict}", style=style)


def indented(told: Text | str, columns: int) -> Indented:
    """Some words so far to the right, with the lines that they are wrapped into."""
    return Indented(Text(told) if isinstance(told, str) else told, columns)


def whole(line: str, columns: int) -> Text:
    """A line so far to the right that only the terminal wraps: a command in it can be copied. It is printed so."""
    return Text(" " * columns + line)


def among(version: VersionResult, trials: Sequence[TrialResult]) -> str:
    """In how many of a version's trials something is so, with the first for an example.

    Args:
        version: its trials are counted but for the clean run, in which nothing is done: that one is named.
        trials: those in which it is so.
    """
    done = sum(not trial.plan.is_clean for trial in trials)
    if not done:
        return "the clean run"
    told = f"{done} of {len(version.crashes)} trials{' and the clean run' if done < len(trials) else ''}"
    return f"{told}; for example {'the clean run' if trials[0].plan.is_clean else trials[0].plan.label}"


def proof(crash: Crash) -> str:
    """How a crash is known to have come about as named."""
    commits = (
        "1 effect commit, of a whole batch," if crash.effects_before == 1 else f"{crash.effects_before} effect commits"
    )
    on_their_way = f", {crash.effects_on_their_way} not yet answered" if crash.effects_on_their_way else ""
    confirmed = f"{commits} confirmed before{on_their_way}"
    states = ", ".join(f"transaction {name} {state}" for name, state in crash.transactions.items())
    offsets = "" if crash.offsets_stable else ", offsets pending in it"
    return f"{crash.message} {crash.outcome}; {confirmed}; {states or 'no transaction'}{offsets}"


def beside(version: VersionResult) -> list[Indented]:
    """What the processor did that no verdict covers, a sentence each."""
    return [marked(observation.sentence) for observation in version.unjudged]


def marked(sentence: str) -> Indented:
    """A sentence that limits what the verdict above it says."""
    return indented(Text.assemble(("! ", "yellow"), f"{sentence}."), BELOW_VERDICT)


def conclusion(result: DrillResult, told: Provenance) -> list[str]:
    """What the drill as a whole showed, and where its evidence is.

    Args:
        result: what was found.
        told: who asked for it.
    """
    lines: list[str] = []
    if result.demonstration:
        surprises = [(v, s) for v in result.versions for s in v.surprises]
        if not surprises and not any(version.unvisited for version in result.versions):
            lines.append(
                f"All {len(result.versions)} processors showed what they are here to show: "
                "the broken ones were caught, the sound ones held."
            )
        for version, (name, finding, expected) in surprises:
            when = name.words if name else "the clean run"
            lines.append(
                f"{version.version.name} was to show {expected} in {finding.place} ({when}), "
                f"and showed {finding.verdict}: {finding.sentence}."
            )
    if result.control is not None:
        trials = sum(len(v.crashes) for v in result.versions if v.version.name == result.control)
        named = "control" if result.control == "control" else f"control {result.control}"
        if red := result.control_turned_red:
            lines.append(f"The {named} turned red at {red} of {trials} points, as it must.")
        elif not result.control_failed:
            lines.append(f"The {named} was not visited to its end, and has not turned red: inconclusive.")
        else:
            lines.append(
                f"THE CONTROL DID NOT TURN RED: {result.control}, whose protection is off, was not violated at any of "
                f"{trials} points. What held above proves nothing: this drill would not have seen it break."
            )
    for version in result.versions:
        for why, number in (version.coverage.skipped if version.coverage else {}).items():
            more = _more_time(result, number) if why == OUT_OF_TIME else ""
            lines.append(f"{version.version.name}: {number} points {why}: inconclusive.{more}")
    lines += [f"{why[:1].upper()}{why[1:]}." for why in dict.fromkeys(v.cut_off for v in result.versions) if why]
    lines += what_to_do(result, told)
    lines.append(f"Evidence: {_short(result.folder)}  (the drill took {result.duration_s:.0f} s)")
    return lines


def _more_time(result: DrillResult, number: int) -> str:
    """How much longer points would have taken, at the pace of those that were visited."""
    visited = sum(len(version.crashes) for version in result.versions)
    if not visited:
        return " Give it more time."
    return (
        f" They would take some {number * result.duration_s / visited:.0f} s more; "
        "fewer inputs (drill.sweep_inputs) make fewer points."
    )


def _short(folder: str) -> str:
    """A path below the current folder is shown from there; the current folder itself by its whole path."""
    path = Path(folder)
    below = path.is_relative_to(Path.cwd()) and path != Path.cwd()
    return str(path.relative_to(Path.cwd())) if below else folder
