"""The batch that takes records: messages in, handled or gathered; a sealed batch with all its outputs out.

While the batch before it is *ending*, outputs of this one wait in a list, and there is nothing to be late for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from oncewhere.effects.place import UndecidedError
from oncewhere.errors import OncewhereError
from oncewhere.runtime.batch import Batch, staged_bytes, staging
from oncewhere.runtime.intake import Intake
from oncewhere.runtime.kafka.answers import unsendable
from oncewhere.runtime.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oncewhere.records import Message
    from oncewhere.runtime.gathering import Gathering
    from oncewhere.runtime.kafka.session import TransactSession
    from oncewhere.runtime.limits import Limits
    from oncewhere.runtime.positions import Positions
    from oncewhere.runtime.streaming import Streaming
    from oncewhere.runtime.transaction import Transaction

IDLE_S = 0.1  # how long an idle loop waits before it looks whether it should stop
AT_LEAST_S = 0.005  # for the records of a batch that is due already when the first of them comes
HANDS_S = 1.0  # of work, at most, is taken from the consumer before it is asked again
OPEN_SHARE = 0.25  # of the commit interval is what outputs go straight into a transaction at least, if any had waited


class Growing:
    """At most one batch, from its first record to its last.

    Args:
        session: Kafka.
        hands: handle records, or gather them.
        tx: what handlers get.
        limits: of a batch.
        positions: where it starts.
    """

    def __init__(
        self,
        session: TransactSession,
        hands: Gathering | Streaming,
        *,
        tx: Transaction,
        limits: Limits,
        positions: Positions,
    ) -> None:
        self._writer = session.writer
        self._max_output_bytes = session.max_output_bytes
        self._hands = hands
        self._tx = tx
        self._limits = limits
        self._positions = positions
        self._pace = Pace(HANDS_S, within_bytes=limits.max_batch_bytes)
        self._due_at = 0.0
        self.intake = Intake(session.take)
        self.batch: Batch | None = None

    def take(self, *, ending: bool) -> Sequence[Message]:
        """Messages for it, as many as may be handled now.

        Args:
            ending: whether the batch before it is still being ended.
        """
        batch = self.batch
        if batch is not None and (batch.prepared or self._full(batch)):
            return []
        if (room := self._room(ending=ending)) <= 0:
            return []
        return self.intake.take(room, manageable=self._pace.allowed, wait_s=self._patience(ending=ending))

    def fill(self, messages: Sequence[Message], *, ending: bool) -> None:
        """Handles messages, or gathers them; the first ones open a batch.

        Args:
            messages: in the order of each partition.
            ending: see `take`.
        """
        batch = self.batch
        if batch is None:
            batch = self.batch = Batch(opened_at=time.monotonic())
            if ending or self._hands.gathers:
                self._tx.to(staging(batch, self._max_output_bytes))
            else:
                self.begin(batch)
        until = float("inf") if ending else max(self._due_at, time.monotonic() + AT_LEAST_S)
        started = time.monotonic()
        done = self._hands.fill(batch, messages, until)
        batch.handled_at = time.monotonic()
        if not self._hands.gathers:
            self._pace.handled(done, batch.handled_at - started)
        if done < len(messages):
            self.intake.put_back(messages[done:])

    def begin(self, batch: Batch) -> None:
        """Opens Kafka's transaction, and sends what was staged.

        Raises:
            UndecidedError: it cannot be opened.
            OncewhereError: an output is refused that could not be told from others while it waited.
        """
        if (failure := self._writer.begin()) is not None:
            raise UndecidedError(str(failure))
        send = self._writer.send
        for arguments in batch.staged:
            try:
                send(*arguments)
            except Exception as error:  # noqa: BLE001 - raised again, or mended
                self._mend(error, arguments)
        batch.staged, batch.size = [], 0  # librdkafka's queue has its own limit
        batch.direct = True
        self._tx.to(send)

    def _mend(self, error: Exception, arguments: tuple[Any, ...]) -> None:
        try:
            self._writer.mend(error, arguments)
        except (UndecidedError, OncewhereError):
            raise
        except Exception as own:
            raise unsendable(arguments[0], own) from own

    def go_direct(self) -> None:
        """The batch before has ended: outputs need not wait any more, unless a place is to decide first."""
        batch = self.batch
        if batch is not None and not (self._hands.gathers or batch.direct):
            self.begin(batch)
            # What has waited leaves all at once; without a while for more the next batch would wait just as long.
            self._due_at = max(self._due_at, time.monotonic() + self._limits.commit_interval_s * OPEN_SHARE)

    def due(self, *, ending: bool) -> bool:
        """Whether it takes no more records: it is sealed already or full, or its time has come.

        Args:
            ending: see `take`. Without effects handlers go on until then.
        """
        batch = self.batch
        return batch is not None and (
            batch.prepared
            or self._full(batch)
            or (time.monotonic() >= self._due_at and (self._hands.gathers or not ending))
        )

    def prepare(self, batch: Batch) -> None:
        """Seals it; then what was gathered is handled."""
        if batch.prepared:
            return
        self._positions.seal(batch, self.intake.kept)
        started = time.monotonic()
        self._hands.prepare(batch)
        batch.handled_at = time.monotonic()
        if self._hands.gathers:
            self._pace.handled(batch.records, batch.handled_at - started, staged_bytes(batch.staged))

    def hand_over(self) -> None:
        """It is to be ended: the next one may grow, and is due a commit interval from now."""
        self.batch = None
        self._tx.to()
        self._due_at = time.monotonic() + self._limits.commit_interval_s

    def give_up(self) -> None:
        """Drops it, with all that was taken: it will be read again."""
        self.intake.drop()
        if self.batch is not None:
            self.batch.abandon()
            self.batch = None
        self._tx.to()

    def _full(self, batch: Batch) -> bool:
        return batch.full(self._limits) or (self._hands.gathers and batch.records >= self._pace.allowed)

    def _room(self, *, ending: bool) -> int:
        """How many more records may be handled now.

        Places hold what a crash leaves behind. What a handler does elsewhere, undeclared, is done again for whatever
        is not committed: so where the user has named the most of it, handlers wait for the commit before.
        """
        if self._hands.gathers:
            most = min(self._limits.max_batch_records, self._pace.allowed)
        elif not ending or self._limits.ahead:
            most = self._limits.max_batch_records
        else:
            return 0
        return most - (0 if self.batch is None else self.batch.records)

    def _patience(self, *, ending: bool) -> float:
        """How long to wait for a record when none is there."""
        if ending:
            return 0.0  # the loop waits for its end instead
        if self.batch is not None:
            return max(0.0, min(self._due_at - time.monotonic(), IDLE_S))
        return IDLE_S
