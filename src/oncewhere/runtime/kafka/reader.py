"""The consumer: messages out, and which partitions they may come from.

Rebalances happen inside `take`, and nowhere else: librdkafka calls us back from there. Before a partition goes, the
loop is told (`on_release`), and may still commit what it has of it; when it was lost, it may not.

librdkafka must never move a position by itself. With any `auto.offset.reset` but `error` it does: after a change of
leader it asks where an epoch ended (KIP-320), and goes back there without a word if that seems to be before its
position. Where a second change meets the answer about the first, that is before its position though nothing was
truncated, and records that were handled are given again. So librdkafka is told `error`, the user's setting is followed
in `starts`, and a partition that librdkafka stops reading is read again from the committed offset.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from oncewhere.effects.place import UndecidedError
from oncewhere.errors import ConfigurationError, FencedError, OncewhereError, UnreachableError
from oncewhere.records import Partition
from oncewhere.runtime import events
from oncewhere.runtime.failures import Treatment, consumer_error
from oncewhere.runtime.kafka.answers import consumer_code, failure_of, quietly, refused
from oncewhere.runtime.kafka.client_log import logger
from oncewhere.runtime.kafka.membership import is_member
from oncewhere.runtime.kafka.starts import Starts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oncewhere.effects.place import Start
    from oncewhere.records import Message
    from oncewhere.runtime.settings import Complete

CONNECT_LIMIT_S = 15.0  # for the first answer of the cluster
SEEK_LIMIT_S = 5.0  # for a partition that was just assigned to become seekable
LEAVE_LIMIT_S = 3.0  # for the group to hear that we leave
LEAVE_POLL_S = 0.01
PAUSE_S = 0.02  # between two tries of one call


class Reader:
    """One consumer in its group.

    Args:
        settings: for the client.
        topics: what to consume.
        emit: takes events.
        stopping: True when waiting should end early.
        on_release: called before partitions go, from inside `take`: which ones, and whether they are lost already.
        beat: called in each wait: the loop lives.
    """

    def __init__(
        self,
        settings: Complete,
        topics: Sequence[str],
        *,
        emit: events.Listener,
        stopping: Callable[[], bool],
        on_release: Callable[[Sequence[Partition], bool], None],
        beat: Callable[[], object] = bool,
    ) -> None:
        self._settings = settings
        self._topics = list(topics)
        self._emit = emit
        self._stopping = stopping
        self._on_release = on_release
        self._consumer: Any = None
        self._topic_ids: dict[str, str] = {}
        self._owned: dict[tuple[str, int], Partition] = {}
        self._origins: dict[Partition, Start] = {}
        self._starts = Starts(settings, emit=emit, stopping=stopping, beat=beat)
        self._arrived: dict[Partition, Start] = {}
        self._departed: list[Partition] = []
        self._gone: set[tuple[str, int]] = set()
        self._in_hand: list[Message] = []
        self._halted: set[tuple[str, int]] = set()
        self._callback_error: BaseException | None = None

    def open(self) -> None:
        """Finds the cluster and the topics.

        Raises:
            UnreachableError: no broker answers.
            ConfigurationError: a setting is refused, or a topic does not exist.
        """
        try:
            self._consumer = Consumer(self._settings.consumer, logger=logger)
        except KafkaException as error:
            raise refused(error) from error
        self._find_topics()

    def join(self) -> None:
        """Joins the group; partitions arrive during `take`."""
        self._consumer.subscribe(
            self._topics,
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    def leave(self) -> None:
        """Leaves the group, so that others get the partitions at once. Never raises.

        A static member (KIP-345) keeps its partitions when it closes, until the session times out: right for a process
        that is restarted at once, wrong for one that was told to stop. Unsubscribing says goodbye for it too.
        """
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        if "group.instance.id" in self._settings.consumer:
            quietly(consumer.unsubscribe)
            deadline = time.monotonic() + LEAVE_LIMIT_S
            while is_member(consumer.consumer_group_metadata()) and time.monotonic() < deadline:
                quietly(lambda: consumer.poll(LEAVE_POLL_S))
        quietly(consumer.close)

    # Taking.

    def take(self, max_records: int, wait_s: float) -> list[Message]:
        """Takes what is there, or waits for one message (`consume(n, t)` alone would wait for all n).

        Args:
            max_records: at most so many.
            wait_s: how long to wait for the first one, in seconds.

        Raises:
            OncewhereError: the consumer cannot go on.
        """
        self._gone.clear()
        got = self._consume(max_records, 0)
        if not got and wait_s:
            got = self._consume(1, wait_s)
            if got and max_records > 1:
                self._in_hand = got
                try:
                    got = [*got, *self._consume(max_records - 1, 0)]  # it did not come alone
                finally:
                    self._in_hand = []
        if self._gone:
            # What the same call brought of partitions that went meanwhile belongs to somebody else now. Where they
            # have come back already, it may be old or new, and librdkafka counts it as read: begin again.
            got = [message for message in got if (message.topic(), message.partition()) not in self._gone]
            for name in self._gone & self._owned.keys():
                partition = self._owned[name]
                self._seek(partition, self._arrived[partition].offset)
        return got

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

    def owned(self) -> list[Partition]:
        """All assigned partitions."""
        return list(self._owned.values())

    def positions(self) -> dict[Partition, int]:
        """The next offset of each assigned partition that anything was taken from since it was assigned or sought."""
        asked = [TopicPartition(topic, number) for topic, number in self._owned]
        found = {
            self._owned[tp.topic, tp.partition]: tp.offset for tp in self._consumer.position(asked) if tp.offset >= 0
        }
        # Asked in the middle of `take`, by a rebalance: what librdkafka has handed out there nobody has handled yet.
        for message in reversed(self._in_hand):
            if (partition := self._owned.get((message.topic(), message.partition()))) is not None:
                found[partition] = message.offset()
        return found

    def metadata(self) -> bytes | None:
        """What vouches for offsets that are committed now; None when this process is no member of the group.

        Raises:
            OncewhereError: librdkafka gives it in a form that is not known here.
        """
        metadata: bytes = self._consumer.consumer_group_metadata()
        member = is_member(metadata)
        if member is None:
            raise OncewhereError(
                "librdkafka gives the group metadata in a form that this version of oncewhere does not know, so a "
                "zombie could not be told from a member.",
                hint="Install the confluent-kafka version that oncewhere was released with.",
            )
        return metadata if member else None

    # Starts and rewinds.

    def rewind(self) -> dict[Partition, Start]:
        """Sets the positions of all assigned partitions back to the committed offsets; gives them.

        Raises:
            UnreachableError: the committed offsets cannot be read.
            OncewhereError: a partition's log does not hold them.
        """
        starts = self._read_starts(self.owned())
        offsets = {p: start.offset for p, start in starts.items()}
        halted = {p: offsets[p] for p in starts if (p.topic, p.number) in self._halted}
        offsets |= {p: self._starts.readable(self._consumer, p, at) for p, at in halted.items()}
        # What librdkafka has stopped reading cannot be sought, only assigned: alone, or with all the others.
        assigned = offsets if halted and not self._settings.cooperative else {p: offsets[p] for p in halted}
        if assigned:
            self._assign_again(assigned)
        for partition in offsets.keys() - assigned.keys():
            self._seek(partition, offsets[partition])
        return starts

    def _assign_again(self, offsets: Mapping[Partition, int]) -> None:
        positions = [TopicPartition(p.topic, p.number, at) for p, at in offsets.items()]
        if self._settings.cooperative:
            self._consumer.incremental_unassign([TopicPartition(p.topic, p.number) for p in offsets])
            self._consumer.incremental_assign(positions)
        else:
            self._consumer.assign(positions)
        self._halted.clear()

    def _read_starts(self, partitions: Sequence[Partition]) -> dict[Partition, Start]:
        return self._starts.read(self._consumer, partitions, self._origins)

    def _seek(self, partition: Partition, offset: int) -> None:
        deadline = time.monotonic() + SEEK_LIMIT_S
        while True:
            try:
                self._consumer.seek(TopicPartition(partition.topic, partition.number, offset))
            except KafkaException as error:
                # A partition that was assigned a moment ago cannot be sought yet.
                failure = failure_of(error)
                if failure.code != "_STATE" or time.monotonic() > deadline:
                    raise OncewhereError(f"{partition} cannot be rewound to {offset}: {failure}.") from error
                time.sleep(PAUSE_S)
            else:
                return

    # librdkafka's side.

    def _consume(self, count: int, wait_s: float) -> list[Message]:
        try:
            got: list[Message] = self._consumer.consume(count, wait_s)
        except KafkaException as error:
            raise self._end(error.args[0]) or OncewhereError(
                f"Kafka's consumer cannot go on: {failure_of(error)}.",
            ) from error
        if self._callback_error is not None:
            raised, self._callback_error = self._callback_error, None
            raise raised
        if not got or not any(map(got[0].__class__.error, got)):  # type: ignore[attr-defined]
            return got
        problems = [message.error() for message in got]  # type: ignore[attr-defined]
        for message, problem in zip(got, problems, strict=True):
            if problem is None:
                continue
            if problem.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001 - its public name
                self._halt(message, problem)
            elif (end := self._end(problem)) is not None:
                raise end
        return [message for message, problem in zip(got, problems, strict=True) if problem is None]

    def _halt(self, message: Message, problem: Any) -> None:
        """A position is not in the partition's log, or librdkafka thinks so; it has stopped reading it.

        Raises:
            UndecidedError: always, unless the partition has gone meanwhile: all positions must be set anew.
        """
        name = message.topic(), message.partition()
        if name in self._owned:
            self._halted.add(name)
            raise UndecidedError(f"{self._owned[name]} cannot be read on: {problem.str()}")

    def _end(self, problem: Any) -> OncewhereError | None:
        """The error that ends the run; None for one that the consumer mends by itself."""
        said = problem.str()
        end = consumer_error(consumer_code(problem.name(), said), said=said, fatal=problem.fatal())
        if isinstance(end, FencedError):
            self._emit(events.Fenced(said))
        return end

    def _on_assign(self, consumer: Any, assigned: list[Any]) -> None:
        try:
            partitions = [Partition(tp.topic, tp.partition, self._topic_ids[tp.topic]) for tp in assigned]
            starts = self._read_starts(partitions)
            positions = [TopicPartition(p.topic, p.number, start.offset) for p, start in starts.items()]
            if self._settings.cooperative:
                consumer.incremental_assign(positions)
            else:
                consumer.assign(positions)
        except BaseException as error:  # noqa: BLE001 - it must not cross librdkafka: `_consume` raises it
            self._callback_error = error
            return
        for partition, start in starts.items():
            self._owned[partition.topic, partition.number] = partition
            self._origins[partition] = start
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
        partitions = [self._owned[name] for name in names if name in self._owned]
        try:
            if partitions:
                self._on_release(partitions, lost)
        except BaseException as error:  # noqa: BLE001 - it must not cross librdkafka: `_consume` raises it
            self._callback_error = error
        for partition in partitions:
            del self._owned[partition.topic, partition.number]
            self._origins.pop(partition, None)
            self._arrived.pop(partition, None)
        self._halted -= names
        self._departed.extend(partitions)
        self._gone |= names
        if partitions:
            self._emit(events.Released(tuple(partitions), lost))

    def _find_topics(self) -> None:
        address = self._settings.common["bootstrap.servers"]
        try:
            known: Mapping[str, Any] = self._consumer.list_topics(timeout=CONNECT_LIMIT_S).topics
        except KafkaException as error:
            failure = failure_of(error)
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
            raise UnreachableError(
                f"Kafka at {address} does not describe its topics: {failure_of(error)}.",
            ) from error
