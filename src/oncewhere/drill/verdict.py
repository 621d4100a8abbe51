"""The answers that a drill may give about one place, in the order of how bad they are."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """Where the work happened, told of one place after one crash.

    `once` is the only pass. `unknown` and `stuck` are not: the first says that the evidence does not reach, the second
    that the processor never finished its input after everything was healed.
    """

    LOST = "lost"
    DUPLICATE = "duplicate"
    STUCK = "stuck"
    UNKNOWN = "unknown"
    ONCE = "once"

    @property
    def violated(self) -> bool:
        """True where the evidence shows that the guarantee broke."""
        return self in {Verdict.LOST, Verdict.DUPLICATE, Verdict.STUCK}

    @property
    def meaning(self) -> str:
        """One sentence for a reader who sees the word for the first time."""
        return _MEANING[self]


_MEANING = {
    Verdict.LOST: "an input was committed as done, and its work never comes here",
    Verdict.DUPLICATE: "the work of one input happened here more than once",
    Verdict.STUCK: "the restarted processor did not finish its input before the deadline",
    Verdict.UNKNOWN: "the evidence does not reach: neither held nor violated",
    Verdict.ONCE: "the work of every input happened here exactly once",
}

SEVERITY = {verdict: rank for rank, verdict in enumerate(Verdict)}
"""Smaller is worse; the worst verdict of a row stands for it."""


def worst(verdicts: list[Verdict]) -> Verdict:
    """The worst of some verdicts; of none, `unknown`: nothing judged is nothing held."""
    return min(verdicts, key=SEVERITY.__getitem__, default=Verdict.UNKNOWN)
