"""Kafka, seen from one processor: messages out, outputs and offsets in, one transaction at a time.

`TransactSession` owns the consumer and the producer; nothing else in the runtime speaks to Kafka. What may be called in
which state, and where each outcome leads, stands in `states`; what each error means, in `failures`.

Rebalances happen inside `take`, and nowhere else: librdkafka calls us back from there. A batch is taken, handled and
committed before the next `take`, so no partition is revoked in the middle of one. If the group throws this member out
meanwhile, the offsets carry the group metadata of the moment when the records were taken, and the broker refuses them
(KIP-447): abortable.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from oncewhere.effects.place import Start
from oncewhere.errors import (
    ConfigurationError,
    FencedError,
    NoProgressError,
    OncewhereError,
    UnreachableError,
)
from oncewhere.records import Output, Partition
from oncewhere.runtime import events
from oncewhere.runtime.client_log import logger
from oncewhere.runtime.failures import Failure, Treatment, classify, consumer_error, outcome
from oncewhere.runtime.states import Call, Outcome, State, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from oncewhere.runtime.settings import Complete
    from oncewhere.runtime.values import Message


CONNECT_LIMIT_S = 15.0  # for the first answer of the cluster
REQUEST_LIMIT_S = 5.0  # for one request that is repeated within a longer limit
FLUSH_LIMIT_S = 10.0  # for outputs to leave before an abort
CLOSE_LIMIT_S = 5.0  # for an abort while closing
SEEK_LIMIT_S = 5.0  # for a partition that was just assigned to become seekable
STABLE_MARGIN_S = 10.0  # beyond the transaction timeout: by then an open transaction has ended one way or another
PAUSE_S = 0.02  # between two tries of one call
SLICE_RECORDS = 100  # taken at once, so that the limit in bytes is overshot by so many records at most
MAX_REPLACEMENTS = 3  # producers in a row without a committed transaction


class TransactSession:
    """One consumer and one producer, walked together through Kafka's transactions.

    Args:
        settings: for both clients.
        topics: what to consume.
        emit: takes events.
        stopping: True when waiting should end early.
    """

    def __init__(
        self,
        settings: Complete,
        topics: Sequence[str],
        *,
        emit: events.Listener,
        stopping: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._topics = list(topics)
        self._emit = emit
        self._stopping = stopping
        self._state = State.NEW
        self._consumer: Any = None
        self._producer: Any = None
        self._metadata: Any = None
        self._topic_ids: dict[str, str] = {}
        self._owned: dict[tuple[str, int], Partition] = {}
        self._origins: dict[Partition, Start] = {}
        self._positions: dict[Partition, int] = {}
        self._arrived: dict[Partition, Start] = {}
        self._departed: list[Partition] = []
        self._taken: list[Message] = []
        self._callback_error: BaseException | None = None
        self._known_outputs: set[str] = set()
        self._replacements = 0

    def __repr__(self) -> str:
        return f"<TransactSession {self._settings.producer['transactional.id']!r}: {self._state}>"

    @property
    def state(self) -> State:
        """Where it stands."""
        return self._state

    # Beginning and end.

    def start(self) -> None:
        """Finds the cluster and the topics, takes the transactional identity, joins the group.

        Raises:
            UnreachableError: no broker answers.
            ConfigurationError: a setting is refused, or a topic does not exist.
            FencedError: a newer producer has the identity.
        """
        try:
            self._consumer = Consumer(self._settings.consumer, logger=logger)
        except KafkaException as error:
            raise _refused(error) from error
        self._find_topics()
        self._new_producer(Call.INIT)
        self._consumer.subscribe(
            self._topics,
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    def close(self) -> None:
        """Ends an open transaction by an abort, leaves the group. Never raises: it must not hide why the run ends."""
        if self._state is State.CLOSED:
            return
        if self._state in {State.OPEN, State.OFFSETS, State.FAILED}:
            _quietly(lambda: self._producer.flush(CLOSE_LIMIT_S))
            _quietly(lambda: self._producer.abort_transaction(CLOSE_LIMIT_S))
        if self._consumer is not None:
            _quietly(self._consumer.close)
        self._producer = self._consumer = None
        self._state = step(self._state, Call.CLOSE, Outcome.OK)

    # Taking.

    def take(self, *, max_records: int, max_bytes: int, wait_s: float) -> list[Message]:
        """Takes what is there, or waits for one message (`consume(n, t)` alone would wait for all n).

        Args:
            max_records: at most so many.
            max_bytes: no more once their values have this size together.
            wait_s: how long to wait for the first one, in seconds.

        Raises:
            OncewhereError: the consumer cannot go on.
        """
        taken = self._taken = []
        size = 0
        while len(taken) < max_records and size < max_bytes:
            got = self._consume(min(SLICE_RECORDS, max_records - len(taken)), 0)
            if not got:
                got = [] if self._taken else self._consume(1, wait_s)
                if not got:
                    break
            self._taken.extend(got)
            taken = self._taken  # a revocation may have put a shorter list there
            size += sum(map(len, got))  # type: ignore[arg-type]
        if taken:
            # Of this moment, and no later one: these are the records that it vouches for.
            self._metadata = self._consumer.consumer_group_metadata()
        return taken

    def departed(self) -> list[Partition]:
        """The partitions that the group took since the last call; look at them before those that arrived."""
        departed, self._departed = self._departed, []
        return departed

    def arrived(self) -> dict[Partition, Start]:
        """The partitions that the group gave since the last call, and where each is read from."""
        arrived, self._arrived = self._arrived, {}
        return arrived

    def partition(self, topic: str, number: int) -> Partition:
        """An assigned partition by name and number."""
        return self._owned[topic, number]

    def position(self, partition: Partition) -> int:
        """Where the batch of an assigned partition begins: everything before it is committed."""
        return self._positions[partition]

    # The transaction.

    def expect(self, topics: Iterable[str]) -> None:
        """Makes sure that outputs have somewhere to go, before anything is decided; each topic is asked for once.

        (librdkafka would find out too, by `topic.metadata.propagation.max.ms`: after half a minute, and after the
        effects.)

        Raises:
            ConfigurationError: a topic does not exist.
        """
        for topic in topics:
            if topic in self._known_outputs:
                continue
            try:
                error = self._producer.list_topics(topic, timeout=CONNECT_LIMIT_S).topics[topic].error
            except KafkaException:
                continue  # no answer now: the transaction itself will tell
            if error is not None and error.code() in {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}:  # noqa: SLF001 - its public name
                raise ConfigurationError(f"The output topic {topic!r} does not exist.", hint="Create it first.")
            if error is None:
                self._known_outputs.add(topic)

    def commit(self, outputs: Iterable[Output], ends: Mapping[Partition, int]) -> Failure | None:
        """Outputs and offsets in one transaction: all or nothing.

        Args:
            outputs: what to produce, in order.
            ends: the next offset to consume, for each partition of the batch.

        Returns:
            None when it is committed. Otherwise why not, and `recover` must follow; in state `spent` nobody knows
            whether it was committed, and the committed offsets will tell.

        Raises:
            FencedError: a newer producer has the identity.
            ConfigurationError: Kafka refuses something that only a person can change.
        """
        offsets = [TopicPartition(p.topic, p.number, end) for p, end in ends.items()]
        producer = self._producer
        failure = (
            self._attempt(Call.BEGIN, producer.begin_transaction)
            or self._attempt(Call.PRODUCE, lambda: self._send(outputs))
            or self._attempt(Call.SEND_OFFSETS, lambda: producer.send_offsets_to_transaction(offsets, self._metadata))
            or self._attempt(Call.COMMIT, producer.commit_transaction)
        )
        if failure is None:
            self._positions.update(ends)
            self._replacements = 0
        return failure

    def recover(self, reason: str) -> dict[Partition, Start]:
        """The one way back, from whatever happened: end or replace what is open, then rewind to the committed offsets.

        Args:
            reason: why, for events.

        Returns:
            Where each assigned partition is read from now.

        Raises:
            FencedError: a newer producer has the identity.
            NoProgressError: producer after producer was of no use.
            UnreachableError: the committed offsets cannot be read.
        """
        if self._state is State.READY:
            self._move(Call.GIVE_UP, Outcome.OK)
        if self._state is State.FAILED:
            # An abort that overtakes outputs in flight finds no transaction at the coordinator (librdkafka issue 4849).
            _quietly(lambda: self._producer.flush(FLUSH_LIMIT_S))
            self._attempt(Call.ABORT, self._producer.abort_transaction)
        while self._state is State.SPENT:
            if self._stopping():
                return {}  # nothing will be read any more
            self._replace(reason)
        starts = self._read_starts(list(self._positions))
        for partition, start in starts.items():
            self._seek(partition, start.offset)
        self._positions.update((partition, start.offset) for partition, start in starts.items())
        self._move(Call.REWIND, Outcome.OK)
        self._emit(events.Rewound(reason, {p: s.offset for p, s in starts.items()}))
        return starts

    def _attempt(self, call: Call, function: Callable[[], object]) -> Failure | None:
        """Makes one call, repeats it while it is retriable and within its limit, and steps."""
        deadline = time.monotonic() + self._settings.transaction_timeout_s
        while True:
            try:
                function()
            except KafkaException as error:
                failure = _failure(error)
            else:
                self._move(call, Outcome.OK)
                return None
            repeat = failure.treatment is Treatment.RETRIABLE and call is not Call.COMMIT
            if not repeat or time.monotonic() > deadline or self._stopping():
                break
            time.sleep(PAUSE_S)
        logger.info("%s: %s (%s)", call, failure, failure.said)
        if failure.treatment is Treatment.CONFIGURATION:
            raise ConfigurationError(f"Kafka refuses to go on ({call}): {failure}.", detail=failure.said)
        self._move(call, outcome(call, failure))
        if self._state is State.FENCED:
            self._emit(events.Fenced(str(failure)))
            raise self._fenced(failure)
        return failure

    def _send(self, outputs: Iterable[Output]) -> None:
        produce = self._producer.produce
        for out in outputs:
            while True:
                try:
                    produce(
                        out.topic,
                        out.value,
                        out.key,
                        -1 if out.partition is None else out.partition,
                        headers=out.headers or None,
                        timestamp=out.timestamp_ms or 0,
                    )
                except BufferError:
                    # The queue is full: let it drain. librdkafka ends this by message.timeout.ms.
                    self._producer.poll(PAUSE_S)
                else:
                    break

    def _move(self, call: Call, outcome: Outcome) -> None:
        self._state = step(self._state, call, outcome)

    # The producer.

    def _new_producer(self, call: Call) -> None:
        try:
            self._producer = Producer(self._settings.producer, logger=logger)
        except KafkaException as error:
            raise _refused(error) from error
        failure = self._attempt(call, lambda: self._producer.init_transactions(REQUEST_LIMIT_S * 2))
        if failure is not None and call is Call.INIT and not self._stopping():
            raise UnreachableError(
                f"Kafka does not give out transactional.id {self._settings.producer['transactional.id']!r}: {failure}.",
                detail=failure.said,
            )

    def _replace(self, reason: str) -> None:
        """A new producer with the same identity. Its init ends whatever the old one left open, and bumps the epoch."""
        self._replacements += 1
        if self._replacements > MAX_REPLACEMENTS:
            raise NoProgressError(
                f"{MAX_REPLACEMENTS + 1} producers in a row did not commit a transaction. The last reason: {reason}.",
            )
        old, self._producer = self._producer, None
        _quietly(old.purge)
        del old
        self._new_producer(Call.REPLACE)
        self._emit(events.ProducerReplaced(reason))

    def _fenced(self, failure: Failure) -> FencedError:
        name = self._settings.producer["transactional.id"]
        timeout_ms = round(self._settings.transaction_timeout_s * 1000)
        return FencedError(
            f"The producer with transactional.id {name!r} was fenced ({failure.code}).",
            hint=f"Either another instance runs with the same transactional.id (give each its own), or this one's "
            f"transaction was open for longer than transaction.timeout.ms={timeout_ms} (raise it, or make batches "
            "smaller).",
            detail=failure.said,
        )

    # The consumer.

    def _find_topics(self) -> None:
        address = self._settings.common["bootstrap.servers"]
        try:
            known = self._consumer.list_topics(timeout=CONNECT_LIMIT_S).topics
        except KafkaException as error:
            failure = _failure(error)
            if failure.treatment is Treatment.CONFIGURATION:
                raise ConfigurationError(f"Kafka at {address} refuses us: {failure}.", detail=failure.said) from error
            raise UnreachableError(
                f"No Kafka broker answered at {address} within {CONNECT_LIMIT_S:.0f} s.",
                hint="Start it, or mend bootstrap.servers.",
                detail=failure.said,
            ) from error
        missing = [topic for topic in self._topics if topic not in known]
        if missing:
            raise ConfigurationError(
                f"Topic {', '.join(map(repr, missing))} does not exist at {address}.",
                hint="Create it first, with the number of partitions that you want.",
            )
        admin = AdminClient(self._settings.common, logger=logger)
        described = admin.describe_topics(TopicCollection(self._topics), request_timeout=CONNECT_LIMIT_S)
        try:
            self._topic_ids = {topic: str(future.result().topic_id) for topic, future in described.items()}
        except KafkaException as error:
            raise UnreachableError(f"Kafka at {address} does not describe its topics: {_failure(error)}.") from error

    def _consume(self, count: int, wait_s: float) -> list[Message]:
        try:
            got = self._consumer.consume(count, wait_s)
        except KafkaException as error:
            raise OncewhereError(f"Kafka's consumer cannot go on: {_failure(error)}.") from error
        if self._callback_error is not None:
            raised, self._callback_error = self._callback_error, None
            raise raised
        messages: list[Message] = []
        for message in got:
            problem = message.error()
            if problem is None:
                messages.append(message)
            elif (end := consumer_error(problem.name(), said=problem.str(), fatal=problem.fatal())) is not None:
                raise end
        return messages

    def _on_assign(self, consumer: Any, assigned: list[Any]) -> None:
        partitions = [Partition(tp.topic, tp.partition, self._topic_ids[tp.topic]) for tp in assigned]
        try:
            starts = self._read_starts(partitions)
            positions = [TopicPartition(p.topic, p.number, start.offset) for p, start in starts.items()]
            if self._settings.cooperative:
                consumer.incremental_assign(positions)
            else:
                consumer.assign(positions)
        except Exception as error:  # noqa: BLE001 - it must not cross librdkafka: `_consume` raises it
            self._callback_error = error
            return
        for partition, start in starts.items():
            self._owned[partition.topic, partition.number] = partition
            self._origins[partition] = start
            self._positions[partition] = start.offset
            self._arrived[partition] = start
        self._emit(events.Assigned({p: s.offset for p, s in starts.items()}))

    def _on_revoke(self, consumer: Any, revoked: list[Any]) -> None:
        del consumer  # librdkafka unassigns for us
        self._release(revoked, lost=False)

    def _on_lost(self, consumer: Any, lost: list[Any]) -> None:
        del consumer
        self._release(lost, lost=True)

    def _release(self, gone: list[Any], *, lost: bool) -> None:
        names = {(tp.topic, tp.partition) for tp in gone}
        partitions = [self._owned.pop(name) for name in names if name in self._owned]
        for partition in partitions:
            self._origins.pop(partition, None)
            self._positions.pop(partition, None)
            self._arrived.pop(partition, None)
        self._departed.extend(partitions)
        # What was taken of them in this very `take` belongs to somebody else now.
        self._taken = [m for m in self._taken if (m.topic(), m.partition()) not in names]
        if partitions:
            self._emit(events.Released(tuple(partitions), lost))

    def _read_starts(self, partitions: Sequence[Partition]) -> dict[Partition, Start]:
        """Where each partition is to be read from: the group's committed offset, or where it begins without one.

        The committed offset is read with `require_stable` (librdkafka does so at read_committed): while a transaction
        holds offsets of these partitions, nobody can know it, and the broker says so (KIP-447).

        Raises:
            UnreachableError: it cannot be read, or does not become stable, within the transaction timeout.
            ConfigurationError: the group may not be read, or `auto.offset.reset` is `error` and there is no offset.
        """
        if not partitions:
            return {}
        deadline = time.monotonic() + self._settings.transaction_timeout_s + STABLE_MARGIN_S
        asked = [TopicPartition(p.topic, p.number) for p in partitions]
        while True:
            try:
                answers = self._consumer.committed(asked, timeout=REQUEST_LIMIT_S)
                failed = next((tp.error for tp in answers if tp.error is not None), None)
                if failed is None:
                    break
                failure = _failure(KafkaException(failed))
            except KafkaException as error:
                failure = _failure(error)
            if self._stopping():
                return {}  # nothing will be read any more
            if failure.treatment is not Treatment.RETRIABLE or time.monotonic() > deadline:
                kind = ConfigurationError if failure.treatment is Treatment.CONFIGURATION else UnreachableError
                group = self._settings.consumer["group.id"]
                raise kind(f"The committed offsets of group {group!r} cannot be read: {failure}.")
            time.sleep(PAUSE_S)
        by_name = {(tp.topic, tp.partition): tp.offset for tp in answers}
        return {p: self._start(p, by_name[p.topic, p.number]) for p in partitions}

    def _start(self, partition: Partition, committed: int) -> Start:
        if committed >= 0:
            return Start(committed, committed=True)
        if partition in self._origins:
            return self._origins[partition]
        if self._settings.reset == "error":
            group = self._settings.consumer["group.id"]
            raise ConfigurationError(
                f"Group {group!r} has no committed offset for {partition}, and auto.offset.reset is 'error'.",
                hint="Commit one, or choose 'earliest' or 'latest'.",
            )
        try:
            low, high = self._consumer.get_watermark_offsets(
                TopicPartition(partition.topic, partition.number),
                timeout=CONNECT_LIMIT_S,
            )
        except KafkaException as error:
            raise UnreachableError(f"The ends of {partition} cannot be read: {_failure(error)}.") from error
        return Start(low if self._settings.reset == "earliest" else high, committed=False)

    def _seek(self, partition: Partition, offset: int) -> None:
        deadline = time.monotonic() + SEEK_LIMIT_S
        while True:
            try:
                self._consumer.seek(TopicPartition(partition.topic, partition.number, offset))
            except KafkaException as error:
                # A partition that was assigned a moment ago cannot be sought yet.
                failure = _failure(error)
                if failure.code != "_STATE" or time.monotonic() > deadline:
                    raise OncewhereError(f"{partition} cannot be rewound to {offset}: {failure}.") from error
                time.sleep(PAUSE_S)
            else:
                return


def _failure(exception: KafkaException) -> Failure:
    error = exception.args[0]
    return classify(
        error.name(),
        said=error.str(),
        fatal=error.fatal(),
        abortable=error.txn_requires_abort(),
        retriable=error.retriable(),
    )


def _refused(exception: KafkaException) -> ConfigurationError:
    failure = _failure(exception)
    return ConfigurationError(f"librdkafka refuses the settings: {failure.said}.", detail=failure.code)


def _quietly(function: Callable[[], object]) -> None:
    """Runs the end of something that is being given up; an error there must not hide the one that caused it."""
    try:
        function()
    except Exception as error:  # noqa: BLE001
        logger.debug("while giving up: %s", error)
