"""The answers that a drill may give about one place, in the order of how bad they are."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """Where the work happened, told of one place after one crash.

    `once` is the only pass. `unknown` and `in-doubt` say that the evidence does not reach, `stuck` and `torn` that the
    processor never finished its input after everything was healed.
    """

    LOST = "lost"
    DUPLICATE = "duplicate"
    ZOMBIE_WRITE = "zombie-write"
    ABORTED_READ = "aborted-read"
    DIFFERENT = "different"
    REORDERED = "reordered"
    TORN = "torn"
    STUCK = "stuck"
    IN_DOUBT = "in-doubt"
    UNKNOWN = "unknown"
    ONCE = "once"

    @property
    def violated(self) -> bool:
        """True where the evidence shows that the guarantee broke."""
        return self is not Verdict.ONCE and not self.open

    @property
    def open(self) -> bool:
        """True where nothing is proved, neither way."""
        return self in {Verdict.IN_DOUBT, Verdict.UNKNOWN}

    @property
    def meaning(self) -> str:
        """One sentence for a reader who sees the word for the first time."""
        return _MEANING[self]


_MEANING = {
    Verdict.LOST: "an input was committed as done, and its work never comes here",
    Verdict.DUPLICATE: "the work of one input happened here more than once",
    Verdict.ZOMBIE_WRITE: "a process that had a successor wrote here, and the work happened twice",
    Verdict.ABORTED_READ: "a record whose transaction was aborted has had consequences here",
    Verdict.DIFFERENT: "the output says something else than the effect",
    Verdict.REORDERED: "outputs of one key stand in another order than their inputs",
    Verdict.TORN: "the work happened elsewhere and not here, and the processor has stopped in between",
    Verdict.STUCK: "the restarted processor did not finish its input, and makes no more progress",
    Verdict.IN_DOUBT: "a request was sent here, and nobody knows what became of it",
    Verdict.UNKNOWN: "the evidence does not reach: neither held nor violated",
    Verdict.ONCE: "the work of every input happened here exactly once",
}

SEVERITY = {verdict: rank for rank, verdict in enumerate(Verdict)}
"""Smaller is worse; the worst verdict of a row stands for it."""


def worst(verdicts: list[Verdict]) -> Verdict:
    """The worst of some verdicts; of none, `unknown`: nothing judged is nothing held."""
    return min(verdicts, key=SEVERITY.__getitem__, default=Verdict.UNKNOWN)
