"""A trial of a run comes in; the one command that shows it again goes out, the same on every screen and page.

What a test has drilled is shown again by the test, whose declaration stands nowhere else. Where the run used servers of
the user's, their options follow. An option that holds a secret is not printed: which ones
are missing is said beside the command, so that the command itself can be copied.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from oncewhere.drill import DrillResult, TrialResult, Verdict, VersionResult

from .provenance import Provenance


@dataclass(frozen=True, slots=True)
class Again:
    """How a trial is shown again.

    Attributes:
        command: to be copied.
        beside: what must be added to it by hand, in a sentence; empty where nothing is.
    """

    command: str
    beside: str = ""

    @property
    def lines(self) -> list[str]:
        """Both, for where there is no more than text."""
        return [f"again: {self.command}", *([f"  ({self.beside})"] if self.beside else [])]


def again(
    result: DrillResult, version: VersionResult, trial: TrialResult, told: Provenance, *, called: Sequence[str] = ()
) -> Again | None:
    """`oncewhere replay POINT RUN`, or `pytest TEST`; None where there is nothing to repeat, or it can show no more.

    Nothing was done in the clean run. Where all that is left open is a count which cannot be above one, the cure is in
    the declaration: the same point once more leaves it as open.

    Args:
        result: of the run, whose folder's name is the run's.
        version: what was drilled.
        trial: the trial.
        told: whose servers it used.
        called: the words that lead to the run from where the command is read; none where its folder's name does.
    """
    if trial.plan.is_clean or _only_blind(version, trial):
        return None
    if told.repeat:
        return Again(told.repeat)
    several = len(result.versions) > 1
    point = f"{version.version.name}/{trial.plan.label}" if several else trial.plan.label
    words = ["oncewhere", "replay", point, *(called or [Path(result.folder).resolve().name])]
    for option in told.options:
        if not option.is_secret:
            words += [option.flag, option.value]
    return Again(shlex.join(words), told.missing(printed=True))


def _only_blind(version: VersionResult, trial: TrialResult) -> bool:
    """True where something is open, and at nothing but places that are counted blindly."""
    wrong = [finding for finding in trial.findings if finding.verdict is not Verdict.ONCE]
    return bool(wrong) and all(f.verdict is Verdict.UNKNOWN and version.counts_blindly(f.place) for f in wrong)
