"""A trial and its replay come in; whether the replay shows what the trial showed goes out, with the exit code."""

from __future__ import annotations

from typing import NamedTuple

from oncewhere.drill import DrillResult, TrialResult, Verdict, VersionResult

NOT_REPRODUCED = 3
"""The exit code."""


class Compared(NamedTuple):
    """Whether a replay shows what the run before it showed."""

    reproduced: bool
    sentence: str
    exit_code: int


def compared(before: TrialResult, result: DrillResult, *, elsewhere: str = "", otherwise: str = "") -> Compared:
    """Holds a replay against the trial that it repeats.

    Args:
        before: the trial.
        result: of the replay.
        elsewhere: which of the run's servers were not used, in a sentence; it belongs to what was not reproduced.
        otherwise: in what the processor is not the one that was drilled, in a sentence; it belongs to any outcome.
    """
    found = _compared(before, result)
    beside = [otherwise, "" if found.reproduced else elsewhere]
    return found._replace(sentence=" ".join(filter(None, [found.sentence, *beside])))


def _compared(before: TrialResult, result: DrillResult) -> Compared:
    """The same, whatever the servers."""
    (after,) = result.versions[0].trials
    same = {f.place: f.verdict for f in before.findings} == {f.place: f.verdict for f in after.findings}
    if not after.reached:
        told = f"NOT REPRODUCED: {before.plan.label} was not reached again in {after.tries} tries."
        return Compared(reproduced=False, sentence=told, exit_code=NOT_REPRODUCED)
    if same and before.verdict.violated:
        return Compared(reproduced=True, sentence=f"REPRODUCED: {_told(after)}, as before.", exit_code=1)
    if same:
        return Compared(reproduced=True, sentence=f"The same as before: {_told(after)}.", exit_code=result.exit_code)
    if _violated(before) & _violated(after):
        return Compared(reproduced=True, sentence=f"REPRODUCED: {_again(before, after)}", exit_code=1)
    worse = after.verdict.violated and not before.verdict.violated
    told = f"NOT REPRODUCED: {_told(before)} before; {_told(after)} now."
    return Compared(reproduced=False, sentence=told, exit_code=1 if worse else NOT_REPRODUCED)


def shown_elsewhere(version: VersionResult, trial: TrialResult) -> tuple[TrialResult, str] | None:
    """Another trial of the same run with the same violation at the same place, and which that is; a named crash first.

    Args:
        version: the run's result.
        trial: that was repeated in vain.

    Returns:
        None where no other trial shows it.
    """
    others = [
        (other, shared)
        for other in version.crashes
        if other.plan != trial.plan and other.reached and (shared := _violated(other) & _violated(trial))
    ]
    named = [found for found in others if found[0].plan.is_named_crash]
    return next(((other, _listed(shared)) for other, shared in (*named, *others)), None)


def _again(before: TrialResult, after: TrialResult) -> str:
    """What is as it was, and beside it what is not."""
    was, now = _wrong(before), _wrong(after)
    told = [f"{_listed(was & now)}, as before."]
    told += [f"New: {_listed(now - was)}."] if now - was else []
    told += [f"No longer: {_listed(was - now)}."] if was - now else []
    return " ".join(told)


def _wrong(trial: TrialResult) -> set[tuple[str, Verdict]]:
    return {(f.place, f.verdict) for f in trial.findings if f.verdict is not Verdict.ONCE}


def _violated(trial: TrialResult) -> set[tuple[str, Verdict]]:
    return {(place, verdict) for place, verdict in _wrong(trial) if verdict.violated}


def _listed(found: set[tuple[str, Verdict]]) -> str:
    return ", ".join(f"{place} {verdict}" for place, verdict in sorted(found))


def _told(trial: TrialResult) -> str:
    differs = [f for f in trial.findings if f.verdict is not Verdict.ONCE]
    return ", ".join(f"{f.place} {f.verdict}" for f in differs) or "once at every place"
