"""Messages come in from the proxies before their bytes move; at a step's point, its action is done to the processor.

The trap is the only place where a drill decides over life and death, and it does so inside the observer's call: nothing
is awaited between seeing the message and the signal, so no other byte can pass in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from oncewhere.proxy import Decision, LinkName
from oncewhere.wire.message import Direction, Message

from .asked_again import asks_again
from .history import History, Outcome
from .intervals import CONFIRMED, Address, Addresses, is_effect_commit, is_refusable
from .itinerary import Sighting
from .points import Phase
from .scenario import ACTIONS, Action, Plan, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprung:
    """The proof that a point was reached.

    Attributes:
        step: the step whose point it was.
        link: the connection on which the message was seen.
        message: the message that was dropped, delivered or withheld.
        outcome: what became of it, in the history's word.
        effects_before: effect commits that the places had confirmed in the same commit interval.
        effects_on_their_way: other effect commits that no place had answered yet: they may be done all the same.
    """

    step: Step
    link: LinkName
    message: Message
    outcome: Outcome
    effects_before: int
    effects_on_their_way: int


class Trap:
    """The observer of one trial, over all lives of the processor in it.

    Args:
        history: where every message is written down.
        plan: what is done, and where; a plan without steps kills nobody.
        act: does a step's action to the processor, at once and without waiting.
    """

    def __init__(self, history: History, plan: Plan, act: Callable[[Sprung], None]) -> None:
        self.sprung: list[Sprung] = []
        """One for each step whose point was reached, in order."""
        self.sightings: list[Sighting] = []
        """Every message of the first life up to the first step's point: in a clean run, all."""
        self.recovery: list[Sighting] = []
        """Every message of the life after the first step, where no second step is armed in it."""
        self.transactional_ids: dict[str, None] = {}
        self.producers_begun = 0
        """How often a producer began anew; since the last point was reached, only one of the same identity."""
        self.asked_again = False
        """True once what was asked at the last point was asked for again, on another connection."""
        self.transaction_timeout_s: float | None = None
        self.kafka_commits_answered = 0
        self.first_message_s: float | None = None
        """When the first message came since the present life began to have its time, if one did."""
        self.last_boundary_s = time.monotonic()
        self._history = history
        self._plan = plan
        self._act = act
        self._armed: Step | None = plan.steps[0] if plan.steps else None
        self._dead = False
        self._lives = 1
        self._cut: set[str] = set()
        self._addresses = Addresses()
        self._interval = 1
        self._effects = 0
        self._awaited: tuple[str, Message] | None = None
        self._commit_requests: set[tuple[str, int]] = set()
        self._effect_requests: set[tuple[str, int]] = set()

    @property
    def complete(self) -> bool:
        """True when every step's point was reached."""
        return len(self.sprung) == len(self._plan.steps)

    def next_life(self) -> None:
        """The processor is started again: intervals count from 1, and the next step is armed, if there is one."""
        done = len(self.sprung)
        self._armed = self._plan.steps[done] if done < len(self._plan.steps) else None
        self._dead = False
        self._lives += 1
        self._addresses = Addresses()
        self._interval = 1
        self._effects = 0
        self._awaited = None
        self._commit_requests.clear()
        self._effect_requests.clear()

    def __call__(self, link: LinkName, message: Message) -> Decision:
        """Sees one message; answers whether its bytes may move."""
        if self.first_message_s is None:
            self.first_message_s = time.monotonic()
        name = str(link)
        address = self._addresses.advance(link.place, message)
        if self._addresses.interval != self._interval:
            self._interval, self._effects = self._addresses.interval, 0
        self._note(link.place, name, message)
        step = self._armed
        if step is not None and self._springs(step, name, message, address):
            decision = ACTIONS[step.action].decisions[step.point.phase]
            outcome = _outcome(decision, message)
            sprung = Sprung(
                step=step,
                link=link,
                message=message,
                outcome=outcome,
                effects_before=self._effects,
                effects_on_their_way=len(self._effect_requests - {(name, message.sequence)}),
            )
            self._act(sprung)
            self.sprung.append(sprung)
            self._armed = None
            self._dead = ACTIONS[step.action].ends_life
            if decision in {Decision.CUT_BEFORE, Decision.CUT_AFTER}:
                self._cut.add(name)
            self._history.wire(link, address, self._interval, message, outcome)
            return decision
        withheld = message.direction is Direction.REPLY and (self._dead or name in self._cut)
        self._history.wire(link, address, self._interval, message, "withheld" if withheld else "forwarded")
        return Decision.FORWARD

    def _note(self, place: str, link: str, message: Message) -> None:
        if self.sprung and self._awaited is not None and self._awaited[0] != link:
            self.asked_again = self.asked_again or asks_again(self._awaited[1], message)
        if not self.sprung:
            self.sightings.append(Sighting(place, link, message))
        elif self._lives == 2 and self._armed is None:
            self.recovery.append(Sighting(place, link, message))
        if message.boundary:
            self.last_boundary_s = time.monotonic()
        where = (link, message.sequence)
        if message.kind == "InitProducerId" and (name := message.fields.get("transactional_id")):
            self.transactional_ids[str(name)] = None
            asked = None if self._awaited is None else self._awaited[1].fields.get("transactional_id")
            self.producers_begun += asked in {None, name}  # another producer's beginning says nothing of this one
            timeout_ms = message.fields.get("timeout_ms")
            if isinstance(timeout_ms, int):
                self.transaction_timeout_s = max(self.transaction_timeout_s or 0.0, timeout_ms / 1000)
        if self._addresses.committing:
            self._commit_requests.add(where)
        elif is_effect_commit(message):
            self._effect_requests.add(where)
        elif message.direction is Direction.REPLY:
            if where in self._commit_requests and message.system == "kafka":
                self._commit_requests.discard(where)
                self.kafka_commits_answered += 1
            elif where in self._effect_requests:
                self._effect_requests.discard(where)
                self._effects += message.fields.get("outcome") in CONFIRMED

    def _springs(self, step: Step, link: str, message: Message, address: Address | None) -> bool:
        if message.direction is Direction.REPLY:
            # The reply may come when the next interval has begun on another connection: its request decides.
            awaited = None if self._awaited is None else (self._awaited[0], self._awaited[1].sequence)
            return step.point.phase is Phase.REPLIED and awaited == (link, message.sequence)
        if address is None or not self._is_there(step.point.address, address):
            return False
        if step.action is Action.REFUSE and not is_refusable(message):
            return False  # in this run it is another: its point is not reached
        self._awaited = (link, message)
        return step.point.phase is not Phase.REPLIED

    def _is_there(self, wanted: Address, seen: Address) -> bool:
        """True at the address of the first step; at that of a later one in its interval, or in the first that has it.

        How a recovery divides its work into intervals is chance: its first may hold nothing but what was done before.
        """
        return wanted == (seen if not self.sprung else replace(seen, interval=min(seen.interval, wanted.interval)))


_OUTCOMES: Final[Mapping[Decision, tuple[Outcome, Outcome]]] = MappingProxyType(
    {
        Decision.FORWARD: ("forwarded", "forwarded"),
        Decision.FREEZE_BEFORE: ("dropped", "withheld"),
        Decision.FREEZE_AFTER: ("forwarded", "forwarded"),
        Decision.CUT_BEFORE: ("dropped", "withheld"),
        Decision.CUT_AFTER: ("forwarded", "forwarded"),
        Decision.HOLD: ("held", "held"),
        Decision.REFUSE: ("dropped", "forwarded"),
    }
)
"""What a decision means for a request, and for a reply, in the history's words."""


def _outcome(decision: Decision, message: Message) -> Outcome:
    request, reply = _OUTCOMES[decision]
    return request if message.direction is Direction.REQUEST else reply
