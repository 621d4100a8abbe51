"""Handlers with effects outside Kafka: a whole batch first, then its effects, then one decision in each place.

A batch is gathered before its first handler runs, since a place may want to know all of it (which events are known
already, by one statement). Its handlers may run while the previous batch is still being committed in Kafka; a place
decides only when that has ended well, so what is recorded for a redelivery never spans two Kafka transactions.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec

from oncewhere.effects.place import Batch as PlaceBatch
from oncewhere.effects.place import Span
from oncewhere.errors import DuplicateEvent, EffectInDoubt, ReplayError
from oncewhere.records import Record, Records
from oncewhere.runtime import events
from oncewhere.runtime.poison import Poison, begin_again, handler_error, reject, undecodable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oncewhere.effects.place import OpenPlace, Work
    from oncewhere.records import Message, Partition
    from oncewhere.runtime.batch import Batch
    from oncewhere.runtime.subscription import Subscription
    from oncewhere.runtime.transaction import Transaction


MAX_TOGETHER = 1_000  # records that a batch handler gets at once


class Item(msgspec.Struct, frozen=True, gc=False):
    """One record of a batch, with all that handling it needs."""

    subscription: Subscription
    partition: Partition
    message: Message
    record: Record[Any]
    identity: str | None

    @property
    def given(self) -> Record[Any] | Records[Any]:
        """What its handler takes, when it is handled by itself."""
        return Records([self.record.value], [self.message]) if self.subscription.batch else self.record


class Gathering:
    """Handles batches.

    Args:
        subscriptions: by topic.
        tx: what handlers get.
        poison: what is known of failing records.
        uses: the names of the places that each topic's handler uses.
        places: by name, in the order in which they decide.
        partition: an assigned partition by topic and number.
        spans: what a batch covers: where each of its partitions starts, and where it ends.
        emit: takes events.
    """

    gathers = True

    def __init__(
        self,
        subscriptions: Mapping[str, Subscription],
        tx: Transaction,
        poison: Poison,
        *,
        uses: Mapping[str, frozenset[str]],
        places: Mapping[str, OpenPlace],
        partition: Callable[[str, int], Partition],
        spans: Callable[[Batch], Sequence[Span]],
        emit: events.Listener,
    ) -> None:
        self._subscriptions = subscriptions
        self._tx = tx
        self._poison = poison
        self._uses = uses
        self._places = places
        self._partition = partition
        self._spans = spans
        self._emit = emit

    def fill(self, batch: Batch, messages: Sequence[Message], until: float) -> int:
        """Gathers messages; handles none of them yet."""
        del until
        batch.messages.extend(messages)
        batch.records += len(messages)
        batch.size += sum(map(len, messages))  # type: ignore[arg-type]
        return len(messages)

    def prepare(self, batch: Batch) -> None:
        """Runs the handlers; effects execute or are recalled, outputs are staged.

        Raises:
            HandlerError: a handler raised, and the policy is to stop.
            UndecidedError: the batch begins again.
        """
        items = [item for item in (self._item(m, batch) for m in batch.messages) if item is not None]
        batch.messages = []
        spans = self._spans(batch)
        for name, place in self._places.items():
            mine = [span for span in spans if name in self._uses[span.partition.topic]]
            if mine:
                identities = [item.identity for item in items if name in self._uses[item.partition.topic]]
                batch.works[name] = place.begin(PlaceBatch(mine, identities))
        works = {
            topic: {name: work for name, work in batch.works.items() if name in uses}
            for topic, uses in self._uses.items()
        }
        for together, group in groupby(items, key=self._together):
            if together is None:
                for item in group:
                    self._enter([item], works)
                    self._handle(item, batch)
            else:
                some = list(group)
                for start in range(0, len(some), MAX_TOGETHER):
                    self._handle_many(some[start : start + MAX_TOGETHER], works, batch)
        batch.prepared = True

    def _together(self, item: Item) -> str | None:
        """The topic of a record that is handled together with its neighbours; None for one that is not."""
        if not item.subscription.batch or self._poison.careful or self._poison.told(item.message)[1] is not None:
            return None
        return item.partition.topic

    def _enter(self, items: Sequence[Item], works: Mapping[str, Mapping[str, Work]]) -> None:
        first = items[0]
        mine = works[first.partition.topic]
        if first.subscription.batch:
            self._tx.enter_many(
                mine,
                {
                    (item.partition.topic, item.partition.number, item.record.offset): (item.partition, item.identity)
                    for item in items
                },
            )
        else:
            self._tx.enter(
                mine,
                partition=first.partition,
                offset=first.record.offset,
                identity=first.identity,
                key=first.record.key,
            )

    def _handle_many(self, items: Sequence[Item], works: Mapping[str, Mapping[str, Work]], batch: Batch) -> None:
        """A batch handler, with all of these; whatever fails is looked for one by one, in the next attempt."""
        tx, first = self._tx, items[0]
        self._enter(items, works)
        before = len(batch.staged)
        records: Records[Any] = Records([item.record.value for item in items], [item.message for item in items])
        error: BaseException | None
        try:
            first.subscription.handler(records, tx)
            error = tx.failure  # the handler caught it; but the place cannot commit this batch any more
        except BaseException as raised:  # noqa: BLE001 - judged
            error = tx.failure or raised
        if error is not None:
            del batch.staged[before:]
            self._poison.judge(first.subscription, first.message, error)
            self._poison.be_careful()
            raise begin_again(first.message, error) from error
        self._note_passed(batch)
        batch.outputs = len(batch.staged)

    def _note_passed(self, batch: Batch) -> None:
        """Records of a batch handler that give no output, for the events; each once, whatever it was asked for."""
        batch.passed += dict.fromkeys(_passed(message, why) for message, why in self._tx.passed)
        self._tx.passed = []

    def decide(self, batch: Batch) -> None:
        """Each place commits its effects: after this the batch has happened there.

        Raises:
            UndecidedError: one did not, or nobody knows.
        """
        for name, work in batch.works.items():
            tally = work.decide()
            self._emit(events.BatchDecided(name, tally.executed, tally.replayed))
            if tally.replayed:
                self._emit(events.Replayed(name, tally.replayed))

    def _handle(self, item: Item, batch: Batch) -> None:
        """Calls a record's handler, as often as its policy says."""
        attempts, last = self._poison.told(item.message)
        spent = attempts >= item.subscription.on_error.max_attempts
        if last is not None and (spent or isinstance(last, ReplayError)):
            # Its last attempt took the batch with it; now the batch goes on without it. (ReplayError: it was decided
            # without this call, so its effect was given up then, and is given up now.)
            self._reject(item, last, batch)
            return
        while (error := self._try(item, batch)) is not None:
            self._poison.judge(item.subscription, item.message, error)
            attempt = self._poison.failed(item.message, error)
            if self._tx.ran:
                # What it executed so far is in the open transaction of its place, which may not be able to commit.
                raise begin_again(item.message, error) from error
            if attempt >= item.subscription.on_error.max_attempts:
                self._reject(item, error, batch)
                break
        self._note_passed(batch)
        batch.outputs = len(batch.staged)

    def _try(self, item: Item, batch: Batch) -> BaseException | None:
        """Calls it once; gives why it failed, if it did. None of its outputs are left then."""
        tx, before = self._tx, len(batch.staged)
        tx.failure = None  # an attempt before this one may have had one
        error: BaseException | None = None
        try:
            item.subscription.handler(item.given, tx)
        except DuplicateEvent:
            del batch.staged[before:]
            position = (item.partition.topic, item.partition.number, item.record.offset)
            batch.passed.append(events.DuplicateSuppressed(*position))
        except EffectInDoubt as doubt:
            del batch.staged[before:]
            position = (item.partition.topic, item.partition.number, item.record.offset)
            batch.passed.append(events.CallInDoubt(*position, doubt.key))
        except BaseException as raised:  # noqa: BLE001 - judged
            error = raised
        # Where there is a failure and no error, the handler caught it; but the place cannot commit this batch any more.
        if (error := tx.failure or error) is not None:
            del batch.staged[before:]
        return error

    def _reject(self, item: Item, error: BaseException, batch: Batch) -> None:
        reject(
            item.subscription,
            item.message,
            error,
            attempt=max(1, self._poison.told(item.message)[0]),
            batch=batch,
            send=self._tx.send,
        )

    def _item(self, message: Message, batch: Batch) -> Item | None:
        """A message, decoded; None where it was rejected."""
        subscription = self._subscriptions[message.topic()]
        value: Any = message.value()
        identity = None
        error: BaseException
        try:
            if value is not None and subscription.decode is not None:
                value = subscription.decode(value)
        except Exception as raised:  # noqa: BLE001 - whatever a decoder raises
            error = undecodable(message, raised)
        else:
            try:
                if subscription.identity is not None:
                    identity = subscription.identity(value)
            except Exception as raised:  # noqa: BLE001 - the user's own function
                error = handler_error(message, "its identity cannot be taken, it raised", raised)
                error.__cause__ = raised
            else:
                partition = self._partition(message.topic(), message.partition())
                return Item(subscription, partition, message, Record(value, message.key(), message), identity)
        self._poison.judge(subscription, message, error)
        reject(
            subscription,
            message,
            error,
            attempt=self._poison.failed(message, error),
            batch=batch,
            send=self._tx.send,
        )
        return None


def _passed(message: Message, why: DuplicateEvent | EffectInDoubt) -> events.DuplicateSuppressed | events.CallInDoubt:
    position = (message.topic(), message.partition(), message.offset())
    if isinstance(why, EffectInDoubt):
        return events.CallInDoubt(*position, why.key)
    return events.DuplicateSuppressed(*position)
