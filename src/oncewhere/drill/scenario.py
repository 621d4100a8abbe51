"""The vocabulary of what is done to a processor: an `Action` at a point is a `Step`, steps make the `Plan` of a trial.

To add a scenario:
1. a member of `Action` and a row in `ACTIONS`, if it does something new at the point: the signal, what becomes of the
   message, and whether the life ends with it;
2. what follows, in `Lives.after`, for an action that does not end the life (release a held message, SIGCONT, …);
3. a row in `SCENARIOS`: how a point becomes a plan.
The trap, the engine, the reports and `replay` take everything from these tables.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from oncewhere.proxy import Decision

from .points import CrashPoint, Phase


class Action(StrEnum):
    """What is done at a point."""

    KILL = "kill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conduct:
    """What an action is.

    Attributes:
        signal: sent to the processor's whole group inside the observer's call; None for none.
        decisions: what becomes of the message, by the point's phase.
        ends_life: True when the life is over with it: the processor is buried and started again.
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

ACTIONS: Final[Mapping[Action, Conduct]] = MappingProxyType(
    {
        Action.KILL: Conduct(signal=signal.SIGKILL, decisions=FREEZE, ends_life=True, words="killed"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action at one point. A step is armed when the life begins that follows the step before it."""

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
    scenario: str = "crash"

    @property
    def point(self) -> CrashPoint | None:
        """The first step's point; None in a clean run."""
        return self.steps[0].point if self.steps else None

    @property
    def label(self) -> str:
        """How the trial is called in tables, folders and commands."""
        name = "+".join(step.point.label for step in self.steps) or "clean"
        return name if self.scenario == "crash" else f"{self.scenario}@{name}"

    @property
    def id(self) -> str:
        """What a person types to have it again."""
        name = "+".join(step.point.id for step in self.steps) or "clean"
        return name if self.scenario == "crash" else f"{self.scenario}@{name}"


CLEAN: Final = Plan()


def crash(point: CrashPoint) -> Plan:
    """The processor is killed at the point, and started again."""
    return Plan(steps=(Step(point=point),))


SCENARIOS: Final[Mapping[str, Callable[[CrashPoint], Plan]]] = MappingProxyType({"crash": crash})
"""By name, how a point becomes a plan."""
