"""When an effect is attempted again: what became of the last attempt in; a pause, or the end, out. No I/O, no clock.

An attempt outside a transaction has three outcomes. *Done*: the downstream answered. *Not done*: it certainly never got
it (no connection), or says so (429). *Unknown*: it was sent, and no answer came, or one that does not tell (a timeout,
a reset, a 500). What is unknown may be repeated only where a repetition does no harm; that is what a policy says.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from oncewhere.errors import ConfigurationError


class Outcome(Enum):
    """What became of one attempt."""

    DONE = "done"
    NOT_DONE = "not done"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How often and how long a call may be attempted before its batch begins again.

    Attributes:
        max_attempts: how often, at most.
        attempt_timeout_s: seconds that one attempt may take: for each of its mails, with the connection; for each wait
            of its HTTP requests, for a connection or for the next piece of an answer (a client of your own has its own
            times). The time of a `Function` is its own to keep.
        total_s: seconds for all attempts and pauses; what is left of it is the longest `Retry-After` that is heeded.
        first_pause_s: seconds before the second attempt; doubled each time.
        longest_pause_s: seconds between two attempts, at most, unless the downstream asks for more.
    """

    max_attempts: int = 5
    attempt_timeout_s: float = 10.0
    total_s: float = 30.0
    first_pause_s: float = 0.1
    longest_pause_s: float = 5.0

    def __post_init__(self) -> None:
        times = (self.attempt_timeout_s, self.total_s, self.first_pause_s, self.longest_pause_s)
        if self.max_attempts < 1 or min(times) <= 0:
            raise ConfigurationError("Limits are at least one attempt, and times above zero.")


def pause_s(
    limits: Limits,
    outcome: Outcome,
    *,
    repeats_unknown: bool,
    attempts: int,
    elapsed_s: float,
    asked_s: float | None = None,
) -> float | None:
    """How long to wait before the next attempt; None when there is none.

    Args:
        limits: how often and how long.
        outcome: of the last attempt, which was not `DONE`.
        repeats_unknown: whether the policy allows to repeat what may have been done.
        attempts: how many there were.
        elapsed_s: since the first began, in seconds.
        asked_s: what the downstream asks for (`Retry-After`), in seconds; never waited for less.
    """
    if outcome is Outcome.UNKNOWN and not repeats_unknown:
        return None
    if attempts >= limits.max_attempts:
        return None
    own = min(limits.first_pause_s * 2 ** (attempts - 1), limits.longest_pause_s)
    pause = own if asked_s is None else max(own, asked_s)
    return pause if elapsed_s + pause < limits.total_s else None
