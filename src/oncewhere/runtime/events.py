"""What a running processor tells: small frozen facts out, in the order in which they happened.

A listener is a callable that takes one event, in the processor's own thread; be quick. What a listener raises
ends the run as a crash would: nothing is caught on its behalf.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oncewhere.records import Partition

logger = logging.getLogger("oncewhere.runtime")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a running processor."""


@dataclass(frozen=True, slots=True)
class Assigned(Event):
    """The group gave partitions; each is read from an offset."""

    starts: Mapping[Partition, int]


@dataclass(frozen=True, slots=True)
class Released(Event):
    """The group took partitions away (`lost`: without asking, since this member was thrown out)."""

    partitions: tuple[Partition, ...]
    lost: bool


@dataclass(frozen=True, slots=True)
class BatchDecided(Event):
    """A place committed its part of a batch: after this, the effects have happened there."""

    place: str
    executed: int
    replayed: int


@dataclass(frozen=True, slots=True)
class Replayed(Event):
    """Redelivered records got recorded results at a place; no effect ran for them."""

    place: str
    calls: int


@dataclass(frozen=True, slots=True)
class DuplicateSuppressed(Event):
    """The same business event at another position: no effect, no output, the offset is passed."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class CallInDoubt(Event):
    """An effect with policy `AtMostOnce` may or may not have happened: no output, the offset is passed, somebody looks.

    Attributes:
        topic: the record's topic.
        partition: its partition's number.
        offset: its offset.
        key: under which `oncewhere effects in-doubt` lists the call.
    """

    topic: str
    partition: int
    offset: int
    key: str


@dataclass(frozen=True, slots=True)
class Compensated(Event):
    """A place undid effects whose Kafka transaction had not committed.

    Attributes:
        place: the place's name.
        undone: how many were undone.
        in_doubt: of how many the undo may have happened or not; each is listed for a person.
    """

    place: str
    undone: int
    in_doubt: int


@dataclass(frozen=True, slots=True)
class TransactionBegun(Event):
    """Kafka's transaction of a batch was begun; every place has decided before."""

    records: int
    outputs: int


@dataclass(frozen=True, slots=True)
class TransactionCommitted(Event):
    """Outputs and offsets of a batch are visible in Kafka.

    Attributes:
        records: how many were consumed.
        outputs: how many were produced.
        offsets: the next one to consume, for each partition of the batch.
        handle_s: from the batch's first record to the end of its last handler, in seconds.
        commit_s: from the last output to the end of the transaction: outputs leave, offsets are sent, EndTxn is
            answered; in seconds.
    """

    records: int
    outputs: int
    offsets: Mapping[Partition, int]
    handle_s: float = 0.0
    commit_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TransactionAborted(Event):
    """A batch did not commit, or nobody knows whether it did; a rewind follows.

    Attributes:
        reason: why, in words.
        unconfirmed: True where nobody knows.
        begun: whether its Kafka transaction had been begun; where a handler or a place failed first, it had not.
    """

    reason: str
    unconfirmed: bool
    begun: bool = True


@dataclass(frozen=True, slots=True)
class Rewound(Event):
    """Reading goes on from the group's committed offsets."""

    reason: str
    starts: Mapping[Partition, int]


@dataclass(frozen=True, slots=True)
class RecordsGone(Event):
    """Records were deleted before they were processed (retention): `auto.offset.reset` chose where reading goes on.

    Attributes:
        partition: whose.
        offset: where it should have gone on.
        resumed: where it does.
    """

    partition: Partition
    offset: int
    resumed: int


@dataclass(frozen=True, slots=True)
class ProducerReplaced(Event):
    """The producer was replaced by a new one with the same `transactional.id`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Fenced(Event):
    """Another producer has our `transactional.id`, or our transaction timed out; the run ends."""

    reason: str


@dataclass(frozen=True, slots=True)
class RecordRejected(Event):
    """A handler or a decoder failed for one record: its batch goes on without it, or the run ends.

    Attributes:
        topic: the record's topic.
        partition: its partition's number.
        offset: its offset.
        error: the error's class and nothing else: what it says may show the payload.
        attempt: how often it was tried.
        action: `dead-letter` or `skip`, told once the batch is committed; `stop`, told before the run ends.
    """

    topic: str
    partition: int
    offset: int
    error: str
    attempt: int
    action: str


@dataclass(frozen=True, slots=True)
class Draining(Event):
    """The run was asked to stop: it takes no more records, and finishes what is open."""


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """The run ended as it was asked to."""


Listener = Callable[[Event], None]

_LEVELS: Mapping[type[Event], int] = {
    Assigned: logging.INFO,
    Released: logging.INFO,
    BatchDecided: logging.DEBUG,
    Replayed: logging.INFO,
    DuplicateSuppressed: logging.INFO,
    CallInDoubt: logging.WARNING,
    Compensated: logging.WARNING,
    TransactionBegun: logging.DEBUG,
    TransactionCommitted: logging.DEBUG,
    TransactionAborted: logging.WARNING,
    Rewound: logging.INFO,
    RecordsGone: logging.ERROR,
    ProducerReplaced: logging.WARNING,
    RecordRejected: logging.WARNING,
    Fenced: logging.ERROR,
    Draining: logging.INFO,
    Stopped: logging.INFO,
}


def log(event: Event) -> None:
    """The listener that is always there: writes the event to the logger `oncewhere.runtime`."""
    level = _LEVELS.get(type(event), logging.INFO)
    if logger.isEnabledFor(level):
        logger.log(level, "%s", event)


def both(one: Listener, other: Listener) -> Listener:
    """Two listeners as one; the first hears it first."""

    def emit(event: Event) -> None:
        one(event)
        other(event)

    return emit
