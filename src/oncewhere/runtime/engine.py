"""The loop: a batch in; handlers, decisions and one Kafka transaction out; and one way back when anything is amiss.

For each batch, in this order (`tests/model` explores what a crash between any two does):

1. decode all records; run the handlers: effects execute or are recalled, outputs are buffered; a missing output topic
   is noticed here;
2. each place decides: effects, results and position commit there. One place after the other, in the order of their
   names;
3. Kafka: begin, produce, send the offsets with the group metadata, commit.

Nothing is open in Kafka before 3, so a slow handler cannot outlive `transaction.timeout.ms`. Whatever goes wrong
before 2 is taken back; whatever goes wrong after it is redelivered and recalled. The way back is always the same:
abandon, rewind to the committed offsets, ask each place what is recorded, go on.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from oncewhere.effects.place import Batch, OpenPlace, Span, Start, UndecidedError, Work
from oncewhere.errors import (
    DuplicateEvent,
    HandlerError,
    LedgerRefusedError,
    NoProgressError,
    OncewhereError,
)
from oncewhere.runtime import events
from oncewhere.runtime.states import State
from oncewhere.runtime.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from oncewhere.records import Output, Partition, Record
    from oncewhere.runtime.session import TransactSession
    from oncewhere.runtime.subscription import Subscription
    from oncewhere.runtime.values import Message

MAX_ATTEMPTS = 20  # of one batch in a row; with the pauses between them about half a minute
FIRST_PAUSE_S = 0.05  # before the second attempt; doubled each time
LONGEST_PAUSE_S = 2.0
MAX_REFUSAL_CHECKS = 20  # readings of the committed offsets until two agree
REFUSAL_PAUSE_S = 0.2
POLL_S = 0.1  # how long an idle loop waits before it looks whether it should stop


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a batch may be.

    Attributes:
        max_batch_records: at most so many records.
        max_batch_bytes: no more records once their values have this size together.
    """

    max_batch_records: int
    max_batch_bytes: int


@dataclass(frozen=True, slots=True)
class Item:
    """One record of a batch, with all that handling it needs."""

    subscription: Subscription
    partition: Partition
    record: Record[Any]
    identity: str | None


class Engine:
    """Runs batches until it is told to stop.

    Args:
        session: Kafka.
        subscriptions: by topic.
        uses: the names of the places that each topic's handler uses.
        places: by name.
        limits: of a batch.
        emit: takes events.
        stopping: True when the run should end.
    """

    def __init__(
        self,
        session: TransactSession,
        *,
        subscriptions: Mapping[str, Subscription],
        uses: Mapping[str, frozenset[str]],
        places: Mapping[str, OpenPlace],
        limits: Limits,
        emit: events.Listener,
        stopping: Callable[[], bool],
    ) -> None:
        self._session = session
        self._subscriptions = subscriptions
        self._uses = uses
        self._places = dict(sorted(places.items()))
        self._limits = limits
        self._emit = emit
        self._stopping = stopping
        self._attempts = 0

    def run(self) -> None:
        """Takes and processes batches until told to stop; the open batch is finished.

        Raises:
            OncewhereError: see its subclasses; the run cannot go on.
        """
        while not self._stopping():
            messages = self._session.take(
                max_records=self._limits.max_batch_records,
                max_bytes=self._limits.max_batch_bytes,
                wait_s=POLL_S,
            )
            try:
                self._follow_group()
                if messages:
                    self._process(messages)
            except UndecidedError as error:
                self._emit(events.TransactionAborted(error.reason, error.unknown))
                self._recover(error.reason)

    def _follow_group(self) -> None:
        """Tells the places which partitions went and came."""
        departed = self._session.departed()
        if departed:
            for place in self._places.values():
                place.released(departed)
        arrived = self._session.arrived()
        if arrived:
            self._stand(arrived)

    def _process(self, messages: list[Message]) -> None:
        """One batch, from bytes to a committed transaction, or to the way back."""
        items = [self._item(message) for message in messages]
        ends = {item.partition: item.record.offset + 1 for item in items}  # the last of each partition wins
        outputs: list[Output] = []
        with self._works(items, ends) as works:
            duplicates = self._handle(items, works, outputs)
            self._session.expect({output.topic for output in outputs})
            for name, work in works.items():
                tally = work.decide()
                self._emit(events.BatchDecided(name, tally.executed, tally.replayed))
                if tally.replayed:
                    self._emit(events.Replayed(name, tally.replayed))
        self._emit(events.TransactionBegun(len(items), len(outputs)))
        failure = self._session.commit(outputs, ends)
        if failure is not None:
            self._emit(events.TransactionAborted(str(failure), self._session.state is State.SPENT))
            self._recover(str(failure))
            return
        self._attempts = 0
        for work in works.values():
            work.confirmed()
        self._emit(events.TransactionCommitted(len(items), len(outputs), ends))
        for item in duplicates:
            self._emit(events.DuplicateSuppressed(item.partition.topic, item.partition.number, item.record.offset))

    def _item(self, message: Message) -> Item:
        subscription = self._subscriptions[message.topic()]
        record = subscription.decoder.record(message)
        identity = None
        if subscription.identity is not None:
            try:
                identity = subscription.identity(record.value)
            except Exception as error:
                raise _handler_error(record, "its identity cannot be taken", error) from error
        return Item(subscription, self._session.partition(record.topic, record.partition), record, identity)

    @contextmanager
    def _works(self, items: list[Item], ends: Mapping[Partition, int]) -> Iterator[dict[str, Work]]:
        """A work for each place that these records concern; abandoned, each of them, if anything is raised."""
        works: dict[str, Work] = {}
        for name, place in self._places.items():
            spans = [
                Span(partition, self._session.position(partition), end)
                for partition, end in ends.items()
                if name in self._uses[partition.topic]
            ]
            if spans:
                identities = [item.identity for item in items if name in self._uses[item.partition.topic]]
                works[name] = place.begin(Batch(spans, identities))
        try:
            yield works
        except BaseException:
            for work in works.values():
                work.abandon()
            raise

    def _handle(self, items: list[Item], works: Mapping[str, Work], outputs: list[Output]) -> list[Item]:
        """Runs the handlers; returns the records that were duplicates."""
        tx = Transaction(outputs)
        by_topic = {
            topic: {name: work for name, work in works.items() if name in uses} for topic, uses in self._uses.items()
        }
        duplicates: list[Item] = []
        for item in items:
            before = len(outputs)
            tx.enter(item.partition, item.record.offset, item.identity, by_topic[item.partition.topic])
            try:
                item.subscription.handler(item.record, tx)
            except DuplicateEvent:
                del outputs[before:]
                duplicates.append(item)
            except Exception as error:  # noqa: BLE001 - raised again, under a name that says what it was
                _raise(item.record, tx.failure or error)
            else:
                if tx.failure is not None:
                    # The handler caught it; but the place cannot commit this batch any more.
                    _raise(item.record, tx.failure)
        return duplicates

    def _recover(self, reason: str) -> None:
        """The way back, until each place and Kafka agree where to go on; bounded."""
        while not self._stopping():
            self._attempts += 1
            if self._attempts > MAX_ATTEMPTS:
                raise NoProgressError(f"{MAX_ATTEMPTS} attempts in a row did not commit. The last reason: {reason}.")
            if self._attempts > 1:
                time.sleep(min(FIRST_PAUSE_S * 2 ** (self._attempts - 2), LONGEST_PAUSE_S))
            try:
                self._stand(self._session.recover(reason))
            except UndecidedError as error:
                reason = error.reason
            else:
                return

    def _stand(self, starts: Mapping[Partition, Start]) -> None:
        """Asks each place what it has done of these partitions.

        The ledger and the committed offset cannot be read in one moment: an instance that has lost a partition
        without knowing it yet may see its successor's progress in one and not in the other. So a refusal counts only
        when the committed offsets are read again and are still the same: then, since they only grow, they were the
        same when the ledger was read. (The mistake `refuse-at-once` of `tests/model`.)
        """
        reason = ""
        for _ in range(MAX_REFUSAL_CHECKS):
            try:
                for name, place in self._places.items():
                    place.assigned({p: s for p, s in starts.items() if name in self._uses[p.topic]})
            except LedgerRefusedError as error:
                before, starts = starts, self._session.recover("a ledger is refused only after a second reading")
                if self._stopping() or all(starts.get(p) == s for p, s in before.items()):
                    raise
                reason = str(error)
            else:
                return
            time.sleep(REFUSAL_PAUSE_S)
        raise UndecidedError(f"other instances move the ledger: {reason}")


def _raise(record: Record[Any], error: BaseException) -> NoReturn:
    """Raises what the loop should see when a handler or an effect raised this."""
    if isinstance(error, OncewhereError | UndecidedError) or not isinstance(error, Exception):
        raise error
    raise _handler_error(record, "the handler raised", error) from error


def _handler_error(record: Record[Any], what: str, error: BaseException) -> HandlerError:
    return HandlerError(
        f"{what} {type(error).__name__}; nothing of its batch took effect.",
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
    )
