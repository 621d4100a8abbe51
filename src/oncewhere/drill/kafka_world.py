"""Input records come in; a Kafka where nothing has happened yet goes out, and later what is found there.

Everything here talks to the real broker, never through the proxy: the drill's own traffic is not the processor's.
Blocking calls; the engine runs them in a thread.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]  # not in its __all__

from oncewhere.errors import ConfigurationError, InconclusiveError

from .checks import PlaceSeen
from .feeding import all_stand, write, write_aborted
from .identity import Identity
from .inputs import Input
from .reading import OutputReader, hidden, seen_in

CALL_LIMIT_S = 10.0
RESET_LIMIT_S = 15.0
RESET_POLL_S = 0.01
FILL_TRIES = 3
"""How often the topics are made anew where an input that was acknowledged does not stand in them."""
STABLE_LIMIT_S = 2.0
"""How long a commit's markers may take to reach the output (EndTxn is answered before they are written)."""
QUIET_LOG = 2
"""Syslog's "critical": a broker that goes away at the end of a drill is no news."""
PASSING = frozenset(
    {
        KafkaError.NON_EMPTY_GROUP,
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
"""What a group that is being left, or moved, is refused with for a moment."""

GONE = frozenset({KafkaError.GROUP_ID_NOT_FOUND, KafkaError.UNKNOWN_TOPIC_OR_PART})
"""What a deletion is answered with where there is nothing to delete."""


class KafkaWorld:
    """The topics and the group of one drill, on one cluster.

    Args:
        bootstrap_servers: `host:port,…` of the real brokers.
        input_topic: the processor's input.
        output_topics: the processor's outputs.
        group: the processor's group.
        partitions: partitions of every topic.
        recreate: True allows deleting topics that existed before this drill (they hold somebody's data).
        settings: how the brokers are spoken to (`security.protocol`, `sasl.…`, `ssl.…`).
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        input_topic: str,
        output_topics: Sequence[str],
        group: str,
        partitions: int,
        recreate: bool,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.input_topic = input_topic
        self.output_topics = tuple(output_topics)
        self.group = group
        self.partitions = partitions
        self._recreate = recreate
        self._common: dict[str, str | int | float | bool] = {
            **(settings or {}),
            "bootstrap.servers": bootstrap_servers,
            "log_level": QUIET_LOG,
        }
        self._admin = AdminClient(self._common)
        self._made = False
        self._reader = OutputReader(self._common)
        # It takes half a second to connect, and does so while a trial runs.
        self._next_producer = self._new_producer()
        self.ends: dict[int, int] = {}
        """The input's end offset per partition, once it is written."""
        self.written: list[tuple[tuple[int, int], ...]] = []
        """Partition and offset of each input, for every time that inputs were written."""

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic of this world, each once."""
        return tuple(dict.fromkeys((self.input_topic, *self.output_topics)))

    def reset(self, inputs: Sequence[Input], aborted: Sequence[Input] = ()) -> None:
        """Deletes group and topics, makes them anew and writes the inputs.

        Args:
            inputs: in this order.
            aborted: between the first half of them and the second, in a transaction that is aborted.

        Raises:
            ConfigurationError: a topic exists that this drill did not make, and `recreate` is False.
            InconclusiveError: the cluster did not finish in time, or lost what it had acknowledged.
        """
        for _ in range(FILL_TRIES):
            self._delete()
            self._create(self.topics)
            self.written.clear()
            self._fill(inputs, aborted)
            if all_stand(self.written[-1], self.ends):
                return
        raise InconclusiveError(f"{self.input_topic} does not hold every input that the cluster acknowledged.")

    def publish(self, inputs: Sequence[Input]) -> None:
        """Writes further inputs behind those that are there.

        Raises:
            InconclusiveError: the cluster lost what it had acknowledged.
        """
        self._fill(inputs)
        if not all_stand(self.written[-1], self.ends):
            raise InconclusiveError(f"{self.input_topic} does not hold every input that the cluster acknowledged.")

    def rewind_group(self, to: Mapping[int, int]) -> None:
        """Sets the group's positions back; nobody is in the group.

        Args:
            to: by partition, the offset.

        Raises:
            InconclusiveError: the cluster refused.
        """
        beginnings = [TopicPartition(self.input_topic, partition, offset) for partition, offset in to.items()]
        asked = [ConsumerGroupTopicPartitions(self.group, beginnings)]
        self._settle(self._admin.alter_consumer_group_offsets(asked).values(), set(), "set the group's positions back")

    def recreate_input(self, inputs: Sequence[Input]) -> None:
        """Deletes the input topic and makes it anew, with other inputs in it; nobody is in the group.

        Raises:
            InconclusiveError: the cluster did not finish in time, or keeps positions of the topic that is gone.
        """
        self._settle(self._admin.delete_topics([self.input_topic]).values(), set(), "delete the input topic")
        self._create([self.input_topic])
        deadline = time.monotonic() + RESET_LIMIT_S
        while self._positions():
            if time.monotonic() > deadline:
                raise InconclusiveError(
                    f"The cluster keeps positions of {self.input_topic}, which was deleted, for {RESET_LIMIT_S:.0f} s."
                )
            time.sleep(RESET_POLL_S)
        self.publish(inputs)

    def _positions(self) -> bool:
        asked = [ConsumerGroupTopicPartitions(self.group)]
        found = self._admin.list_consumer_group_offsets(asked)[self.group].result(CALL_LIMIT_S)
        return any(tp.topic == self.input_topic and tp.offset >= 0 for tp in found.topic_partitions or ())

    def remove(self) -> None:
        """Deletes the topics and the group that were made here; what a drill made on a cluster does not stay there.

        Raises:
            InconclusiveError: the cluster refused some of it; it says what remains.
        """
        try:
            if self._made:
                self._leave_nothing()
        finally:
            self._reader.close()

    def _leave_nothing(self) -> None:
        """The topics first, each by itself: a group whose members are not gone yet keeps none of them."""
        remains: list[str] = []
        for topic, future in self._admin.delete_topics(list(self.topics)).items():
            try:
                future.result(CALL_LIMIT_S)
            except (KafkaException, TimeoutError) as error:
                if not isinstance(error, KafkaException) or error.args[0].code() not in GONE:
                    remains.append(f"topic {topic}")
        try:
            self._delete_group(GONE)
        except (InconclusiveError, TimeoutError):
            remains.append(f"group {self.group}")
        if remains:
            raise InconclusiveError(
                f"What the drill made could not be deleted: on {self.bootstrap_servers} remain {', '.join(remains)}."
            )

    def outputs(
        self, topic: str, identity: Identity, compare: Identity | None = None, *, outwait_s: float = 0.0
    ) -> PlaceSeen:
        """Reads an output topic to its end with `isolation.level=read_committed` and counts identities.

        Args:
            topic: which.
            identity: where the business identity stands in its records.
            compare: where the value stands that is to agree with an effect, if one is compared.
            outwait_s: how long an open transaction may take to be timed out, in seconds.

        Where the last stable offset has not passed the high watermark, an open transaction hides records; the answer
        says so in `hidden` (check 1).
        """
        stable, ends = self._wait_stable(topic, max(outwait_s, STABLE_LIMIT_S))
        return seen_in(topic, self._reader.read(topic, stable), identity, compare, hidden=hidden(topic, stable, ends))

    def _new_producer(self) -> Producer:
        return Producer(
            {
                **self._common,
                "enable.idempotence": True,
                "max.in.flight": 1,  # with more, what a new leader refuses can be lost (see runtime/settings.py)
                "linger.ms": 1,
                "retry.backoff.ms": 5,  # a new partition refuses for a moment, and the default waits 100 ms
            }
        )

    def _delete(self) -> None:
        existing = set(self._admin.list_topics(timeout=CALL_LIMIT_S).topics) & set(self.topics)
        if existing and not (self._recreate or self._made):
            raise ConfigurationError(
                f"Topic {min(existing)} exists already on {self.bootstrap_servers}; "
                "a drill deletes its topics and makes them anew.",
                hint="Drill against another cluster, or say --recreate-topics if nobody needs what is in them.",
            )
        self._delete_group(GONE)
        if existing:
            self._settle(self._admin.delete_topics(sorted(existing)).values(), GONE, "delete the topics")

    def _delete_group(self, ignore: Collection[int]) -> None:
        """A group whose members were evicted may still be on its way to being empty, or to another coordinator."""
        deadline = time.monotonic() + RESET_LIMIT_S
        while True:
            future = self._admin.delete_consumer_groups([self.group])[self.group]
            try:
                future.result(CALL_LIMIT_S)
            except KafkaException as error:
                code = error.args[0].code()
                if code in PASSING and time.monotonic() < deadline:
                    if code == KafkaError.NOT_COORDINATOR:
                        self._admin = AdminClient(self._common)  # the old one does not ask again who it is
                    time.sleep(RESET_POLL_S)
                    continue
                if code not in ignore:
                    raise InconclusiveError(
                        f"The cluster refused to delete the group {self.group}: {error.args[0].str()}."
                    ) from None
            return

    def _create(self, topics: Sequence[str]) -> None:
        self._made = True
        deadline = time.monotonic() + RESET_LIMIT_S
        missing = set(topics)
        while missing:
            new = [NewTopic(topic, num_partitions=self.partitions) for topic in sorted(missing)]
            for topic, future in self._admin.create_topics(new).items():
                try:
                    future.result(CALL_LIMIT_S)
                    missing.discard(topic)
                except KafkaException as error:
                    if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # still being deleted
                        raise InconclusiveError(
                            f"The cluster could not make topic {topic}: {error.args[0].str()}."
                        ) from None
            if missing:
                if time.monotonic() > deadline:
                    raise InconclusiveError(f"The cluster did not delete {min(missing)} within {RESET_LIMIT_S:.0f} s.")
                time.sleep(RESET_POLL_S)
        while not all(self._is_whole(topic) for topic in self.topics):
            if time.monotonic() > deadline:
                raise InconclusiveError(f"The cluster did not make the topics whole within {RESET_LIMIT_S:.0f} s.")
            time.sleep(RESET_POLL_S)

    def _is_whole(self, topic: str) -> bool:
        found = self._admin.list_topics(topic, timeout=CALL_LIMIT_S).topics[topic]
        partitions = found.partitions.values()
        return found.error is None and len(partitions) == self.partitions and all(p.leader >= 0 for p in partitions)

    def _fill(self, inputs: Sequence[Input], aborted: Sequence[Input] = ()) -> None:
        # A producer of its own each time, since an older one remembers the partitions of the deleted topic.
        producer, self._next_producer = self._next_producer, self._new_producer()
        half = len(inputs) // 2 if aborted else 0
        places = write(producer, self.input_topic, inputs[:half])
        if aborted:
            write_aborted(self._common, self.input_topic, aborted)
            self._wait_stable(self.input_topic)
        self.written.append(places + write(producer, self.input_topic, inputs[half:]))
        self.ends = self._ends(self.input_topic, IsolationLevel.READ_UNCOMMITTED)

    def _wait_stable(self, topic: str, limit_s: float = STABLE_LIMIT_S) -> tuple[dict[int, int], dict[int, int]]:
        """Waits for the markers of a transaction that was just ended, or is going to be.

        Returns:
            By partition, the last stable offset, and the high watermark.
        """
        deadline = time.monotonic() + limit_s
        while True:
            ends = self._ends(topic, IsolationLevel.READ_UNCOMMITTED)
            stable = self._ends(topic, IsolationLevel.READ_COMMITTED)
            if all(stable[p] >= end for p, end in ends.items()) or time.monotonic() > deadline:
                return stable, ends
            time.sleep(RESET_POLL_S)

    def _ends(self, topic: str, isolation: IsolationLevel) -> dict[int, int]:
        deadline = time.monotonic() + CALL_LIMIT_S
        while True:
            try:
                return self._ends_now(topic, isolation)
            except KafkaException as error:
                # A leader has moved, and the client has not noticed (FENCED_LEADER_EPOCH is not retried by librdkafka).
                if time.monotonic() > deadline:
                    raise InconclusiveError(f"The ends of {topic} cannot be read: {error.args[0].str()}.") from None
            self._admin.list_topics(topic, timeout=CALL_LIMIT_S)
            time.sleep(RESET_POLL_S)

    def _ends_now(self, topic: str, isolation: IsolationLevel) -> dict[int, int]:
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        asked = {TopicPartition(topic, p): latest for p in range(self.partitions)}
        answers = self._admin.list_offsets(asked, isolation_level=isolation, request_timeout=CALL_LIMIT_S)
        return {asked_for.partition: future.result(CALL_LIMIT_S).offset for asked_for, future in answers.items()}

    def _settle(self, futures: Iterable[object], ignore: Collection[int], what: str) -> None:
        for future in futures:
            try:
                future.result(CALL_LIMIT_S)  # type: ignore[attr-defined]  # a concurrent.futures.Future without a stub
            except KafkaException as error:
                if error.args[0].code() not in ignore:
                    raise InconclusiveError(f"The cluster refused to {what}: {error.args[0].str()}.") from None
