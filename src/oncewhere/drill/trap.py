"""Messages come in from the proxies before their bytes move; at the crash point the processor is killed.

The trap is the only place where a drill decides over life and death, and it does so inside the observer's call: nothing
is awaited between seeing the message and SIGKILL, so no other byte can pass in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from oncewhere.proxy import Decision
from oncewhere.wire.message import Direction, Message

from .history import History, Outcome
from .points import CrashPoint, Interval, Phase, is_effect_commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprung:
    """The proof that the point was reached.

    Attributes:
        link: the connection on which the message was seen.
        message: the message that was dropped, delivered or withheld.
        effects_before: effect commits that the databases had confirmed in the same commit interval.
    """

    link: str
    message: Message
    effects_before: int


class Trap:
    """The observer of one trial, over all lives of the processor in it.

    Args:
        history: where every message is written down.
        point: where to kill; None for a clean run.
        kill: sends SIGKILL to the processor's whole group, at once and without waiting.
    """

    def __init__(self, history: History, point: CrashPoint | None, kill: Callable[[], None]) -> None:
        self.sprung: Sprung | None = None
        self.messages: list[Message] = []
        self.transactional_ids: dict[str, None] = {}
        self.kafka_commits_answered = 0
        self.last_boundary_s = time.monotonic()
        self._history = history
        self._point = point
        self._kill = kill
        self._interval = Interval()
        self._current = 1
        self._counts: dict[tuple[str, str], int] = {}
        self._effects = 0
        self._awaited: tuple[str, int] | None = None
        self._commit_requests: set[tuple[str, int]] = set()
        self._effect_requests: set[tuple[str, int]] = set()

    def next_life(self) -> None:
        """The processor was started again: intervals count from 1, and no second trap is set."""
        self._point = None
        self._interval = Interval()
        self._commit_requests.clear()
        self._effect_requests.clear()

    def __call__(self, link: object, message: Message) -> Decision:
        """Sees one message; answers whether its bytes may move."""
        name = str(link)
        interval = self._interval.advance(message)
        if interval != self._current:
            self._current, self._counts, self._effects = interval, {}, 0
        self._note(name, message)
        if self.sprung is None and self._springs(name, message, interval):
            self._kill()
            self.sprung = Sprung(link=name, message=message, effects_before=self._effects)
            decision, outcome = self._consequence()
            self._history.wire(name, interval, message, outcome)
            return decision
        dead = self.sprung is not None and self._point is not None
        withheld = dead and message.direction is Direction.REPLY
        self._history.wire(name, interval, message, "withheld" if withheld else "forwarded")
        return Decision.FORWARD

    def _note(self, link: str, message: Message) -> None:
        if self._point is None and self.sprung is None:
            self.messages.append(message)
        if message.boundary:
            self.last_boundary_s = time.monotonic()
        where = (link, message.sequence)
        if message.kind == "InitProducerId" and (name := message.fields.get("transactional_id")):
            self.transactional_ids[str(name)] = None
        if self._interval.committing:
            self._commit_requests.add(where)
        elif is_effect_commit(message):
            self._effect_requests.add(where)
        elif message.direction is Direction.REPLY:
            if where in self._commit_requests and message.system == "kafka":
                self._commit_requests.discard(where)
                self.kafka_commits_answered += 1
            elif where in self._effect_requests and message.system == "postgresql":
                self._effect_requests.discard(where)
                self._effects += message.fields.get("outcome") == "committed"

    def _springs(self, link: str, message: Message, interval: int) -> bool:
        point = self._point
        if point is None or interval != point.interval or message.system != point.system or message.kind != point.kind:
            return False
        if message.direction is Direction.REPLY:
            return point.phase is Phase.REPLIED and self._awaited == (link, message.sequence)
        if message.system == "kafka" and not self._interval.committing:
            return False
        key = (message.system, message.kind)
        self._counts[key] = self._counts.get(key, 0) + 1
        if self._counts[key] != point.nth:
            return False
        self._awaited = (link, message.sequence)
        return point.phase is not Phase.REPLIED

    def _consequence(self) -> tuple[Decision, Outcome]:
        assert self._point is not None  # noqa: S101  # only a set trap springs
        match self._point.phase:
            case Phase.BEFORE:
                return Decision.FREEZE_BEFORE, "dropped"
            case Phase.DELIVERED:
                return Decision.FREEZE_AFTER, "forwarded"
            case Phase.REPLIED:
                return Decision.FREEZE_BEFORE, "withheld"
