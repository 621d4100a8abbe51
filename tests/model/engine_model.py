"""The real runtime on a simulated Kafka, explored: a size and planted mistakes in; the first violation out.

Nothing of `oncewhere.runtime` is replaced but confluent_kafka, the clock, and the thread that commits (its call runs
when a choice says so, so that reading ahead is explored too). The effect's place is a small one in memory, but its
decisions are those of `oncewhere.effects.ledger`.

In each run a processor `a` works until the group has committed all inputs; whenever it ends before that, it is started
again. At each call it may crash, lose the call's answer, be stopped, be overtaken by a successor of the same name or
by another member; that one works for the length of one commit, and then `a` goes on as if nothing had happened.

Run it by hand:  python engine_model.py [effects] [eager] [faults=2 | throws=10000 seed=1] [mistake …]
"""

from __future__ import annotations

import logging
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from exploration import Chooser, random_runs, runs
from simulated_clients import AdminClient, Consumer, Producer
from simulated_kafka import (
    INPUT,
    OUTPUT,
    Broker,
    Clock,
    CrashedError,
    Process,
    StuckError,
    ViolationError,
    metadata,
)

from oncewhere import DeadLetter, Processor, effect
from oncewhere.effects.ledger import LedgerRow, Standing, forget, move, moved, recall, stand
from oncewhere.effects.place import Tally, UndecidedError
from oncewhere.effects.policy import OffsetLedger, Policy
from oncewhere.effects.recorded import CallKey
from oncewhere.errors import FencedError, NoProgressError, UnreachableError
from oncewhere.runtime import agreement, engine, events, pace, processor, streaming
from oncewhere.runtime.failures import Treatment, outcome
from oncewhere.runtime.kafka import reader, writer
from oncewhere.runtime.states import Call as KafkaCall
from oncewhere.runtime.states import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from oncewhere import Record, Transaction
    from oncewhere.effects.place import Batch, Call, Start
    from oncewhere.records import Partition

MAX_LIVES = 100  # of one processor; each fault can end one
MAX_BATCH_RECORDS = 3
LONG_S = 0.3  # for a handler: below the transaction timeout, beyond all else
CHANCE = 0.15  # of a fault at each point, where they are thrown


class Mistake(StrEnum):
    """A mistake to plant in the runtime; the exploration must find each."""

    NO_REWIND = "no-rewind"
    """An abort leaves the consumer's positions where they are."""
    REUSE_PRODUCER = "reuse-producer"
    """A producer is used again after an EndTxn whose outcome is unknown."""
    NO_GENERATION = "no-generation"
    """Offsets are sent without the group's metadata."""
    UNSTABLE = "unstable"
    """The committed offset is read while a transaction holds offsets."""
    KEEP_GROWING = "keep-growing"
    """The batch that grows survives the rewind."""
    KEEP_LEFTOVER = "keep-leftover"
    """Records that were taken and not handled survive the rewind."""
    READ_AHEAD_OF_REVOKE = "read-ahead-of-revoke"
    """Records of a partition that went while they were taken are handled."""
    LATE_POSITIONS = "late-positions"
    """Positions are taken when a batch commits, and not when it is sealed."""
    DRAIN_WHAT_FAILED = "drain-what-failed"
    """A batch that failed while the run was told to stop is finished like a good one."""
    HANDLE_BEFORE_REWIND = "handle-before-rewind"
    """Records are handled that were taken before asking a place led to a rewind."""
    NO_CAS = "no-cas"
    """The ledger row is written without comparing it."""


@dataclass(frozen=True)
class Size:
    """What is explored.

    Attributes:
        effects: True for handlers with an effect.
        cooperative: True where partitions go one by one.
        faults: how many in one run.
        throws: so many runs with faults thrown by chance instead, any number of them; 0 for all combinations.
        ahead: False where handlers wait for the commit before.
        inputs: records of each partition.
    """

    effects: bool = False
    cooperative: bool = True
    faults: int = 1
    throws: int = 0
    ahead: bool = True
    inputs: tuple[int, ...] = (3, 2)


@dataclass(frozen=True)
class Verdict:
    """What the exploration found.

    Attributes:
        runs: how many were made.
        violation: what the first bad one violated; None where all were good.
        trace: its faults, in order.
    """

    runs: int
    violation: str | None = None
    trace: tuple[str, ...] = ()


class World:
    """One run: what outlives the processes, and which of them runs.

    Args:
        size: what is explored.
        chooser: what happens.
    """

    def __init__(self, size: Size, chooser: Chooser) -> None:
        self.size = size
        self.chooser = chooser
        inputs = {
            partition: [f"{partition}-{offset}".encode() for offset in range(count)]
            for partition, count in enumerate(size.inputs)
        }
        self.broker = Broker(inputs, Clock(), effects={} if size.effects else None)
        self.rows: dict[Partition, LedgerRow] = {}
        self.compare_and_set = True
        self.running: list[Process] = []
        self.commits: dict[Process, bool] = {}

    @property
    def process(self) -> Process:
        """The one whose calls are made now."""
        return self.running[-1]

    @property
    def committing(self) -> bool:
        """True while a commit of the running process is under way."""
        return self.commits.get(self.process, False)

    def life(self, process: Process) -> None:
        """One processor, from its start to its end."""
        app = _processor(self, process.name)
        process.stop = app.stop
        self.running.append(process)
        try:
            app.run()
        except (CrashedError, FencedError, NoProgressError, UnreachableError):
            pass  # its supervisor starts it again
        finally:
            self.running.pop()

    def successor(self, name: str, only: set[int] | None) -> None:
        """Another process, while one is in the middle of a call."""
        self.life(Process(self.broker, name, self.chooser, only=only, commits=1))
        if name != self.process.name:
            self.broker.leave(name)  # it may have crashed; its session is over by now

    def run(self) -> None:
        """Processes all inputs, and looks at what came of it."""
        for _ in range(MAX_LIVES):
            if self.broker.done:
                break
            self.life(Process(self.broker, "a", self.chooser, successor=self.successor))
        else:
            raise StuckError(f"{MAX_LIVES} lives, and the group stands at {self.broker.committed}")
        while self.broker.late:
            self.broker.deliver_late()
        every = [value for values in self.broker.inputs.values() for value in values]
        if sorted(self.broker.visible) != sorted(every):
            raise ViolationError(f"outputs {self.broker.visible}")
        if self.broker.effects is not None and self.broker.effects != dict.fromkeys(every, 1):
            raise ViolationError(f"effects {self.broker.effects}")


def _processor(world: World, name: str) -> Processor:
    settings: dict[str, Any] = {
        "bootstrap.servers": "simulated",
        "transaction.timeout.ms": 1000,
        "partition.assignment.strategy": "cooperative-sticky" if world.size.cooperative else "range",
    }

    def look(event: events.Event) -> None:
        if isinstance(event, events.Rewound):
            for partition, position in event.starts.items():
                if position > world.broker.committed.get(partition.number, 0):
                    raise ViolationError(f"after a rewind {partition} stands ahead of the committed offset")

    app = Processor(
        settings,
        group_id="group",
        transactional_id=name,
        commit_interval_ms=0,
        max_batch_records=None if world.size.ahead else MAX_BATCH_RECORDS,
        on_event=look,
    )
    uses = [_effect(world)] if world.size.effects else []

    @app.consume(INPUT, bytes, effects=uses, on_error=DeadLetter(OUTPUT, max_attempts=1000))
    def handle(record: Record[bytes], tx: Transaction) -> None:
        if not (world.size.ahead or uses) and world.committing:
            raise ViolationError("a handler runs before the commit before it has ended")
        chosen = world.process.chooser.choose("handler", ["", "fails", "fails after its output", "takes long"])
        if chosen == "fails":
            raise RuntimeError
        if chosen == "takes long":
            world.broker.clock.sleep(LONG_S)
        value = tx.run(uses[0], record.value) if uses else record.value
        tx.produce(OUTPUT, value)
        if chosen == "fails after its output":
            raise RuntimeError

    return app


def _effect(world: World) -> Any:
    @effect(Bank(world))
    def apply(connection: None, value: bytes) -> bytes:
        del connection
        return value

    return apply


class Bank:
    """A place in memory, with the ledger's own decisions."""

    name, system = "bank", "memory"
    policy: Policy = OffsetLedger()
    idle_limit_s = 0.5

    def __init__(self, world: World) -> None:
        self.world = world
        self._standings: dict[Partition, Standing] = {}

    def connection_type(self) -> type[None]:
        return type(None)

    def open(self, group_id: str) -> Bank:
        del group_id
        return self

    def assigned(self, starts: Mapping[Partition, Start]) -> None:
        self.world.process.call("read the ledger")
        for partition, start in starts.items():
            row = self.world.rows.get(partition)
            self._standings[partition] = stand(partition, row, start, group_id="group", place="bank")

    def released(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self._standings.pop(partition, None)

    def begin(self, batch: Batch) -> BankWork:
        return BankWork(self.world, self._standings, batch)

    def close(self) -> None:
        pass


class BankWork:
    """One batch of the bank."""

    def __init__(self, world: World, standings: dict[Partition, Standing], batch: Batch) -> None:
        self._world = world
        self._standings = standings
        self._batch = batch
        self._executed: dict[Partition, dict[CallKey, bytes]] = {}
        self._done: list[bytes] = []
        self._recalled = 0

    def run(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        key = CallKey(call.offset, call.effect.name, call.nth)
        raw = recall(self._standings[call.partition], call.partition, key)
        if raw is not None:
            self._recalled += 1
            return call.effect.codec.decode(raw)
        result = call.effect.function(None, *args, **kwargs)
        self._executed.setdefault(call.partition, {})[key] = call.effect.codec.encode(result)
        self._done.append(args[0])
        return result

    def decide(self) -> Tally:
        world = self._world
        chosen = world.process.call("decide", "answer lost", "request lost", "deadlock")
        if chosen in {"request lost", "deadlock"}:
            raise UndecidedError(chosen, unknown=chosen == "request lost")
        moves = [
            move(self._standings[span.partition], span, self._executed.get(span.partition, {}))
            for span in self._batch.spans
        ]
        for written in moves:
            row = None if written is None else world.rows.get(written.partition)
            if written is not None and world.compare_and_set:
                found = None if row is None else row.next_offset
                if found != written.expected:
                    raise UndecidedError("another instance was faster")
        for written in moves:
            if written is not None:
                row = LedgerRow(written.next_offset, written.covered_from, written.results)
                world.rows[written.partition] = row
        effects = world.broker.effects
        assert effects is not None
        for value in self._done:
            effects[value] = effects.get(value, 0) + 1
            if effects[value] > 1:
                raise ViolationError(f"effect twice: {value!r}")
        if chosen == "answer lost":
            raise UndecidedError(chosen, unknown=True)
        for written in moves:
            if written is not None:
                self._standings[written.partition] = moved(written)
        world.process.after(chosen)
        return Tally(len(self._done), self._recalled)

    def abandon(self) -> None:
        pass

    def confirmed(self) -> None:
        for span in self._batch.spans:
            if span.partition in self._standings:
                self._standings[span.partition] = forget(self._standings[span.partition], span.end)


class Committer:
    """Stands in for the thread that commits: the call runs when it is chosen to.

    Args:
        world: where its process runs.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._process = world.process
        self._call: Callable[[], Any] | None = None
        self._looks = 0
        self._result: tuple[Any, ...] = ()

    def submit(self, call: Callable[[], Any]) -> None:
        assert self._call is None, "one commit at a time"
        looks = {"": 1, "at once": 0, "later": 5}
        self._looks = looks[self._process.chooser.choose(f"{self._process.name} commit runs", list(looks))]
        self._call = call
        self._world.commits[self._process] = True

    def outcome(self, wait_s: float) -> tuple[bool, Any]:
        call = self._call
        if call is None:
            return False, None
        self._looks -= 1
        if self._looks >= 0 and not wait_s:
            return False, None
        self._call = None
        self._world.commits[self._process] = False
        return True, call()

    def close(self) -> None:
        pass


class Caller:
    """Stands in for the thread that `Writer` can leave alone: every call returns."""

    def submit(self, call: Callable[[], Any]) -> None:
        self._call = call

    def outcome(self, wait_s: float) -> tuple[bool, Any]:
        del wait_s
        return True, self._call()

    def close(self) -> None:
        pass


@contextmanager
def simulated(world: World) -> Iterator[None]:
    """confluent_kafka, the clock and the committing thread are this world's."""
    with ExitStack() as stack:
        for limit in ("MAX_BATCH_RECORDS", "MAX_STREAM_RECORDS"):
            stack.enter_context(patch.object(processor, limit, MAX_BATCH_RECORDS))
        stack.enter_context(patch.object(pace, "FIRST_RECORDS", 1))  # so that few records make several batches
        for module in (reader, writer, engine, agreement, streaming):
            stack.enter_context(patch.object(module, "time", world.broker.clock))
        clients = {
            (reader, "Consumer"): lambda *_, **__: Consumer(world.process, cooperative=world.size.cooperative),
            (reader, "AdminClient"): lambda *_, **__: AdminClient(),
            (writer, "Producer"): lambda *_, **__: Producer(world.process),
            (engine, "Committer"): lambda: Committer(world),
            (writer, "Committer"): Caller,
        }
        for (module, name), made in clients.items():
            stack.enter_context(patch.object(module, name, made))
        yield


@contextmanager
def planted(world: World, mistakes: Iterable[Mistake]) -> Iterator[None]:
    """The runtime, with these mistakes in it."""
    with ExitStack() as stack:
        for mistake in mistakes:
            _PLANT[mistake](world, stack)
        yield


def _no_rewind(_: World, stack: ExitStack) -> None:
    stack.enter_context(patch.object(reader.Reader, "_seek", lambda *_: None))


def _reuse_producer(_: World, stack: ExitStack) -> None:
    def guess(call: KafkaCall, failure: Any) -> Outcome:
        if call is KafkaCall.COMMIT and failure.treatment is Treatment.RETRIABLE:
            return Outcome.ABORTABLE
        return outcome(call, failure)

    stack.enter_context(patch.object(writer, "outcome", guess))


def _no_generation(_: World, stack: ExitStack) -> None:
    stack.enter_context(patch.object(reader.Reader, "metadata", lambda _: metadata(-1, "")))


def _unstable(world: World, _: ExitStack) -> None:
    world.broker.stable_reads = False


def _keep_growing(_: World, stack: ExitStack) -> None:
    give_up = engine.Engine._give_up

    def keeps(self: Any) -> None:
        growing = self._growing
        give_up(self)
        self._growing = None if growing is None else replace(growing, prepared=False, direct=False)

    stack.enter_context(patch.object(engine.Engine, "_give_up", keeps))


def _keep_leftover(_: World, stack: ExitStack) -> None:
    give_up = engine.Engine._give_up

    def keeps(self: Any) -> None:
        leftover = self._leftover
        give_up(self)
        self._leftover = leftover

    stack.enter_context(patch.object(engine.Engine, "_give_up", keeps))


def _read_ahead_of_revoke(_: World, stack: ExitStack) -> None:
    def take(self: Any, max_records: int, wait_s: float) -> Any:
        self._gone.clear()
        return self._consume(max_records, 0) or (self._consume(1, wait_s) if wait_s else [])

    stack.enter_context(patch.object(reader.Reader, "take", take))


def _late_positions(_: World, stack: ExitStack) -> None:
    reap = engine.Engine._reap

    def late(self: Any, wait_s: float) -> None:
        if self._ending is not None and not self._ending.with_offsets:
            self._ending.ends = self._reader.positions()
        reap(self, wait_s)

    stack.enter_context(patch.object(engine.Engine, "_reap", late))


def _drain_what_failed(_: World, stack: ExitStack) -> None:
    recover = engine.Engine._recover

    def late(self: Any, error: Any) -> None:
        if not self._stopping():
            recover(self, error)

    stack.enter_context(patch.object(engine.Engine, "_recover", late))


def _handle_before_rewind(_: World, stack: ExitStack) -> None:
    follow = engine.Engine._follow_group

    def handles(self: Any) -> bool:
        follow(self)
        return False

    stack.enter_context(patch.object(engine.Engine, "_follow_group", handles))


def _no_cas(world: World, _: ExitStack) -> None:
    world.compare_and_set = False


_PLANT: Mapping[Mistake, Callable[[World, ExitStack], None]] = {
    Mistake.NO_REWIND: _no_rewind,
    Mistake.REUSE_PRODUCER: _reuse_producer,
    Mistake.NO_GENERATION: _no_generation,
    Mistake.UNSTABLE: _unstable,
    Mistake.KEEP_GROWING: _keep_growing,
    Mistake.KEEP_LEFTOVER: _keep_leftover,
    Mistake.READ_AHEAD_OF_REVOKE: _read_ahead_of_revoke,
    Mistake.LATE_POSITIONS: _late_positions,
    Mistake.DRAIN_WHAT_FAILED: _drain_what_failed,
    Mistake.HANDLE_BEFORE_REWIND: _handle_before_rewind,
    Mistake.NO_CAS: _no_cas,
}


def explore(size: Size, mistakes: Iterable[Mistake] = (), *, seed: int = 0) -> Verdict:
    """All runs of this size, up to the first that violates something.

    Args:
        size: what is explored.
        mistakes: what is planted.
        seed: for faults that are thrown.
    """
    last: list[Chooser] = []

    def run(chooser: Chooser) -> None:
        last[:] = [chooser]
        world = World(size, chooser)
        with simulated(world), planted(world, mistakes):
            world.run()

    def explore_all() -> Verdict:
        count = 0
        try:
            every = runs(run, faults=size.faults)
            for _ in random_runs(run, count=size.throws, chance=CHANCE, seed=seed) if size.throws else every:
                count += 1
        except Exception as violation:  # noqa: BLE001 - what ought not to end a processor is a violation too
            where = "".join(traceback.format_tb(violation.__traceback__)[-1:]).strip()
            return Verdict(count + 1, f"{type(violation).__name__}: {violation}", (*last[0].trace, where))
        return Verdict(count)

    # In a thread of its own: the main thread's signals are none of the model's business.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(explore_all).result()


if __name__ == "__main__":
    logging.disable()
    _words = sys.argv[1:]
    _numbers = dict(word.split("=") for word in _words if "=" in word)
    _size = Size(
        effects="effects" in _words,
        cooperative="eager" not in _words,
        faults=int(_numbers.get("faults", 1)),
        throws=int(_numbers.get("throws", 0)),
    )
    _planted = [Mistake(word) for word in _words if word in set(Mistake)]
    _verdict = explore(_size, _planted, seed=int(_numbers.get("seed", 0)))
    print(f"{_verdict.runs} runs: {_verdict.violation or 'nothing violated'}")
    print("\n".join(_verdict.trace))
