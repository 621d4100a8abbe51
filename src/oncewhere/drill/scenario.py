"""The vocabulary of what is done to a processor: an `Action` at a point is a `Step`, steps make the `Plan` of a trial.

What becomes of the message and of the process inside the observer's call is a row of `ACTIONS`; the trap takes it from
there. What follows, and which points a scenario goes to, stands in `scenarios`.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from oncewhere.proxy import Decision

from .points import CrashPoint, Phase

CRASH: Final = "crash"
"""The scenario that kills at a message and starts again; a clean run is one without a step."""


class Action(StrEnum):
    """What is done at a point."""

    KILL = "kill"
    TERMINATE = "terminate"
    STOP = "stop"
    CUT = "cut"
    HOLD = "hold"
    REFUSE = "refuse"
    WATCH = "watch"
    """Nothing to the processor: what is done is done to its world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """What an action is.

    Attributes:
        signal: sent to the processor's whole group inside the observer's call; None for none.
        decisions: what becomes of the message, by the point's phase.
        ends_life: True when the life is over with it: the processor is buried and started again at once.
        words: what was done, as a participle.
    """

    signal: signal.Signals | None
    decisions: Mapping[Phase, Decision]
    ends_life: bool
    words: str


FREEZE: Final[Mapping[Phase, Decision]] = MappingProxyType(
    {
        Phase.BEFORE: Decision.FREEZE_BEFORE,
        Phase.DELIVERED: Decision.FREEZE_AFTER,
        Phase.REPLIED: Decision.FREEZE_BEFORE,
    }
)
"""Nothing passes on any link from the point on."""

CUT: Final[Mapping[Phase, Decision]] = MappingProxyType(
    {
        Phase.BEFORE: Decision.CUT_BEFORE,
        Phase.DELIVERED: Decision.CUT_AFTER,
        Phase.REPLIED: Decision.CUT_BEFORE,
    }
)
"""The connection of the message breaks, and no other."""

HOLD: Final[Mapping[Phase, Decision]] = MappingProxyType(
    {
        Phase.BEFORE: Decision.HOLD,
        Phase.DELIVERED: Decision.FORWARD,
        Phase.REPLIED: Decision.HOLD,
    }
)
"""The message waits at the proxy; a stopped process could not have sent it yet, nor read it."""

REFUSE: Final[Mapping[Phase, Decision]] = MappingProxyType(
    {
        Phase.BEFORE: Decision.REFUSE,
        Phase.DELIVERED: Decision.FORWARD,
        Phase.REPLIED: Decision.FORWARD,
    }
)
"""The server never sees the message, and the answer refuses it."""

PASS: Final[Mapping[Phase, Decision]] = MappingProxyType(dict.fromkeys(Phase, Decision.FORWARD))

ACTIONS: Final[Mapping[Action, Conduct]] = MappingProxyType(
    {
        Action.KILL: Conduct(signal=signal.SIGKILL, decisions=FREEZE, ends_life=True, words="killed"),
        Action.TERMINATE: Conduct(signal=signal.SIGTERM, decisions=PASS, ends_life=False, words="told to stop"),
        Action.STOP: Conduct(signal=signal.SIGSTOP, decisions=HOLD, ends_life=False, words="stopped"),
        Action.CUT: Conduct(signal=None, decisions=CUT, ends_life=False, words="cut off"),
        Action.WATCH: Conduct(signal=None, decisions=PASS, ends_life=False, words="left alone"),
        Action.HOLD: Conduct(signal=None, decisions=HOLD, ends_life=False, words="kept waiting"),
        Action.REFUSE: Conduct(signal=None, decisions=REFUSE, ends_life=False, words="refused"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action at one point.

    A step is armed when the life begins that follows the step before it; from the second on it is done in the first
    interval, from the point's on, that has such a message.
    """

    point: CrashPoint
    action: Action = Action.KILL


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is done in one trial.

    Attributes:
        steps: in the order in which they are armed; none in a clean run.
        scenario: the scenario that made it.
    """

    steps: tuple[Step, ...] = ()
    scenario: str = CRASH

    @property
    def is_clean(self) -> bool:
        """True for the clean run, in which nothing is done to the processor or to its world."""
        return not self.steps and self.scenario == CRASH

    @property
    def is_named_crash(self) -> bool:
        """True for one of the three crashes that have a name, and nothing more is done."""
        return self.scenario == CRASH and self.point is not None and self.point.name is not None

    @property
    def point(self) -> CrashPoint | None:
        """The first step's point; None where nothing is done at a message."""
        return self.steps[0].point if self.steps else None

    @property
    def label(self) -> str:
        """How the trial is called in tables, folders and commands."""
        return self._named("+".join(step.point.label for step in self.steps))

    @property
    def id(self) -> str:
        """What a person types to have it again."""
        return self._named("+".join(step.point.id for step in self.steps))

    def _named(self, points: str) -> str:
        if self.scenario == CRASH:
            return points or "clean"
        return f"{self.scenario}@{points}" if points else self.scenario


CLEAN: Final = Plan()
