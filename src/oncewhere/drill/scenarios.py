"""What a drill can do beside killing once: a table of scenarios, each with its points, its course and its conditions.

To add one: a course in `courses/` if something has to follow, a row in `SCENARIOS`, and a bait that shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from oncewhere.errors import ConfigurationError
from oncewhere.spelling import nearest

from .courses import Company, Course, Held, Outage, Patience, Recreation, Replay, Stopping, Zombie
from .courses.holding import PATIENCE_MARGIN_S
from .declaration import Version
from .inputs import Input
from .points import CrashPoint, NamedCrash, Phase
from .scenario import CRASH, Action, Plan, Step

EVERY_NTH_AGAIN: Final = 5
"""Which inputs are published twice upstream."""

EVERY_NTH_ABORTED: Final = 5
"""Which inputs are published in a transaction that is aborted, and never otherwise."""

SLOW_LIMIT_S: Final = 20.0
"""Seconds for which an effect is held at most; a longer transaction timeout cannot be outwaited in a drill."""

CLAIMS_EVENTS: Final = frozenset({"dedupe-table", "unique-constraint", "idempotency-key"})
"""Policies that know an event by its identity, and so a second publication of it."""

OFFSET_LEDGER: Final = "offset-ledger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clean:
    """What the clean run of a version has shown.

    Attributes:
        points: the points of the chosen set; the named ones first.
        first_produce: the first Produce of the run that can be refused, before it reaches its broker; None where there
            is none.
        transaction_timeout_s: the longest that a transactional producer asked for; None where there is none.
        spare_brokers: how many brokers may be missing.
    """

    points: Sequence[CrashPoint]
    first_produce: CrashPoint | None = None
    transaction_timeout_s: float | None = None
    spare_brokers: int = 0

    def named(self, name: NamedCrash) -> CrashPoint | None:
        """The point of a named crash; None where the version has none."""
        return next((point for point in self.points if point.name is name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What is published, and when.

    Attributes:
        first: before the processor starts.
        later: once the first are finished, behind them or into a topic made anew.
        aborted: in the midst of the first, in a transaction that is aborted.
    """

    first: tuple[Input, ...]
    later: tuple[Input, ...] = ()
    aborted: tuple[Input, ...] = ()


def _all_at_once(inputs: Sequence[Input]) -> Publication:
    return Publication(first=tuple(inputs))


def _some_again(inputs: Sequence[Input]) -> Publication:
    return Publication(first=(*inputs, *inputs[::EVERY_NTH_AGAIN]))


def _some_aborted(inputs: Sequence[Input]) -> Publication:
    aborted = tuple(inputs[::EVERY_NTH_ABORTED])
    return Publication(first=tuple(i for n, i in enumerate(inputs) if n % EVERY_NTH_ABORTED), aborted=aborted)


def _in_halves(inputs: Sequence[Input]) -> Publication:
    half = len(inputs) // 2
    return Publication(first=tuple(inputs[:half]), later=tuple(inputs[half:]))


def _always(version: Version, clean: Clean) -> str | None:
    del version, clean
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One thing that can happen to a processor.

    Attributes:
        name: what a person types.
        words: what is done, in one sentence, for a table.
        action: what is done at the point; None where the trial has no point.
        at: the named crashes whose points it goes to; None for every point of the set.
        to: finds its points, where they need not be among the chosen ones.
        phases: of the points it goes to.
        unpointed: True where there is a trial of it without any point, too.
        course: what follows.
        publish: what becomes of the inputs.
        left_out: why a version is spared it; None where it is not.
        judges: which places are judged, of a version's; all where None.
    """

    name: str
    words: str
    action: Action | None = Action.KILL
    at: tuple[NamedCrash, ...] | None = None
    to: Callable[[Clean], Sequence[CrashPoint]] | None = None
    phases: frozenset[Phase] = frozenset(Phase)
    unpointed: bool = False
    course: type[Course] = Course
    publish: Callable[[Sequence[Input]], Publication] = _all_at_once
    left_out: Callable[[Version, Clean], str | None] = _always
    judges: Callable[[Version], Sequence[str]] | None = field(default=None)

    def plans(self, clean: Clean) -> tuple[Plan, ...]:
        """The trials of it, in order."""
        plans = [Plan(scenario=self.name)] if self.unpointed else []
        if self.action is not None:
            plans += [self.plan(point) for point in self._points(clean) if point.phase in self.phases]
        return tuple(plans)

    def _points(self, clean: Clean) -> Sequence[CrashPoint]:
        if self.to is not None:
            return self.to(clean)
        return clean.points if self.at is None else [p for name in self.at if (p := clean.named(name))]

    def plan(self, *points: CrashPoint) -> Plan:
        """The trial at these points."""
        assert self.action is not None  # noqa: S101  # who has no action has no points
        return Plan(steps=tuple(Step(point=point, action=self.action) for point in points), scenario=self.name)


def _first_produce(clean: Clean) -> Sequence[CrashPoint]:
    return () if clean.first_produce is None else (clean.first_produce,)


def _writes_nothing(version: Version, clean: Clean) -> str | None:
    del version
    refusable = "that a broker could refuse (acks=0 hears of no refusal, and above 8 MiB none is made)"
    return None if clean.first_produce else f"the processor has written nothing to Kafka {refusable}"


def _alone(version: Version, clean: Clean) -> str | None:
    del clean
    return None if version.scales else "the declaration does not say how a second instance is named: {instance}"


def _too_slow(version: Version, clean: Clean) -> str | None:
    del version
    timeout_s = clean.transaction_timeout_s
    if timeout_s is None:
        return "the processor has no transaction"
    if timeout_s + PATIENCE_MARGIN_S > SLOW_LIMIT_S:
        return f"transaction.timeout.ms is {timeout_s:.0f} s, and an effect is held for {SLOW_LIMIT_S:.0f} s at most"
    return None


def _claims_no_events(version: Version, clean: Clean) -> str | None:
    del clean
    if any(effect.policy in CLAIMS_EVENTS for effect in version.effects.values()):
        return None
    return "no policy of it knows an event by its identity (a position tells redeliveries, not second publications)"


def _no_spare_broker(version: Version, clean: Clean) -> str | None:
    del version
    return None if clean.spare_brokers else "it needs three brokers that are ours to kill: --brokers 3"


def _nothing_purged(version: Version, clean: Clean) -> str | None:
    del clean
    effects = version.effects.values()
    if any(effect.purge for effect in effects):
        return None
    if effects and all(effect.policy == OFFSET_LEDGER for effect in effects):
        return "an offset ledger has nothing to forget: it keeps a position for each partition, however old"
    return "no effect says what it forgets, and when: effects.NAME.purge in the declaration"


def _purged(version: Version) -> Sequence[str]:
    return [name for name, effect in version.effects.items() if effect.purge]


SECOND_CRASH: Final = "second-crash"
"""Its second points are those of a recovery, which only a trial can show; see `Drill`."""

UPSTREAM_DUPLICATE: Final = "upstream-duplicate"
"""What happens twice in it alone was published twice, and not redelivered: its cure is another one."""

_ROWS: Final = (
    Scenario(name=CRASH, words="killed at a message, and started again"),
    Scenario(
        name=SECOND_CRASH,
        words="killed between effect and commit, and killed again while it recovers",
        at=(),
    ),
    Scenario(
        name="clean-stop",
        words="told to stop (SIGTERM) as it sends a message, and started again",
        action=Action.TERMINATE,
        phases=frozenset({Phase.BEFORE}),
        course=Stopping,
    ),
    Scenario(
        name="connection-cut",
        words="its connection breaks at a message; the process lives on",
        action=Action.CUT,
    ),
    Scenario(
        name="zombie",
        words="stopped (SIGSTOP) before a message until a successor has taken over, and then woken",
        action=Action.STOP,
        at=(NamedCrash.BEFORE_EFFECT, NamedCrash.AFTER_EFFECT),
        course=Zombie,
    ),
    Scenario(
        name="two-instances",
        words="a second instance joins, and partitions move, in the middle of a transaction",
        action=Action.HOLD,
        at=(NamedCrash.BEFORE_EFFECT, NamedCrash.AFTER_EFFECT),
        course=Company,
        left_out=_alone,
    ),
    Scenario(
        name="withheld-answer",
        words="the commit's answer does not come, on a connection that stays open",
        action=Action.HOLD,
        at=(NamedCrash.AFTER_COMMIT,),
        course=Held,
    ),
    Scenario(
        name="late-request",
        words="the commit is delivered late, when the processor has given it up",
        action=Action.HOLD,
        at=(NamedCrash.AFTER_EFFECT,),
        course=Held,
    ),
    Scenario(
        name="slow-effect",
        words="the effect takes longer than the transaction may stay open",
        action=Action.HOLD,
        at=(NamedCrash.BEFORE_EFFECT,),
        course=Patience,
        left_out=_too_slow,
    ),
    Scenario(
        name="new-leader",
        words="the leader of an output partition is new: it refuses the first write, and takes those behind it",
        action=Action.REFUSE,
        to=_first_produce,
        left_out=_writes_nothing,
    ),
    Scenario(
        name="broker-killed",
        words="the broker that coordinates the transaction is killed, and comes back",
        action=Action.WATCH,
        at=(NamedCrash.AFTER_EFFECT, NamedCrash.AFTER_COMMIT),
        course=Outage,
        left_out=_no_spare_broker,
    ),
    Scenario(
        name=UPSTREAM_DUPLICATE,
        words=f"every {EVERY_NTH_AGAIN}th event is published twice, at two offsets; without and with a crash",
        at=(NamedCrash.AFTER_EFFECT,),
        unpointed=True,
        publish=_some_again,
        left_out=_claims_no_events,
    ),
    Scenario(
        name="upstream-abort",
        words=f"every {EVERY_NTH_ABORTED}th event stands in a transaction that was aborted; without and with a crash",
        at=(NamedCrash.AFTER_EFFECT,),
        unpointed=True,
        publish=_some_aborted,
    ),
    Scenario(
        name="dedupe-window",
        words="the effect forgets what is older than its retention, and what is younger is replayed",
        action=None,
        unpointed=True,
        course=Replay,
        publish=_in_halves,
        left_out=_nothing_purged,
        judges=_purged,
    ),
    Scenario(
        name="topic-recreated",
        words="the input topic is deleted and made anew, and offsets begin at 0 again",
        action=None,
        unpointed=True,
        course=Recreation,
        publish=_in_halves,
    ),
)

SCENARIOS: Final[Mapping[str, Scenario]] = MappingProxyType({row.name: row for row in _ROWS})
"""By name, in the order in which they are drilled."""

EVERY: Final = "all"
"""Stands for each of them where names are given."""


def scenarios_named(names: Sequence[str]) -> tuple[str, ...]:
    """Their names, once each and in the order in which they are drilled.

    Args:
        names: as a person gives them; `all` among them stands for every scenario.

    Raises:
        ConfigurationError: there is no scenario of a name.
    """
    for name in names:
        if name not in SCENARIOS and name != EVERY:
            near = nearest(name, [*SCENARIOS, EVERY])
            meant = f" Did you mean {near}?" if near else ""
            raise ConfigurationError(
                f"There is no scenario {name!r}.{meant}", hint=f"There are {', '.join(SCENARIOS)}, and {EVERY}."
            )
    return tuple(name for name in SCENARIOS if EVERY in names or name in names)
