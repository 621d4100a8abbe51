"""What the runtime asks of a system outside Kafka: a `Batch` in, effects executed or recalled, one decision out.

The order, for every batch and every place (the offset-ledger protocol; `tests/model` explores it exhaustively):

1. `OpenPlace.assigned`: the group gave us partitions, to be read from a start: what has this place done of them
   already?
2. `OpenPlace.begin`: a batch arrives; nothing is opened yet.
3. `Work.run`, for each effect that a handler asks for: executed, or recalled.
4. `Work.decide`: the effects, their results and the position commit together. After this the batch *has happened* here.
5. Kafka's transaction follows. `Work.confirmed` tells the place that it committed.
   Or: something failed before 4 (`Work.abandon`), or after it: the runtime rewinds and calls `assigned` again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oncewhere.effects.effect import Effect
    from oncewhere.effects.policy import Policy
    from oncewhere.records import Partition

C_co = TypeVar("C_co", covariant=True)


class UndecidedError(Exception):
    """The place did not decide the batch, or nobody knows: abandon it, rewind, and go by what is recorded.

    Args:
        reason: why, in words.
        unknown: True when the batch may have been decided (the answer to COMMIT was lost).
    """

    def __init__(self, reason: str, *, unknown: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.unknown = unknown


@dataclass(frozen=True, slots=True)
class Start:
    """Where reading a partition starts.

    Attributes:
        offset: the first offset that will be delivered, or an offset before it.
        committed: True when it is the group's committed offset; False when the group has none, and `auto.offset.reset`
            chose this one.
    """

    offset: int
    committed: bool


@dataclass(frozen=True, slots=True)
class Span:
    """What a batch covers of one partition: offsets in `[start, end)`; not each of them need be a record."""

    partition: Partition
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Batch:
    """What one Kafka transaction will cover, of the topics that concern a place.

    Attributes:
        spans: one per partition.
        identities: the business identities of the batch's records, where the place's policy needs them; None for a
            record without one.
    """

    spans: Sequence[Span]
    identities: Sequence[str | None] = ()


class Call(msgspec.Struct, frozen=True, gc=False):
    """One `tx.run` of a handler; there is one for each record, so it is made as cheaply as can be.

    Attributes:
        effect: what to run.
        partition: partition of the record being handled.
        offset: its offset.
        nth: 0 for the record's first call of this effect, 1 for its second, …
        identity: the record's business identity, or None where it has none.
    """

    effect: Effect[Any, Any]
    partition: Partition
    offset: int
    nth: int
    identity: str | None


@dataclass(frozen=True, slots=True)
class Tally:
    """What a work did, in numbers of calls."""

    executed: int
    replayed: int


class Work(Protocol):
    """One batch at one place, from its first effect to its decision."""

    def run(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Executes the effect and records its result; or gives the recorded result of an earlier delivery.

        Raises:
            DuplicateEvent: the same event was done at another position.
            ReplayError: the record is redelivered, and this call was not recorded.
            UndecidedError: the place cannot go on with this batch.
            Exception: whatever the effect raised.
        """

    def run_each(self, calls: Sequence[Call], values: Sequence[Any], lanes: Sequence[object]) -> list[Any]:
        """Runs one effect for many records: executed together where the effect takes a list, one by one otherwise.

        Args:
            calls: one for each record, of one effect, in order.
            values: what each is run with.
            lanes: a record's key; calls of one lane are never overtaken by each other.

        Returns:
            For each call its result, or the `DuplicateEvent` or `EffectInDoubt` that it would have raised.

        Raises:
            Exception: see `run`; nothing of the batch counts then.
        """

    def decide(self) -> Tally:
        """Commits effects, results and position together. When it returns, the batch has happened here.

        Raises:
            UndecidedError: it was not committed, or the answer was lost.
        """

    def abandon(self) -> None:
        """Takes back everything since the batch began. Never raises: it must not hide what caused it."""

    def confirmed(self) -> None:
        """Kafka's transaction committed: what was kept for a replay of this batch may be forgotten."""


class OpenPlace(Protocol):
    """A place with its connection open, owned by one running processor."""

    def assigned(self, starts: Mapping[Partition, Start]) -> None:
        """Reads what this place has done of these partitions. Called again after every rewind.

        Raises:
            LedgerRefusedError: what is recorded contradicts the starts.
            UndecidedError: the place does not answer.
        """

    def released(self, partitions: Iterable[Partition]) -> None:
        """Forgets partitions that the group took away."""

    def begin(self, batch: Batch) -> Work:
        """Begins a batch; opens nothing yet."""

    def close(self) -> None:
        """Gives back the connection. Never raises."""


@runtime_checkable
class OwesUndo(Protocol):
    """An open place that undoes what Kafka did not commit.

    After `assigned`, and before `begin`, the runtime proves that the group still counts us as the owner of those
    partitions (a Kafka transaction that moves nothing commits), and then calls `undo`.
    """

    def undo(self) -> tuple[int, int]:
        """Undoes what `assigned` found to be owed; gives how many were undone, and how many undos are in doubt.

        Raises:
            UndecidedError: it does not get as far; what is left is owed after the next `assigned`.
        """


@runtime_checkable
class Registers(Protocol):
    """A place that must know its effects, since it may have to undo one that no record asks for."""

    def register(self, effect: Effect[Any, Any]) -> None:
        """Takes note of an effect that was declared here."""


@runtime_checkable
class Place(Protocol[C_co]):
    """A system outside Kafka, declared; `C_co` is what an effect gets there as its first argument."""

    @property
    def name(self) -> str:
        """The user's name for it, such as `bank`."""

    @property
    def system(self) -> str:
        """What it is: `postgresql`."""

    @property
    def policy(self) -> Policy:
        """How duplicates are prevented there."""

    @property
    def idle_limit_s(self) -> float | None:
        """After how many seconds the system itself ends a transaction of ours that stands still.

        None where no transaction stays open there, or nobody watches it (SQLite).
        """

    def open(self, group_id: str) -> OpenPlace:
        """Connects, and checks or creates the tables that the policy needs.

        Raises:
            ConfigurationError: a table is missing or has the wrong shape.
            UnreachableError: the system does not answer.
        """

    def connection_type(self) -> type[C_co]:
        """The type of an effect's first argument."""
