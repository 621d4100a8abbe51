"""Kafka as the runtime sees it, in memory: calls of confluent_kafka's clients in, answers and faults out.

The broker's side (`Broker`) has what a transaction is made of: epochs by transactional.id, one open transaction each,
the group's generation and committed offsets, EndTxn requests that are still on their way. The clients' side (`Client`)
stands in for confluent_kafka's classes; before each call that speaks to a broker, a `Chooser` says what becomes of it.

What it takes from the real thing (facts measured on Kafka 4.3.1 with librdkafka 2.x): InitProducerId aborts what is
open under its name and raises the epoch; an EndTxn of an older epoch is refused, one of the same epoch ends whatever
is open (the old transaction protocol); TxnOffsetCommit checks the generation, unless it names no member; committed
offsets are not stable while an open transaction holds some.
"""

from __future__ import annotations

import struct
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from invariants import commit_is_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from exploration import Chooser

INPUT, OUTPUT = "in", "out"
TRANSACTION_TIMEOUT_S = 1.0
MAX_CALLS = 2_000  # of one process: what needs more will never end
STEP_S = 0.001  # what each call takes


class CrashedError(BaseException):
    """The process is dead; nothing that it still tries has any effect."""


class StuckError(AssertionError):
    """No progress although nothing is in the way any more."""


class Clock:
    """Time, as far as the runtime looks at it: moved on by waiting."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, STEP_S)


@dataclass
class OpenTransaction:
    """What a producer has sent since its last EndTxn."""

    began: float
    outputs: list[bytes] = field(default_factory=list)
    offsets: dict[int, int] = field(default_factory=dict)


@dataclass
class Broker:
    """All that outlives a process.

    Attributes:
        inputs: by partition, its records' values.
        committed: by partition, the group's committed offset.
        visible: what a read_committed reader sees of the output, in order.
        effects: how often each input's effect happened; None where there are none.
        owners: by name, the process that took it last.
        stable_reads: False plants a mistake: committed offsets are read while a transaction holds some.
    """

    inputs: dict[int, list[bytes]]
    clock: Clock
    committed: dict[int, int] = field(default_factory=dict)
    visible: list[bytes] = field(default_factory=list)
    epochs: dict[str, int] = field(default_factory=dict)
    open: dict[str, OpenTransaction] = field(default_factory=dict)
    generation: int = 0
    members: dict[str, int] = field(default_factory=dict)  # by name: the generation it joined in, or was told of
    late: list[tuple[int, str, int]] = field(default_factory=list)  # EndTxn(commit) on its way: calls left, id, epoch
    commits: int = 0
    effects: dict[bytes, int] | None = None
    owners: dict[str, Process] = field(default_factory=dict)
    stable_reads: bool = True

    @property
    def done(self) -> bool:
        """True when the group has committed all inputs."""
        return all(self.committed.get(p, 0) == len(values) for p, values in self.inputs.items())

    def take_identity(self, name: str) -> int:
        """InitProducerId: what is open under that name is aborted; gives the new epoch."""
        self.open.pop(name, None)
        self.epochs[name] = self.epochs.get(name, -1) + 1
        return self.epochs[name]

    def begin(self, name: str) -> OpenTransaction:
        """The transaction of that name; begun by the first thing that is sent in it."""
        return self.open.setdefault(name, OpenTransaction(self.clock.now))

    def end(self, name: str, epoch: int, *, commit: bool) -> bool:
        """EndTxn; False where the epoch is not the newest."""
        if self.epochs.get(name) != epoch:
            return False
        transaction = self.open.pop(name, None)
        if transaction is not None and commit:
            self._commit(transaction)
        return True

    def expire(self) -> None:
        """The coordinator aborts what is open for too long, and fences its producer."""
        for name, transaction in list(self.open.items()):
            if self.clock.now - transaction.began > TRANSACTION_TIMEOUT_S:
                self.take_identity(name)

    def deliver_late(self) -> None:
        """One call has passed: an EndTxn that was on its way may arrive."""
        waiting, self.late = self.late, []
        for calls, name, epoch in waiting:
            if calls:
                self.late.append((calls - 1, name, epoch))
            else:
                self.end(name, epoch, commit=True)

    def unstable(self, partitions: Iterable[int]) -> bool:
        """True while an open transaction holds offsets of one of them (KIP-447)."""
        held = {partition for transaction in self.open.values() for partition in transaction.offsets}
        return self.stable_reads and any(partition in held for partition in partitions)

    def join(self, name: str) -> int:
        """A member comes (again): a new generation, which the others have not heard of yet."""
        self.generation += 1
        self.members[name] = self.generation
        return self.generation

    def leave(self, name: str) -> None:
        """A member goes."""
        if self.members.pop(name, None) is not None:
            self.generation += 1

    def _commit(self, transaction: OpenTransaction) -> None:
        commit_is_whole(self, transaction)
        self.commits += 1
        self.committed.update(transaction.offsets)
        self.visible += transaction.outputs


def error(code: int, *, fatal: bool = False, abortable: bool = False, retriable: bool = False) -> KafkaException:
    """What confluent_kafka raises."""
    return KafkaException(
        KafkaError(code, "simulated", fatal=fatal, retriable=retriable, txn_requires_abort=abortable),
    )


class Process:
    """One life of a processor: its calls, until it is dead.

    Args:
        broker: what outlives it.
        name: its transactional.id, and its member's name.
        chooser: what becomes of each call.
        successor: runs another process in the middle of this one's call; None in such a process itself.
        only: the partitions that it gets; None for all.
        commits: it stops after so many; None for as many as there are.
    """

    def __init__(
        self,
        broker: Broker,
        name: str,
        chooser: Chooser,
        *,
        successor: Callable[[str, set[int] | None], None] | None = None,
        only: set[int] | None = None,
        commits: int | None = None,
    ) -> None:
        self.broker = broker
        self.name = name
        self.chooser = chooser
        self.successor = successor
        self.only = only
        self.stop: Callable[[], None] = _nothing
        self.consumer: Any = None
        self.begun = 0  # transactions
        self.told = 0.0  # of them, by events
        self._last = None if commits is None else broker.commits + commits
        self._dead = False
        self._calls = 0
        broker.owners[name] = self

    @property
    def replaced(self) -> bool:
        """True when a newer process has its name."""
        return self.broker.owners[self.name] is not self

    @property
    def finished(self) -> bool:
        """True when it has nothing left to do."""
        broker = self.broker
        mine = broker.inputs if self.only is None else self.only
        return (self._last is not None and broker.commits >= self._last) or all(
            broker.committed.get(p, 0) == len(broker.inputs[p]) for p in mine
        )

    def call(self, point: str, *faults: str) -> str:
        """One call: time passes, and the chooser says what becomes of it.

        Args:
            point: the call's name.
            faults: what may happen to it, beside a crash and what others do meanwhile.
        """
        if self._dead:
            raise CrashedError
        self._calls += 1
        if self._calls > MAX_CALLS:
            raise StuckError(f"{MAX_CALLS} calls, and the group stands at {self.broker.committed}")
        self.broker.clock.sleep(STEP_S)
        self.broker.deliver_late()
        self.broker.expire()
        if self.finished:
            self.stop()
        if self.broker.done:
            return ""  # what follows moves nothing any more
        options = ["", *faults, "crash before", "crash after"]
        if self.successor is not None:
            options += ["restarted elsewhere", "partitions given away"]
        chosen = self.chooser.choose(f"{self.name} {point}", options)
        if chosen == "crash before":
            self.crash()
        elif chosen == "restarted elsewhere" and self.successor is not None:
            self.successor(self.name, None)
        elif chosen == "partitions given away" and self.successor is not None:
            self.successor(f"{self.name}'", None)
        return chosen

    def after(self, chosen: str) -> None:
        """The call has had its effect."""
        if chosen == "crash after":
            self.crash()

    def crash(self) -> NoReturn:
        """SIGKILL."""
        self._dead = True
        raise CrashedError


def _nothing() -> None:
    pass


class Message:
    """One record, as a consumer gives it."""

    def __init__(self, partition: int, offset: int, value: bytes) -> None:
        self._at = (partition, offset)
        self._value = value

    def topic(self) -> str:
        return INPUT

    def partition(self) -> int:
        return self._at[0]

    def offset(self) -> int:
        return self._at[1]

    def key(self) -> bytes | None:
        return None

    def value(self) -> bytes:
        return self._value

    def headers(self) -> None:
        return None

    def timestamp(self) -> tuple[int, int]:
        return (0, -1)

    def error(self) -> KafkaError | None:
        return None

    def __len__(self) -> int:
        return len(self._value)


def metadata(generation: int, member: str) -> bytes:
    """The group metadata, in librdkafka's form."""
    return b"CGMDv2:" + struct.pack("=i", generation) + b"group\0" + member.encode() + b"\0\0"


def described(topics: Iterable[str]) -> dict[str, Future[Any]]:
    """What `AdminClient.describe_topics` gives."""
    futures: dict[str, Future[Any]] = {}
    for topic in topics:
        futures[topic] = Future()
        futures[topic].set_result(SimpleNamespace(topic_id=f"id of {topic}"))
    return futures


def listed(*topics: str) -> SimpleNamespace:
    """What `list_topics` gives."""
    return SimpleNamespace(topics={topic: SimpleNamespace(error=None, partitions={0: None}) for topic in topics})


def positions_of(asked: Iterable[Any], offsets: Callable[[int], int]) -> list[Any]:
    """The asked partitions, each with an offset."""
    return [TopicPartition(tp.topic, tp.partition, offsets(tp.partition)) for tp in asked]
