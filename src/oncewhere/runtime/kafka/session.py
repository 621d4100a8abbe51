"""Consumer and producer, owned together: batches end in one transaction, or in a rewind; there is no third way.

What may be called in which state, and where each outcome leads, stands in `states`; what each error means, in
`failures`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import TopicPartition

from oncewhere.runtime import events
from oncewhere.runtime.kafka.reader import Reader
from oncewhere.runtime.kafka.writer import Writer
from oncewhere.runtime.states import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oncewhere.effects.place import Start
    from oncewhere.records import Message, Partition
    from oncewhere.runtime.failures import Failure
    from oncewhere.runtime.settings import Complete


class TransactSession:
    """One consumer and one producer, walked together through Kafka's transactions.

    Args:
        settings: for both clients.
        topics: what to consume.
        emit: takes events.
        stopping: True when waiting should end early.
        beat: called in each wait: the loop lives.
    """

    def __init__(
        self,
        settings: Complete,
        topics: Sequence[str],
        *,
        emit: events.Listener,
        stopping: Callable[[], bool],
        beat: Callable[[], object] = bool,
    ) -> None:
        self._settings = settings
        self._emit = emit
        self._stopping = stopping
        self.on_release: Callable[[Sequence[Partition], bool], None] = _nothing
        self.reader = Reader(
            settings,
            topics,
            emit=emit,
            stopping=stopping,
            on_release=self._release,
            beat=beat,
        )
        self.writer = Writer(settings, emit=emit, stopping=stopping, beat=beat)

    def __repr__(self) -> str:
        return f"<TransactSession {self._settings.producer['transactional.id']!r}: {self.writer.state}>"

    @property
    def max_output_bytes(self) -> int:
        """The largest key and value that the producer takes, together."""
        return self._settings.max_output_bytes

    def start(self) -> None:
        """Finds the cluster and the topics, takes the transactional identity, joins the group.

        The identity comes first: it ends what a crash left open, so that the committed offsets are stable when the
        partitions arrive.

        Raises:
            UnreachableError: no broker answers.
            ConfigurationError: a setting is refused, or a topic does not exist.
            FencedError: a newer producer has the identity.
        """
        self.reader.open()
        self.writer.open()
        self.reader.join()

    def close(self) -> None:
        """Ends an open transaction by an abort, leaves the group. Never raises: it must not hide why the run ends."""
        self.writer.close()
        self.reader.leave()

    def take(self, max_records: int, wait_s: float) -> list[Message]:
        """See `Reader.take`."""
        return self.reader.take(max_records, wait_s)

    def send_offsets(self, ends: Mapping[Partition, int], metadata: bytes) -> Failure | None:
        """See `Writer.send_offsets`.

        Args:
            ends: the next offset to consume, for each partition of the batch.
            metadata: the group's, taken while all of them were ours.
        """
        offsets: list[Any] = [TopicPartition(p.topic, p.number, end) for p, end in ends.items()]
        return self.writer.send_offsets(offsets, metadata)

    def commit(self) -> Failure | None:
        """See `Writer.commit`."""
        return self.writer.commit()

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
        self.writer.fail()
        self.writer.abort()
        if not self.writer.restore(reason):
            return {}  # nothing will be read any more
        starts = self.reader.rewind()
        if self.writer.state is State.ASTRAY:
            self.writer.rewound()
        self._emit(events.Rewound(reason, {p: s.offset for p, s in starts.items()}))
        return starts

    def _release(self, partitions: Sequence[Partition], lost: bool) -> None:  # noqa: FBT001 - a callback
        self.on_release(partitions, lost)


def _nothing(partitions: Sequence[Partition], lost: bool) -> None:  # noqa: FBT001 - a callback
    del partitions, lost
