"""The messages of a clean run come in; the crash points that a drill visits come out.

A point is addressed by what is local to it: the ordinal of the Kafka commit interval that it falls into, and the nth
message of its kind within that interval. Batches vary from run to run and pipelining varies the order of messages
between connections, so no global index would mean the same thing twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from oncewhere.errors import InconclusiveError
from oncewhere.wire.message import Direction, Message


class NamedCrash(StrEnum):
    """The three crashes that everybody must feel, in the order in which they are shown."""

    BEFORE_EFFECT = "before-effect"
    AFTER_EFFECT = "after-effect"
    AFTER_COMMIT = "after-commit"

    @property
    def words(self) -> str:
        """The crash in words, as a column's head or a part of a sentence."""
        return _TITLES[self]


_TITLES = {
    NamedCrash.BEFORE_EFFECT: "before the external effect",
    NamedCrash.AFTER_EFFECT: "after the effect, before the Kafka commit",
    NamedCrash.AFTER_COMMIT: "after the Kafka commit",
}


class Phase(StrEnum):
    """What becomes of the message at which the processor dies."""

    BEFORE = "before"
    """The request is dropped: the server never sees it."""
    DELIVERED = "delivered"
    """The request is forwarded; the processor is dead before the server answers."""
    REPLIED = "replied"
    """The server answered; the processor is dead before it sees the answer."""

    @property
    def direction(self) -> Direction:
        """The direction of the message that springs the trap."""
        return Direction.REPLY if self is Phase.REPLIED else Direction.REQUEST


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashPoint:
    """Where the processor is killed.

    Attributes:
        name: the crash's name in every table, file and command.
        system: the protocol of the message.
        kind: the message's kind.
        interval: commit interval, from 1: the span that ends with the interval's EndTxn (or OffsetCommit) request.
        nth: the nth such message within that interval, from 1.
        phase: what becomes of the message.
    """

    name: NamedCrash
    system: str
    kind: str
    interval: int
    nth: int
    phase: Phase

    def __str__(self) -> str:
        return f"{self.system} {self.kind} {self.nth} of commit interval {self.interval}, {self.phase}"


def is_effect_commit(message: Message) -> bool:
    """True for a request that makes an effect outside Kafka durable."""
    return message.system == "postgresql" and message.kind == "commit" and message.direction is Direction.REQUEST


class Interval:
    """Counts commit intervals along one life of a processor; fed with every message in the order of the wire.

    An interval ends with the request that makes consumed positions final: EndTxn(commit) of a transaction that offsets
    were sent to, or an OffsetCommit. The EndTxn of a transaction without offsets ends nothing.

    Attributes:
        number: the current interval, from 1.
        committing: True when the message last taken is the request that ends its interval.
    """

    def __init__(self) -> None:
        self.number = 1
        self.committing = False
        self._ended = False
        self._with_offsets: set[str] = set()

    def advance(self, message: Message) -> int:
        """Takes the next message; returns the number of the interval that it belongs to.

        The commit's own request and reply belong to the interval that they end; the first boundary request after them
        opens the next.
        """
        self.committing = False
        if message.direction is Direction.REPLY or not message.boundary:
            return self.number
        if self._ended:
            self._ended = False
            self.number += 1
        self._ended = self.committing = self._commits(message)
        return self.number

    def _commits(self, message: Message) -> bool:
        name = str(message.fields.get("transactional_id"))
        match message.kind if message.system == "kafka" else None:
            case "TxnOffsetCommit":
                self._with_offsets.add(name)
            case "EndTxn":
                with_offsets = name in self._with_offsets
                self._with_offsets.discard(name)
                return with_offsets and message.fields.get("committed") is True
            case "OffsetCommit":
                return True
        return False


def mission_points(messages: Iterable[Message], *, has_effects: bool) -> tuple[CrashPoint, ...]:
    """The three named crashes, placed in the middle of a clean run.

    Args:
        messages: every message of the clean run, in the order of the wire.
        has_effects: True where the declaration names places outside Kafka.

    Raises:
        InconclusiveError: the clean run holds no Kafka commit, or no effect although one is declared.
    """
    intervals: dict[int, list[Message]] = {}
    commits: dict[int, str] = {}
    counter = Interval()
    for message in messages:
        number = counter.advance(message)
        intervals.setdefault(number, []).append(message)
        if counter.committing:
            commits[number] = message.kind
    whole = list(commits)
    if not whole:
        raise InconclusiveError(
            "The clean run committed no consumed position through the drill's Kafka address.",
            hint="Does the processor take its broker's address from the environment that the declaration gives it?",
        )
    with_effects = [n for n in whole if any(is_effect_commit(m) for m in intervals[n])]
    if has_effects and not with_effects:
        raise InconclusiveError(
            "The clean run wrote to no database through the drill's addresses, but an effect is declared.",
            hint="Does the processor take its database's address from the environment that the declaration gives it?",
        )
    candidates = with_effects if has_effects else whole
    interval = candidates[len(candidates) // 2]
    commit = commits[interval]
    points = [
        CrashPoint(
            name=NamedCrash.AFTER_EFFECT,
            system="kafka",
            kind=commit,
            interval=interval,
            nth=1,
            phase=Phase.BEFORE,
        ),
        CrashPoint(
            name=NamedCrash.AFTER_COMMIT,
            system="kafka",
            kind=commit,
            interval=interval,
            nth=1,
            phase=Phase.REPLIED,
        ),
    ]
    if has_effects:
        points.insert(
            0,
            CrashPoint(
                name=NamedCrash.BEFORE_EFFECT,
                system="postgresql",
                kind="commit",
                interval=interval,
                nth=1,
                phase=Phase.BEFORE,
            ),
        )
    return tuple(points)
