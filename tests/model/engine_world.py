"""One run of the real runtime on a simulated Kafka: a size and choices in; nothing out, or a violation.

A processor `a` works until the group has committed all inputs; whenever it ends before that, it is started again. At
each call it may crash, lose the call's answer, be stopped, be overtaken by a successor of the same name or by another
member; that one works for the length of one commit, and then `a` goes on as if nothing had happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from invariants import ViolationError, all_is_done_once, rewind_is_far_enough, transactions_are_told_once
from simulated_bank import Bank
from simulated_kafka import INPUT, OUTPUT, Broker, Clock, CrashedError, Process, StuckError

from oncewhere import DeadLetter, Processor, effect
from oncewhere.errors import FencedError, NoProgressError, UnreachableError
from oncewhere.listeners.metrics import TRANSACTIONS, Samples
from oncewhere.runtime import events

if TYPE_CHECKING:
    from exploration import Chooser

    from oncewhere import Record, Transaction
    from oncewhere.effects.ledger import LedgerRow
    from oncewhere.records import Partition

MAX_LIVES = 100  # of one processor; each fault can end one
LONG_S = 0.3  # for a handler: below the transaction timeout, beyond all else


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
        trickle: True where records come one by one, so that each is waited for.
        interval_ms: from one commit to the next, in simulated milliseconds.
        batch: records that one batch takes.
        steady: False where a consumer may go back, or halt, by itself.
    """

    effects: bool = False
    cooperative: bool = True
    faults: int = 1
    throws: int = 0
    ahead: bool = True
    inputs: tuple[int, ...] = (3, 2)
    trickle: bool = False
    interval_ms: int = 0
    batch: int = 3
    steady: bool = False


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
        app, ended_well = _processor(self, process), False
        process.stop = app.stop
        self.running.append(process)
        try:
            app.run()
            ended_well = True
        except (CrashedError, FencedError, NoProgressError, UnreachableError):
            pass  # its supervisor starts it again
        finally:
            self.running.pop()
        transactions_are_told_once(process.begun, process.told, ended_well=ended_well)

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
        all_is_done_once(self.broker)


def _processor(world: World, process: Process) -> Processor:
    settings: dict[str, Any] = {
        "bootstrap.servers": "simulated",
        "transaction.timeout.ms": 1000,
        "partition.assignment.strategy": "cooperative-sticky" if world.size.cooperative else "range",
    }

    samples = Samples()

    def look(event: events.Event) -> None:
        if isinstance(event, events.Rewound):
            rewind_is_far_enough(world.broker, event.starts)
        process.told += sum(sample.value for sample in samples.of(event) if sample.metric is TRANSACTIONS)

    app = Processor(
        settings,
        group_id="group",
        transactional_id=process.name,
        commit_interval_ms=world.size.interval_ms,
        max_batch_records=None if world.size.ahead else world.size.batch,
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
