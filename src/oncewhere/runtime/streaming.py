"""Handlers without effects outside Kafka: messages in, outputs straight into the open Kafka transaction.

The hot loop of the runtime is `_each`. What it does for each record is what it costs: take the bytes, decode them, make
a `Record` (all three for a chunk at once), call the handler. Everything else happens once per chunk. A chunk grows
while handlers are quick and shrinks when they are slow, so that the clock is read rarely and a commit is never late by
much.
"""

from __future__ import annotations

import time
from itertools import groupby
from typing import TYPE_CHECKING, Any

from oncewhere.records import Record, Records
from oncewhere.runtime.batch import Batch, staging
from oncewhere.runtime.poison import Poison, begin_again, reject, undecodable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from oncewhere.effects.place import Work
    from oncewhere.records import Message
    from oncewhere.runtime.subscription import Subscription
    from oncewhere.runtime.transaction import Transaction
    from oncewhere.runtime.values import Decode

MAX_CHUNK_RECORDS = 64
MAX_BATCH_CHUNK_RECORDS = 500  # where a handler takes them all at once
CHUNK_S = 0.005  # how long the handlers of one chunk should take
_NO_WORKS: Mapping[str, Work] = {}


class Streaming:
    """Handles records as they come.

    Args:
        subscriptions: by topic.
        tx: what handlers get.
        poison: what is known of failing records.
        max_output_bytes: see `staging`.
        max_batch_bytes: no more records are handled once what is staged has this size.
    """

    gathers = False

    def __init__(
        self,
        subscriptions: Mapping[str, Subscription],
        tx: Transaction,
        poison: Poison,
        *,
        max_output_bytes: int,
        max_batch_bytes: int,
    ) -> None:
        self._max_output_bytes = max_output_bytes
        self._max_batch_bytes = max_batch_bytes
        self._subscriptions = subscriptions
        self._only = next(iter(subscriptions.values())) if len(subscriptions) == 1 else None
        self._tx = tx
        self._poison = poison
        self._chunk = 1
        batches = all(subscription.batch for subscription in subscriptions.values())
        self._max_chunk = MAX_BATCH_CHUNK_RECORDS if batches else MAX_CHUNK_RECORDS
        tx.enter(_NO_WORKS)

    def fill(self, batch: Batch, messages: Sequence[Message], until: float) -> int:
        """Handles messages until the time is over, or what is staged is enough; at least one.

        Args:
            batch: what they belong to.
            messages: in the order of each partition.
            until: monotonic time, in seconds.

        Returns:
            How many were handled.

        Raises:
            UndecidedError: the batch begins again; also where a handler has caught it.
            OncewhereError: the run cannot go on; likewise.
        """
        tx = self._tx
        tx.failure = None
        done, total = 0, len(messages)
        started = time.monotonic()
        while done < total:
            tx.sent = 0  # it stays small, and Python makes no objects for small numbers
            size = batch.size
            chunk = messages[done : done + self._chunk]
            for subscription, some in self._by_topic(chunk):
                if self._poison.careful:
                    self._carefully(subscription, some, batch)
                elif subscription.batch:
                    self._together(subscription, some, batch)
                else:
                    self._each(subscription, some, batch)
            if tx.failure is not None:
                raise tx.failure  # a handler caught it; but this batch cannot be committed any more
            done += len(chunk)
            batch.outputs += tx.sent
            now = time.monotonic()
            spent, started = now - started, now
            if spent > CHUNK_S:
                self._chunk = max(1, int(len(chunk) * CHUNK_S / spent))
            elif self._chunk < self._max_chunk:
                self._chunk = min(self._chunk * 2, self._max_chunk)
            if (staged := batch.size - size) > 0:
                room = max(self._max_batch_bytes - batch.size, 0)
                self._chunk = min(self._chunk, max(1, len(chunk) * room // staged))
            if now >= until or batch.size >= self._max_batch_bytes:
                break
        batch.records += done
        return done

    def prepare(self, batch: Batch) -> None:
        """Nothing is left to do before the batch is sent."""
        batch.prepared = True

    def decide(self, batch: Batch) -> None:
        """Nothing outside Kafka decides."""

    def _by_topic(self, messages: Sequence[Message]) -> Iterator[tuple[Subscription, Sequence[Message]]]:
        if self._only is not None:
            yield self._only, messages
            return
        for topic, group in groupby(messages, key=_topic):
            yield self._subscriptions[topic], list(group)

    def _each(self, subscription: Subscription, messages: Sequence[Message], batch: Batch) -> None:
        records = _decoded(subscription.decode, messages)
        if records is None:
            if len(messages) == 1:
                self._carefully(subscription, messages, batch)
            else:
                for message in messages:
                    self._each(subscription, [message], batch)
            return
        handler, tx = subscription.handler, self._tx
        rest = iter(records)
        record, sent = records[0], tx.sent
        while True:
            try:
                for record in rest:
                    sent = tx.sent
                    handler(record, tx)
            except BaseException as error:  # noqa: BLE001 - judged
                message = record.message
                if not self._rejected(subscription, message, error, left_something=tx.sent != sent, batch=batch):
                    self._carefully(subscription, [message], batch)
            else:
                return

    def _together(self, subscription: Subscription, messages: Sequence[Message], batch: Batch) -> None:
        decode, tx = subscription.decode, self._tx
        sent = tx.sent
        try:
            values: list[Any] = list(map(messages[0].__class__.value, messages))
            if decode is not None:
                values = [None if value is None else decode(value) for value in values]
            subscription.handler(Records(values, messages), tx)
        except BaseException as raised:
            message, error = _blamed(subscription, messages, raised)
            self._judge(subscription, message, error)
            if tx.sent != sent:
                self._poison.be_careful()
                raise begin_again(messages[0], raised) from raised
            # One of them is poison: find it, one by one.
            self._carefully(subscription, messages, batch)

    def _judge(self, subscription: Subscription, message: Message, error: BaseException) -> None:
        """Raises what no record can be blamed for, also where its handler has made another error of it."""
        self._poison.judge(subscription, message, self._tx.failure or error)
        self._tx.failure = None

    def _rejected(
        self,
        subscription: Subscription,
        message: Message,
        error: BaseException,
        *,
        left_something: bool,
        batch: Batch,
    ) -> bool:
        """A record has failed; True where the batch goes on without it, and False where it may be tried again."""
        error = _cause(subscription, message, error)
        self._judge(subscription, message, error)
        attempt = self._poison.failed(message, error)
        if left_something:
            self._poison.be_careful()
            raise begin_again(message, error) from error
        if attempt < subscription.on_error.max_attempts:
            return False
        self._reject(subscription, message, error, batch)
        return True

    def _carefully(self, subscription: Subscription, messages: Sequence[Message], batch: Batch) -> None:
        """Each record by itself; its outputs are held back until its handler has returned."""
        tx = self._tx
        for message in messages:
            attempts, last = self._poison.told(message)
            if last is not None and attempts >= subscription.on_error.max_attempts:
                # Its last attempt took the batch with it; now the batch goes on without it.
                self._reject(subscription, message, last, batch)
                continue
            sent = tx.sent
            while (error := self._alone(subscription, message)) is not None:
                if self._rejected(subscription, message, error, left_something=tx.sent != sent, batch=batch):
                    break

    def _alone(self, subscription: Subscription, message: Message) -> BaseException | None:
        """Calls a record's handler, then sends its outputs; gives why it failed, if it did."""
        tx, real, sent = self._tx, self._tx.destination, self._tx.sent
        held = Batch(opened_at=0.0)  # what this record alone stages
        tx.to(staging(held, self._max_output_bytes))
        try:
            try:
                value = message.value()
                record: Record[Any] = Record(
                    value if value is None or subscription.decode is None else subscription.decode(value),
                    message.key(),
                    message,
                )
                subscription.handler(Records([record.value], [message]) if subscription.batch else record, tx)
            finally:
                tx.to(real)
                tx.sent = sent
            for arguments in held.staged:
                tx.send(*arguments)
        except BaseException as raised:  # noqa: BLE001 - judged
            return raised
        return None

    def _reject(self, subscription: Subscription, message: Message, error: BaseException, batch: Batch) -> None:
        reject(
            subscription,
            message,
            error,
            attempt=max(1, self._poison.told(message)[0]),
            batch=batch,
            send=self._tx.send,
        )


def _decoded(decode: Decode | None, messages: Sequence[Message]) -> list[Record[Any]] | None:
    """The records of some messages; None where one of them cannot be decoded.

    No bytecode runs for each message: the interpreter's own loop (`map`) calls what reads it, what decodes it and what
    makes the record.
    """
    kind = messages[0].__class__  # they all are of the client's one class
    values: Iterable[Any] = list(map(kind.value, messages))
    try:
        if decode is not None:
            values = map(decode, values) if all(values) else [raw if raw is None else decode(raw) for raw in values]
        return list(map(Record, values, map(kind.key, messages), messages))
    except Exception:  # noqa: BLE001 - whatever a decoder raises; it is found again where each is tried by itself
        return None


def _blamed(
    subscription: Subscription, messages: Sequence[Message], error: BaseException
) -> tuple[Message, BaseException]:
    """The record of a batch handler that cannot be decoded, and why; else the first one, since nobody knows which."""
    causes = ((message, _cause(subscription, message, error)) for message in messages)
    return next((found for found in causes if found[1] is not error), (messages[0], error))


def _cause(subscription: Subscription, message: Message, error: BaseException) -> BaseException:
    """The error, as what it is: the decoder's own, if decoding again raises too."""
    value = message.value()
    if isinstance(error, Exception) and subscription.decode is not None and value is not None:
        try:
            subscription.decode(value)
        except Exception as again:  # noqa: BLE001 - whatever a decoder raises
            return undecodable(message, again)
    return error


def _topic(message: Message) -> str:
    return message.topic()
