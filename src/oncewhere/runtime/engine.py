"""The loop: messages in, transactions out; and one way back when anything is amiss.

Two batches at most are alive: the one that grows, and the one before it, whose commit is under way in another thread.

    Kafka only        messages are handled as they come; outputs go straight into the open transaction, or are staged
                      while the previous one has not ended
    with effects      messages are gathered; then handlers run (effects execute or are recalled, outputs are staged);
                      once the previous transaction has ended well, each place decides, one after the other in the
                      order of their names; only then Kafka's transaction is begun

Then for both: offsets are sent with the group metadata while outputs leave, and the transaction is committed
(`tests/model` explores what a crash between any two steps does). With effects nothing is open in Kafka while handlers
run, so a slow effect cannot outlive `transaction.timeout.ms`. Whatever goes wrong before a place's decision is taken
back; whatever goes wrong after it is redelivered and recalled. The way back is always the same: give up the batch,
rewind to the committed offsets, ask each place what is recorded, go on.

When the group takes partitions, the batches that hold their records are finished first, if that can be within
`REVOKE_LIMIT_S`; if they were lost already, they are given up.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from oncewhere.effects.place import Span, UndecidedError
from oncewhere.errors import NoProgressError
from oncewhere.runtime import events
from oncewhere.runtime.agreement import agree
from oncewhere.runtime.batch import Batch, Limits, staging
from oncewhere.runtime.committer import Committer
from oncewhere.runtime.gathering import Gathering
from oncewhere.runtime.pace import Pace
from oncewhere.runtime.poison import Poison, PoisonError
from oncewhere.runtime.states import State
from oncewhere.runtime.streaming import Streaming

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oncewhere.effects.place import Start
    from oncewhere.records import Message, Partition
    from oncewhere.runtime.failures import Failure
    from oncewhere.runtime.kafka.session import TransactSession
    from oncewhere.runtime.lifecycle import Lifecycle
    from oncewhere.runtime.subscription import Plan
    from oncewhere.runtime.transaction import Transaction

MAX_ATTEMPTS = 20  # of one batch in a row; with the pauses between them about half a minute
FIRST_PAUSE_S = 0.05  # before the second attempt; doubled each time
LONGEST_PAUSE_S = 2.0
REVOKE_LIMIT_S = 10.0  # for finishing what is open when partitions are taken
IDLE_S = 0.1  # how long an idle loop waits before it looks whether it should stop
STEP_S = 0.001  # how long it waits at a time while a transaction is ending
LOOK_S = 0.0002  # the same, while only outputs are still on their way: nothing tells when they have arrived
AT_LEAST_S = 0.005  # for the records of a batch that is due already when the first of them comes
HANDS_S = 1.0  # of work, at most, is taken from the consumer before it is asked again
OPEN_SHARE = 0.25  # of the commit interval is what outputs go straight into a transaction at least, if any had waited
SLICE_RECORDS = 500  # taken at once: 447k records/s against 405k with 10,000


class Engine:
    """Runs batches until it is told to stop.

    Args:
        session: Kafka.
        plan: what is consumed, and what handlers use.
        tx: what handlers get.
        limits: of a batch.
        emit: takes events.
        life: when the run should end.
        beat: called in every turn of the loop.
    """

    def __init__(
        self,
        session: TransactSession,
        plan: Plan,
        *,
        tx: Transaction,
        limits: Limits,
        emit: events.Listener,
        life: Lifecycle,
        beat: Callable[[], object] = bool,
    ) -> None:
        self._session = session
        self._max_output_bytes = session.max_output_bytes
        self._reader, self._writer = session.reader, session.writer
        self._uses, self._places = plan.uses, dict(sorted(plan.places.items()))
        self._tx = tx
        self._limits = limits
        self._emit = emit
        self._stopping, self._expired = life.stopping, life.expired
        self._beat = beat
        self._poison = Poison()
        self._pace = Pace(HANDS_S)
        self._hands = (
            Gathering(
                plan.subscriptions,
                tx,
                self._poison,
                uses=self._uses,
                places=self._places,
                partition=self._reader.partition,
                spans=self._spans,
                emit=emit,
            )
            if self._places
            else Streaming(plan.subscriptions, tx, self._poison, self._max_output_bytes)
        )
        self._committer: Committer[Failure | None] = Committer()
        self._growing: Batch | None = None
        self._ending: Batch | None = None
        self._leftover: Sequence[Message] = []
        self._starts: dict[Partition, int] = {}
        self._due_at = 0.0
        self._astray: UndecidedError | None = None
        self._attempts = 0
        session.on_release = self._release

    def run(self) -> None:
        """Takes and processes records until told to stop; what is open then is finished.

        Raises:
            OncewhereError: see its subclasses; the run cannot go on.
        """
        try:
            while not self._stopping():
                self._beat()
                try:
                    self._turn()
                except UndecidedError as error:
                    self._recover(error)
            self._emit(events.Draining())
            self._drain()
        finally:
            self._give_up()
            self._committer.close()

    # One turn.

    def _turn(self) -> None:
        messages = self._take()
        if self._astray is not None:
            astray, self._astray = self._astray, None
            raise astray
        rewound = self._follow_group()
        if messages and not rewound:
            self._fill(messages)
        self._advance(wait_s=0.0 if messages else STEP_S)

    def _take(self) -> Sequence[Message]:
        batch = self._growing
        if batch is not None and (batch.prepared or self._full(batch)):
            return []
        room = self._room()
        if room <= 0:
            return []
        if self._leftover:
            leftover, self._leftover = self._leftover[:room], self._leftover[room:]
            return leftover
        return self._session.take(min(SLICE_RECORDS, room, self._pace.allowed), self._patience())

    def _full(self, batch: Batch) -> bool:
        """True when it takes no more records."""
        return batch.full(self._limits) or (self._hands.gathers and batch.records >= self._pace.allowed)

    def _room(self) -> int:
        """How many more records may be handled now.

        Places hold what a crash leaves behind. What a handler does elsewhere, undeclared, is done again for whatever
        is not committed: so where the user has named the most of it, handlers wait for the commit before.
        """
        if self._hands.gathers:
            most = min(self._limits.max_batch_records, self._pace.allowed)
        elif self._ending is None or self._limits.ahead:
            most = self._limits.max_batch_records
        else:
            return 0
        return most - (0 if self._growing is None else self._growing.records)

    def _patience(self) -> float:
        """How long to wait for a record when none is there."""
        if self._ending is not None:
            return 0.0  # `_advance` waits for its end instead
        if self._growing is not None:
            return max(0.0, min(self._due_at - time.monotonic(), IDLE_S))
        return IDLE_S

    def _fill(self, messages: Sequence[Message]) -> None:
        batch = self._growing
        if batch is None:
            batch = self._growing = Batch(opened_at=time.monotonic())
            if self._ending is None and not self._hands.gathers:
                self._begin(batch)
            else:
                self._tx.to(staging(batch.staged, self._max_output_bytes))
        # While the previous transaction is ending there is nothing to be late for.
        until = max(self._due_at, time.monotonic() + AT_LEAST_S) if self._ending is None else float("inf")
        started = time.monotonic()
        done = self._hands.fill(batch, messages, until)
        batch.handled_at = time.monotonic()
        if not self._hands.gathers:
            self._pace.handled(done, batch.handled_at - started)
        if done < len(messages):
            self._leftover = [*messages[done:], *self._leftover]

    def _advance(self, *, force: bool = False, wait_s: float = 0.0) -> None:
        """Moves both batches on as far as they go.

        Args:
            force: whether the growing one is ended before it is due.
            wait_s: how long to wait for the next step of the ending one, in seconds.
        """
        self._reap(wait_s)
        batch = self._growing
        if batch is None:
            return
        gathers, ending = self._hands.gathers, self._ending is not None
        if not (gathers or ending or batch.direct):
            self._begin(batch)
            # What has waited leaves all at once; without a while for more the next batch would wait just as long.
            self._due_at = max(self._due_at, time.monotonic() + self._limits.commit_interval_s * OPEN_SHARE)
        # While the transaction before is ending there is nothing to be late for: without effects handlers go on.
        if force or self._full(batch) or (time.monotonic() >= self._due_at and (gathers or not ending)):
            if not batch.prepared:
                self._seal(batch)
                started = time.monotonic()
                self._hands.prepare(batch)
                batch.handled_at = time.monotonic()
                if gathers:
                    self._pace.handled(batch.records, batch.handled_at - started)
            if not ending:
                self._end(batch)

    def _seal(self, batch: Batch) -> None:
        """Notes what the batch covers; it takes no more records."""
        ends = {p: end for p, end in self._reader.positions().items() if end > self._starts.get(p, -1)}
        for message in reversed(self._leftover):
            ends[self._reader.partition(message.topic(), message.partition())] = message.offset()
        batch.ends = {p: end for p, end in ends.items() if end > self._starts.get(p, -1)}
        if (metadata := self._reader.metadata()) is None:
            raise UndecidedError("this process is no member of its group any more")
        batch.metadata = metadata

    def _spans(self, batch: Batch) -> list[Span]:
        return [Span(partition, self._starts[partition], end) for partition, end in batch.ends.items()]

    def _begin(self, batch: Batch) -> None:
        """Opens Kafka's transaction, and sends what was staged."""
        if (failure := self._writer.begin()) is not None:
            raise UndecidedError(str(failure))
        send, mend = self._writer.send, self._writer.mend
        for arguments in batch.staged:
            try:
                send(*arguments)
            except Exception as error:  # noqa: BLE001 - raised again, or mended
                mend(error, arguments)
        batch.staged, batch.size = [], 0  # librdkafka's queue has its own limit
        batch.direct = True
        self._tx.to(send)

    def _end(self, batch: Batch) -> None:
        """Places decide, then Kafka's transaction ends; from here on the next batch may grow."""
        self._hands.decide(batch)
        if not batch.direct:
            self._begin(batch)
        if self._writer.state is not State.OPEN:
            raise UndecidedError(str(self._writer.failure))
        self._emit(events.TransactionBegun(batch.records, batch.outputs))
        self._tx.to()
        self._starts.update(batch.ends)
        self._growing, self._ending = None, batch
        batch.ending_since = time.monotonic()
        self._due_at = batch.ending_since + self._limits.commit_interval_s
        # Two ways at once: the offsets go to the coordinators, the outputs to their partitions' leaders.
        self._committer.submit(lambda: self._session.send_offsets(batch.ends, batch.metadata))
        self._reap(0.0)

    def _reap(self, wait_s: float) -> None:
        """Moves the ending batch on: its offsets are sent while its outputs leave, then it is committed."""
        batch = self._ending
        if batch is None:
            return
        if not batch.with_offsets:
            if not self._ended(wait_s):
                return
            batch.with_offsets = True
        if not batch.submitted:
            if not self._writer.drained(min(wait_s, LOOK_S)):
                return
            batch.submitted = True
            self._committer.submit(self._session.commit)
        if self._ended(wait_s):
            self._ending = None
            self._committed(batch, time.monotonic() - batch.ending_since)

    def _ended(self, wait_s: float) -> bool:
        """Whether the committer's call has ended, and well."""
        try:
            ended, failure = self._committer.outcome(wait_s)
        except BaseException:
            self._ending = None
            raise
        if failure is not None:
            self._ending = None
            raise UndecidedError(str(failure), unknown=self._writer.state is State.SPENT)
        return ended

    def _committed(self, batch: Batch, commit_s: float) -> None:
        self._attempts = 0
        self._poison.committed(batch.ends)
        for work in batch.works.values():
            work.confirmed()
        handle_s = batch.handled_at - batch.opened_at
        self._emit(events.TransactionCommitted(batch.records, batch.outputs, batch.ends, handle_s, commit_s))
        for told in (*batch.passed, *batch.rejected):
            self._emit(told)

    # Ends and the way back.

    def _finish(self, limit_s: float) -> None:
        """Commits what is open.

        Raises:
            UndecidedError: it did not commit, or not in time.
        """
        deadline = time.monotonic() + limit_s
        while self._growing is not None or self._ending is not None:
            self._advance(force=True)
            self._reap(STEP_S)
            if time.monotonic() > deadline:
                raise UndecidedError(f"what was open did not commit within {limit_s:.0f} s")

    def _drain(self) -> None:
        """The last batches, after the run was told to stop: finished, or given up."""
        try:
            while (self._growing is not None or self._ending is not None) and not self._expired():
                self._advance(force=True)
                self._reap(STEP_S)
        except UndecidedError as error:
            self._emit(events.TransactionAborted(error.reason, error.unknown))

    def _release(self, partitions: Sequence[Partition], lost: bool) -> None:  # noqa: FBT001 - a callback
        """Before partitions go: finish what is open, or give it up. Called from inside `take`."""
        if lost:
            self._astray = UndecidedError("the group has given its partitions to others")
        elif self._growing is not None or self._ending is not None:
            try:
                self._finish(REVOKE_LIMIT_S)
            except UndecidedError as error:
                self._astray = error
                if self._ending is None:
                    # The successor must not wait for our transaction to time out.
                    self._writer.fail()
                    self._writer.abort()
        names = {(p.topic, p.number) for p in partitions}
        self._leftover = [m for m in self._leftover if (m.topic(), m.partition()) not in names]
        self._starts = {p: start for p, start in self._starts.items() if p not in partitions}

    def _follow_group(self) -> bool:
        """Tells the places which partitions went and came; True when what was taken before is not to be handled."""
        departed = self._reader.departed()
        if departed:
            for place in self._places.values():
                place.released(departed)
        arrived = self._reader.arrived()
        if arrived:
            if self._places:
                self._finish(REVOKE_LIMIT_S)  # a ledger that is refused leads to a rewind of all partitions
            return self._stand(arrived)
        return False

    def _recover(self, error: UndecidedError) -> None:
        """The way back, until each place and Kafka agree where to go on; bounded."""
        self._emit(events.TransactionAborted(error.reason, error.unknown))
        reason = error.reason
        if isinstance(error, PoisonError):
            self._attempts = 0  # each record fails max_attempts times at most, so this ends by itself
        self._give_up()  # when the run is stopping too: what failed must not be finished
        while not self._stopping():
            self._attempts += 1
            if self._attempts > MAX_ATTEMPTS:
                raise NoProgressError(f"{MAX_ATTEMPTS} attempts in a row did not commit. The last reason: {reason}.")
            if self._attempts > 1:
                time.sleep(min(FIRST_PAUSE_S * 2 ** (self._attempts - 2), LONGEST_PAUSE_S))
            try:
                self._give_up()
                self._stand(self._session.recover(reason))
            except UndecidedError as again:
                reason = again.reason
            else:
                return

    def _give_up(self) -> None:
        """Drops the batch that grows; the one that is ending is waited for, since it may well be committed."""
        self._leftover = []
        if self._growing is not None:
            self._growing.abandon()
            self._growing = None
        self._tx.to()
        while self._ending is not None and not self._expired():
            try:
                self._reap(IDLE_S)
            except UndecidedError as error:
                self._emit(events.TransactionAborted(error.reason, error.unknown))

    def _stand(self, starts: Mapping[Partition, Start]) -> bool:
        """Asks each place what it has done of these partitions; True when all partitions were rewound for it."""
        starts, rewound = agree(
            self._session, self._places, self._uses, starts, stopping=self._stopping, emit=self._emit
        )
        self._starts.update((partition, start.offset) for partition, start in starts.items())
        if rewound:
            self._leftover = []
        return rewound
