"""What `take` has in hand when a rebalance comes is nobody's work yet, and no commit may cover it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from confluent_kafka import TopicPartition

from oncewhere.records import Partition
from oncewhere.runtime.kafka.reader import Reader
from oncewhere.runtime.settings import complete

if TYPE_CHECKING:
    from collections.abc import Callable

INPUT = Partition("input", 0, "id")


class Message:
    def __init__(self, offset: int) -> None:
        self._offset = offset

    def topic(self) -> str:
        return "input"

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def error(self) -> None:
        return None


class Client:
    """A consumer whose calls are scripted; positions follow what each call has returned, as librdkafka's do."""

    def __init__(self, calls: list[Callable[[], list[Message]]]) -> None:
        self._calls = iter(calls)
        self._position = 4

    def consume(self, count: int, wait_s: float) -> list[Message]:
        del count, wait_s
        got = next(self._calls)()
        if got:
            self._position = got[-1].offset() + 1
        return got

    def position(self, asked: list[TopicPartition]) -> list[TopicPartition]:
        return [TopicPartition(tp.topic, tp.partition, self._position) for tp in asked]


def test_a_record_that_came_before_a_rebalance_in_the_same_take_is_not_covered_by_the_commit_that_it_forces() -> None:
    covered: list[dict[Partition, int]] = []
    settings = complete({"bootstrap.servers": "k:1"}, group_id="g", transactional_id="t")
    reader = Reader(
        settings,
        ["input"],
        emit=lambda _event: None,
        stopping=lambda: False,
        on_release=lambda _partitions, _lost: covered.append(reader.positions()),
    )
    went: list[Any] = [SimpleNamespace(topic="input", partition=0)]

    def revoked() -> list[Message]:
        reader._on_revoke(None, went)
        return []

    reader._owned["input", 0] = INPUT
    # Nothing is there; then one record, which does not come alone: the group takes the partition behind it.
    reader._consumer = Client([list, lambda: [Message(4)], revoked])
    assert reader.take(500, 0.1) == [], "it belongs to somebody else now"
    assert covered == [{INPUT: 4}], "committed as 5, nobody would ever handle it"


def test_what_take_has_handed_out_is_covered() -> None:
    settings = complete({"bootstrap.servers": "k:1"}, group_id="g", transactional_id="t")
    reader = Reader(
        settings,
        ["input"],
        emit=lambda _event: None,
        stopping=lambda: False,
        on_release=lambda _partitions, _lost: None,
    )
    reader._owned["input", 0] = INPUT
    reader._consumer = Client([list, lambda: [Message(4)], lambda: [Message(5)]])
    assert [message.offset() for message in reader.take(500, 0.1)] == [4, 5]
    assert reader.positions() == {INPUT: 6}
