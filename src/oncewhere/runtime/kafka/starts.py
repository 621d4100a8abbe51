"""Where a partition is read from: the group's committed offset, and what its log holds, in; an offset out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException, TopicPartition

from oncewhere.effects.place import Start
from oncewhere.errors import ConfigurationError, OncewhereError, UnreachableError
from oncewhere.runtime import events
from oncewhere.runtime.failures import Treatment
from oncewhere.runtime.kafka.answers import failure_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oncewhere.records import Partition
    from oncewhere.runtime.settings import Complete

ANSWER_LIMIT_S = 15.0  # for the ends of a partition
REQUEST_LIMIT_S = 5.0  # for one request that is repeated within a longer limit
STABLE_MARGIN_S = 10.0  # beyond the transaction timeout: by then an open transaction has ended one way or another
CATCH_UP_S = 5.0  # for a new leader to know again how far its log goes
PAUSE_S = 0.02  # between two tries of one call


class Starts:
    """Knows the user's `auto.offset.reset`; librdkafka does not (see `reader`).

    Args:
        settings: for the client.
        emit: takes events.
        stopping: True when waiting should end early.
        beat: called in each wait: the loop lives.
    """

    def __init__(
        self,
        settings: Complete,
        *,
        emit: events.Listener,
        stopping: Callable[[], bool],
        beat: Callable[[], object] = bool,
    ) -> None:
        self._settings = settings
        self._emit = emit
        self._stopping = stopping
        self._beat = beat

    def read(
        self, consumer: Any, partitions: Sequence[Partition], origins: Mapping[Partition, Start]
    ) -> dict[Partition, Start]:
        """Where each partition is to be read from: the group's committed offset, or where it begins without one.

        The committed offset is read with `require_stable` (librdkafka does so at read_committed): while a transaction
        holds offsets of these partitions, nobody can know it, and the broker says so (KIP-447).

        Args:
            consumer: asks.
            partitions: assigned ones.
            origins: where those without a committed offset began.

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
                answers = consumer.committed(asked, timeout=REQUEST_LIMIT_S)
                failed = next((tp.error for tp in answers if tp.error is not None), None)
                if failed is None:
                    break
                failure = failure_of(KafkaException(failed))
            except KafkaException as error:
                failure = failure_of(error)
            if self._stopping():
                return {}  # nothing will be read any more
            if failure.treatment is not Treatment.RETRIABLE or time.monotonic() > deadline:
                kind = ConfigurationError if failure.treatment is Treatment.CONFIGURATION else UnreachableError
                raise kind(f"The committed offsets of group {self._group!r} cannot be read: {failure}.")
            self._beat()
            time.sleep(PAUSE_S)
        by_name = {(tp.topic, tp.partition): tp.offset for tp in answers}
        return {p: self._start(consumer, p, by_name[p.topic, p.number], origins) for p in partitions}

    def readable(self, consumer: Any, partition: Partition, offset: int) -> int:
        """Where a partition can be read on that librdkafka has stopped reading: the offset itself, if its log holds it.

        Where the records from there on have been deleted before they were processed (retention), the user's
        `auto.offset.reset` decides, as it does for every consumer. Where the log ends before that offset, nothing can:
        to begin anew would do everything again.

        Args:
            consumer: asks.
            partition: an assigned one.
            offset: where it is to be read from.

        Raises:
            ConfigurationError: records were deleted, and `auto.offset.reset` is `error`.
            OncewhereError: the log ends before that offset.
            UnreachableError: its ends cannot be read.
        """
        deadline = time.monotonic() + CATCH_UP_S
        while True:
            low, high = _ends(consumer, partition)
            if low <= offset <= high or self._stopping():
                return offset
            if offset < low:
                return self._past_deleted(partition, offset, low, high)
            if time.monotonic() > deadline:
                raise OncewhereError(
                    f"Group {self._group!r} has processed {partition} up to offset {offset}, and its log ends at "
                    f"{high}: Kafka has lost records, or the topic was made anew.",
                    hint="Find out which records are gone (an unclean leader election, a restored disk, a topic made "
                    "anew). Then say where to go on: kafka-consumer-groups.sh --reset-offsets, while the processor "
                    "is stopped.",
                )
            self._beat()
            time.sleep(PAUSE_S)

    def _past_deleted(self, partition: Partition, offset: int, low: int, high: int) -> int:
        if self._settings.reset == "error":
            raise ConfigurationError(
                f"The records of {partition} from offset {offset} to {low} were deleted before group {self._group!r} "
                "had processed them, and auto.offset.reset is 'error'.",
                hint="Raise the topic's retention. To go on without them, move the group: kafka-consumer-groups.sh "
                "--reset-offsets, while the processor is stopped.",
            )
        resumed = low if self._settings.reset == "earliest" else high
        self._emit(events.RecordsGone(partition, offset, resumed))
        return resumed

    @property
    def _group(self) -> str:
        return str(self._settings.consumer["group.id"])

    def _start(self, consumer: Any, partition: Partition, committed: int, origins: Mapping[Partition, Start]) -> Start:
        if committed >= 0:
            return Start(committed, committed=True)
        if partition in origins:
            return origins[partition]
        if self._settings.reset == "error":
            raise ConfigurationError(
                f"Group {self._group!r} has no committed offset for {partition}, and auto.offset.reset is 'error'.",
                hint="Commit one, or choose 'earliest' or 'latest'.",
            )
        low, high = _ends(consumer, partition)
        return Start(low if self._settings.reset == "earliest" else high, committed=False)


def _ends(consumer: Any, partition: Partition) -> tuple[int, int]:
    """The first offset of a partition's log, and the one behind its last.

    Raises:
        UnreachableError: nobody says.
    """
    asked = TopicPartition(partition.topic, partition.number)
    try:
        low, high = consumer.get_watermark_offsets(asked, timeout=ANSWER_LIMIT_S)
    except KafkaException as error:
        raise UnreachableError(f"The ends of {partition} cannot be read: {failure_of(error)}.") from error
    return low, high
