"""What one Kafka transaction will cover: grown by the loop, sealed, committed or given up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oncewhere.runtime.output import bytes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from oncewhere.effects.place import Work
    from oncewhere.records import Message, Partition
    from oncewhere.runtime.events import CallInDoubt, DuplicateSuppressed, RecordRejected
    from oncewhere.runtime.limits import Limits


@dataclass(slots=True, eq=False)
class Batch:
    """One batch.

    Attributes:
        opened_at: when its first record came, in monotonic seconds.
        handled_at: when its last handler had returned.
        ending_since: when its transaction began to end, in monotonic seconds.
        with_offsets: True once the consumed offsets are part of the transaction.
        submitted: True once its outputs have left and its commit was begun.
        records: how many it has.
        size: bytes that are kept for it: values that were gathered, outputs that are staged.
        messages: those that are gathered and not handled yet.
        staged: outputs that wait, as arguments of librdkafka's produce.
        outputs: how many outputs there are, staged or sent.
        works: what each place does for it, by name.
        passed: records that gave no output: done at another position, or in doubt.
        rejected: records that could not be processed.
        direct: True once the Kafka transaction is open and outputs go straight into it.
        prepared: True once all its handlers have run.
        ends: the next offset to consume, for each of its partitions; set when it is sealed.
        metadata: the group's, of the moment when it was sealed.
    """

    opened_at: float
    handled_at: float = 0.0
    ending_since: float = 0.0
    with_offsets: bool = False
    submitted: bool = False
    records: int = 0
    size: int = 0
    messages: list[Message] = field(default_factory=list)
    staged: list[tuple[Any, ...]] = field(default_factory=list)
    outputs: int = 0
    works: dict[str, Work] = field(default_factory=dict)
    passed: list[DuplicateSuppressed | CallInDoubt] = field(default_factory=list)
    rejected: list[RecordRejected] = field(default_factory=list)
    direct: bool = False
    prepared: bool = False
    ends: Mapping[Partition, int] = field(default_factory=dict)
    metadata: bytes = b""

    def full(self, limits: Limits) -> bool:
        """True when it takes no more records."""
        return self.records >= limits.max_batch_records or self.size >= limits.max_batch_bytes

    def abandon(self) -> None:
        """Takes back what its places have not decided. Never raises."""
        for work in self.works.values():
            work.abandon()


def staging(batch: Batch, max_output_bytes: int) -> Callable[..., None]:
    """What stands in for librdkafka's produce while outputs wait.

    Args:
        batch: where they are kept, and counted by their bytes.
        max_output_bytes: an output larger than this is refused now, as is one that librdkafka would not take, while its
            record can still be blamed for it, and not after the effects.
    """
    append = batch.staged.append

    def stage(topic: str, value: Any, key: Any = None, *more: Any) -> None:
        if type(value) is bytes and type(key) is bytes and not more:
            output: tuple[Any, ...] = (topic, value, key)  # the ordinary case: each output that waits costs so much
            size = len(value) + len(key)
        else:
            output = (topic, value, key, *more)
            size = bytes_of(output)
        if size > max_output_bytes:
            raise ValueError(f"an output of {size} bytes is larger than message.max.bytes allows ({max_output_bytes})")
        append(output)
        batch.size += size

    return stage


def staged_bytes(staged: Iterable[tuple[Any, ...]]) -> int:
    """How many bytes of values and keys wait."""
    return sum(len(arguments[1] or b"") + len(arguments[2] or b"") for arguments in staged)
