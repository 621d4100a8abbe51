"""Where each partition's batch starts and ends: what was handed out and not handled in; what a batch covers out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oncewhere.effects.place import Span, UndecidedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oncewhere.effects.place import Start
    from oncewhere.records import Message, Partition
    from oncewhere.runtime.batch import Batch
    from oncewhere.runtime.kafka.reader import Reader


class Positions:
    """By partition, where the batch starts that grows.

    Args:
        reader: knows how far each partition was read.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._starts: dict[Partition, int] = {}

    def seal(self, batch: Batch, kept: Sequence[Message]) -> None:
        """Notes what the batch covers; it takes no more records.

        Args:
            batch: which grows.
            kept: what was taken and belongs to the next one.

        Raises:
            UndecidedError: this process is no member of its group any more, or some records came twice.
        """
        ends = self._reader.positions()
        for message in reversed(kept):
            ends[self._reader.partition(message.topic(), message.partition())] = message.offset()
        # A partition that came within this very `take` has no start yet, and nothing of it was handled.
        batch.ends = {p: end for p, end in ends.items() if p in self._starts and end > self._starts[p]}
        if batch.records > self.covered(batch):
            raise UndecidedError("the consumer has given records again that were handled before")
        if (metadata := self._reader.metadata()) is None:
            raise UndecidedError("this process is no member of its group any more")
        batch.metadata = metadata

    def covered(self, batch: Batch) -> int:
        """How many records a sealed batch can have at most: each has an offset of its own."""
        return sum(end - self._starts[partition] for partition, end in batch.ends.items())

    def spans(self, batch: Batch) -> list[Span]:
        """What a sealed batch covers: where each of its partitions starts, and where it ends."""
        return [Span(partition, self._starts[partition], end) for partition, end in batch.ends.items()]

    def passed(self, batch: Batch) -> None:
        """The batch is being ended; the next one starts where it ends."""
        self._starts.update(batch.ends)

    def stand(self, starts: Mapping[Partition, Start]) -> None:
        """These partitions are read from there now."""
        self._starts.update((partition, start.offset) for partition, start in starts.items())

    def release(self, partitions: Iterable[Partition]) -> None:
        """These partitions go."""
        gone = set(partitions)
        self._starts = {p: start for p, start in self._starts.items() if p not in gone}
