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

from oncewhere.effects.place import UndecidedError
from oncewhere.runtime import events
from oncewhere.runtime.agreement import agree
from oncewhere.runtime.attempts import Attempts
from oncewhere.runtime.ending import Ending
from oncewhere.runtime.gathering import Gathering
from oncewhere.runtime.growing import Growing
from oncewhere.runtime.poison import Poison, PoisonError
from oncewhere.runtime.positions import Positions
from oncewhere.runtime.states import State
from oncewhere.runtime.streaming import Streaming

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oncewhere.effects.place import Start
    from oncewhere.records import Message, Partition
    from oncewhere.runtime.batch import Batch
    from oncewhere.runtime.kafka.session import TransactSession
    from oncewhere.runtime.lifecycle import Lifecycle
    from oncewhere.runtime.limits import Limits
    from oncewhere.runtime.plan import Plan
    from oncewhere.runtime.transaction import Transaction

REVOKE_LIMIT_S = 10.0  # for finishing what is open when partitions are taken
STEP_S = 0.001  # how long it waits at a time while a transaction is ending
WAIT_S = 0.1  # the same, when there is nothing else to do


class Engine:
    """Runs batches until it is told to stop.

    Args:
        session: Kafka.
        plan: what is consumed, and what handlers use.
        tx: what handlers get.
        limits: of a batch.
        emit: takes events.
        life: when the run should end.
        beat: called in every turn of the loop, and of the way back.
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
        self._reader, self._writer = session.reader, session.writer
        self._uses, self._places = plan.uses, dict(sorted(plan.places.items()))
        self._emit = emit
        self._stopping, self._expired = life.stopping, life.expired
        self._beat = beat
        self._poison = Poison(emit)
        self._positions = Positions(session.reader)
        self._hands = (
            Gathering(
                plan.subscriptions,
                tx,
                self._poison,
                uses=self._uses,
                places=self._places,
                partition=self._reader.partition,
                spans=self._positions.spans,
                emit=emit,
            )
            if self._places
            else Streaming(
                plan.subscriptions,
                tx,
                self._poison,
                max_output_bytes=session.max_output_bytes,
                max_batch_bytes=limits.max_batch_bytes,
            )
        )
        self._ending = Ending(session)
        self._growing = Growing(session, self._hands, tx=tx, limits=limits, positions=self._positions)
        self._astray: UndecidedError | None = None
        self._attempts = Attempts()
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
            self._ending.close()

    # One turn.

    def _turn(self) -> None:
        messages = self._growing.take(ending=self._is_ending)
        if self._astray is not None:
            astray, self._astray = self._astray, None
            raise astray
        messages = self._follow_group(messages)
        if messages:
            self._growing.fill(messages, ending=self._is_ending)
        self._advance(wait_s=0.0 if messages else STEP_S)

    @property
    def _is_ending(self) -> bool:
        """True while the transaction of the batch before is being ended."""
        return self._ending.batch is not None

    @property
    def _is_open(self) -> bool:
        """True while there is anything that is not committed."""
        return self._growing.batch is not None or self._is_ending

    def _advance(self, *, force: bool = False, wait_s: float = 0.0) -> None:
        """Moves both batches on as far as they go.

        Args:
            force: whether the growing one is ended before it is due.
            wait_s: how long to wait for the next step of the ending one, in seconds.
        """
        self._reap(wait_s)
        batch, ending = self._growing.batch, self._is_ending
        if batch is None:
            return
        if not ending:
            self._growing.go_direct()
        if force or self._growing.due(ending=ending):
            self._growing.prepare(batch)
            if not ending:
                self._end(batch)

    def _end(self, batch: Batch) -> None:
        """Places decide, then Kafka's transaction ends; from here on the next batch may grow."""
        self._hands.decide(batch)
        if not batch.direct:
            self._growing.begin(batch)
        if self._writer.state is not State.OPEN:
            raise UndecidedError(str(self._writer.failure))
        self._emit(events.TransactionBegun(batch.records, batch.outputs))
        self._positions.passed(batch)
        self._growing.hand_over()
        self._ending.start(batch)
        self._reap(0.0)

    def _reap(self, wait_s: float) -> None:
        """Moves the ending batch on, and tells when it is committed."""
        if (batch := self._ending.advance(wait_s)) is not None:
            self._committed(batch, time.monotonic() - batch.ending_since)

    def _committed(self, batch: Batch, commit_s: float) -> None:
        self._attempts.forget()
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
        while self._is_open:
            self._advance(force=True)
            self._reap(STEP_S)
            if time.monotonic() > deadline:
                raise UndecidedError(f"what was open did not commit within {limit_s:.0f} s")

    def _drain(self) -> None:
        """The last batches, after the run was told to stop: finished, or given up."""
        try:
            while self._is_open and not self._expired():
                self._beat()
                self._advance(force=True)
                self._reap(STEP_S)
        except UndecidedError as error:
            self._tell_aborted(error)

    def _release(self, partitions: Sequence[Partition], lost: bool) -> None:  # noqa: FBT001 - a callback
        """Before partitions go: finish what is open, or give it up. Called from inside `take`."""
        if lost:
            self._astray = UndecidedError("the group has given its partitions to others")
        elif self._is_open and self._astray is None:  # one `take` may see partitions lost, given again and revoked
            try:
                self._finish(REVOKE_LIMIT_S)
            except UndecidedError as error:
                self._astray = error
                if not self._is_ending:
                    # The successor must not wait for our transaction to time out.
                    self._writer.fail()
                    self._writer.abort()
        self._growing.intake.release(partitions)
        self._positions.release(partitions)

    def _follow_group(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Tells the places which partitions went and came; gives what may be handled now of what was just taken.

        What was taken together with new partitions belongs to the next batch: the consumer counts it as read, and so
        would the one that is finished first.
        """
        departed = self._reader.departed()
        if departed:
            for place in self._places.values():
                place.released(departed)
        arrived = self._reader.arrived()
        if not arrived:
            return messages
        self._growing.intake.put_back(messages)
        if self._places:
            self._finish(REVOKE_LIMIT_S)  # a ledger that is refused leads to a rewind of all partitions
        self._stand(arrived)
        return []

    def _recover(self, error: UndecidedError) -> None:
        """The way back, until each place and Kafka agree where to go on; bounded."""
        self._tell_aborted(error)
        reason = error.reason
        if isinstance(error, PoisonError):
            self._attempts.forget()  # each record fails max_attempts times at most, so this ends by itself
        self._give_up()  # when the run is stopping too: what failed must not be finished
        while not self._stopping():
            self._beat()
            self._attempts.again(reason)
            try:
                self._give_up()
                self._stand(self._session.recover(reason))
            except UndecidedError as again:
                reason = again.reason
            else:
                return

    def _tell_aborted(self, error: UndecidedError) -> None:
        """A batch did not commit. While the one before it is being ended, no transaction but that one's is begun."""
        begun = self._writer.begun and not self._is_ending
        self._emit(events.TransactionAborted(error.reason, error.unknown, begun))

    def _give_up(self) -> None:
        """Drops the batch that grows; the one that is ending is waited for, since it may well be committed."""
        self._growing.give_up()
        while self._is_ending and not self._expired():
            self._beat()
            try:
                self._reap(WAIT_S)
            except UndecidedError as error:
                self._tell_aborted(error)

    def _stand(self, starts: Mapping[Partition, Start]) -> None:
        """Asks each place what it has done of these partitions; where it cannot go on, all partitions were rewound."""
        starts, rewound = agree(
            self._session, self._places, self._uses, starts, stopping=self._stopping, emit=self._emit
        )
        self._positions.stand(starts)
        if rewound:
            self._growing.intake.drop()
