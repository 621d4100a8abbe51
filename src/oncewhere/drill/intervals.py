"""Messages of one life come in, in the order of the wire; the address of each boundary request goes out.

An address is local: the ordinal of the commit interval that the request falls into, and which of its kind at its place
it is within that interval. Batches vary from run to run, and pipelining varies the order between connections, so no
global index would mean the same thing twice. The clean run and the trap count with this same code.
"""

from __future__ import annotations

from dataclasses import dataclass

from oncewhere.wire.message import Direction, Message

SQL_SYSTEMS = frozenset({"postgresql", "mysql", "sqlite"})
"""Where a write is durable only with its commit."""
CONFIRMED = frozenset({"committed", "done"})
"""The outcomes in which a server says that an effect is durable."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a boundary request stands in its life.

    Attributes:
        place: the place whose link it crosses.
        kind: the message's kind; `EndTxn-abort` for an EndTxn that aborts, so that it never stands for a commit.
        interval: the commit interval, from 1.
        nth: which request of that kind at that place within the interval, from 1.
    """

    place: str
    kind: str
    interval: int
    nth: int


def is_effect_commit(message: Message) -> bool:
    """True for a request that makes an effect outside Kafka durable."""
    if message.direction is Direction.REPLY or message.system == "kafka" or not message.boundary:
        return False
    return message.kind == "commit" if message.system in SQL_SYSTEMS else True


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


def is_refusable(message: Message) -> bool:
    """True for a whole Produce that waits for an answer: what is sent with `acks=0` hears of no refusal."""
    is_request = message.kind == "Produce" and message.direction is Direction.REQUEST
    return is_request and message.expects_reply and not message.fields.get("partial")


class Addresses:
    """Gives every boundary request of one life its address.

    Attributes:
        interval: the interval that the message last taken belongs to.
        committing: True when that message is the request that ends its interval.
    """

    def __init__(self) -> None:
        self.interval = 1
        self._intervals = Interval()
        self._counts: dict[tuple[str, str], int] = {}

    @property
    def committing(self) -> bool:
        """True when the message last taken is the request that ends its interval."""
        return self._intervals.committing

    def advance(self, place: str, message: Message) -> Address | None:
        """Takes the next message at a place; returns its address, or None where it is no boundary request."""
        interval = self._intervals.advance(message)
        if interval != self.interval:
            self.interval = interval
            self._counts.clear()
        if message.direction is Direction.REPLY or not message.boundary:
            return None
        aborts = message.kind == "EndTxn" and message.fields.get("committed") is False
        kind = f"{message.kind}-abort" if aborts else message.kind
        self._counts[place, kind] = nth = self._counts.get((place, kind), 0) + 1
        return Address(place, kind, interval, nth)
