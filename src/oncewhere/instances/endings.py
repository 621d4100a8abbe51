"""What follows when an instance has ended: its exit code and its history in, one of three decisions out. No I/O.

| it ended with | then |
|---|---|
| 0 | leave it: it was told to end, or had nothing more to do |
| 2, configuration | end all: they share the configuration, and trying again changes nothing |
| being fenced | leave it: another runs under its name, and two that restart would fence each other for ever (KIP-98) |
| anything else, a signal too | start it again, after a pause that doubles; end all when that has not helped for long |

Starting again after a crash is safe, whatever the crash was: that is what the transactional.id and the ledgers are for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from oncewhere.errors import ConfigurationError, FencedError

FINISHED = 0
CONFIGURATION = ConfigurationError.exit_code
FENCED = FencedError.exit_code


class Then(StrEnum):
    """What to do about an instance that has ended."""

    LEAVE = "leave it"
    AGAIN = "start it again"
    END_ALL = "end all"


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient the supervisor is.

    Attributes:
        first_pause_s: before the first restart, in seconds; doubled each time.
        longest_pause_s: no pause is longer, in seconds.
        settled_s: an instance that has lived for so many seconds starts to count anew.
        max_restarts: of one instance in a row.
        drain_s: how long the instances may take to end when they are told to, in seconds. More than a processor's own
            `drain_timeout_s`, since it closes its connections after that.
    """

    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    settled_s: float = 60.0
    max_restarts: int = 10
    drain_s: float = 30.0

    def __post_init__(self) -> None:
        if min(self.first_pause_s, self.longest_pause_s, self.settled_s, self.max_restarts, self.drain_s) < 0:
            raise ConfigurationError("A limit is negative.")


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and why.

    Attributes:
        then: what.
        why: the end of a sentence that begins with the instance.
        pause_s: how long to wait before a restart, in seconds.
        restarts: restarts in a row, this one included.
    """

    then: Then
    why: str
    pause_s: float = 0.0
    restarts: int = 0


def decide(code: int, *, lived_s: float, restarts: int, limits: Limits) -> Decision:
    """What follows from an ending that nobody asked for.

    Args:
        code: the exit code; negative: the signal.
        lived_s: how long the process has lived, in seconds.
        restarts: how often the instance was started again in a row before.
        limits: how patient to be.
    """
    said = describe(code)
    if code == FINISHED:
        return Decision(Then.LEAVE, "has finished")
    if code == CONFIGURATION:
        return Decision(Then.END_ALL, f"{said}: the configuration is wrong, for all of them")
    if code == FENCED:
        return Decision(Then.LEAVE, f"{said}: it was fenced, and is not started again; find out who has its name")
    if lived_s >= limits.settled_s:
        restarts = 0
    if restarts >= limits.max_restarts:
        return Decision(Then.END_ALL, f"{said}, and {restarts} restarts in a row did not help")
    pause_s = min(limits.first_pause_s * 2**restarts, limits.longest_pause_s)
    return Decision(Then.AGAIN, f"{said}; it is started again in {pause_s:g} s", pause_s, restarts + 1)


def describe(code: int) -> str:
    """How a process ended, in words."""
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


def shell_code(code: int) -> int:
    """An exit code as a shell gives it: 128 and the signal, for a process that one has killed."""
    return 128 - code if code < 0 else code
