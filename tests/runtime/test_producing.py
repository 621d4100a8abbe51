"""What a handler produces: each output by its topic's encoder, and a refused one is mended alone."""

from __future__ import annotations

from typing import Any

import pytest

from oncewhere.runtime.producing import Producing

Arguments = tuple[Any, ...]


class Queue:
    """librdkafka's queue, which is full when some outputs come for the first time."""

    def __init__(self, *full_at: bytes | None) -> None:
        self.full_at = list(full_at)
        self.sent: list[Arguments] = []
        self.mended: list[Arguments] = []

    def send(self, *arguments: Any) -> None:
        if arguments[1] in self.full_at:
            self.full_at.remove(arguments[1])
            raise BufferError("full")
        self.sent.append(arguments)

    def mend(self, error: Exception, arguments: Arguments) -> None:
        assert isinstance(error, BufferError)
        self.mended.append(arguments)
        self.send(*arguments)


def as_hex(value: bytearray) -> bytes:
    return value.hex().encode()


@pytest.mark.parametrize("full_at", [(b"0",), (b"2",), (b"4",), (b"1", b"2"), (b"0", b"4"), (None,)])
def test_the_output_of_a_batch_that_was_refused_is_mended_and_the_others_are_sent_once(
    full_at: tuple[bytes | None, ...],
) -> None:
    queue = Queue(*full_at)
    tx = Producing(trouble=queue.mend)
    tx.to(queue.send)
    values = [b"0", b"1", b"2", None, b"4"]
    keys = [b"a", None, b"c", b"d", "e"]
    expected = [("out", value, key) for value, key in zip(values, keys, strict=True)]

    tx.produce_batch("out", iter(values), keys)

    assert queue.sent == expected
    assert queue.mended == [one for one in expected if one[1] in full_at]
    assert tx.sent == len(values)


def test_each_topic_keeps_its_encoder_however_they_take_turns() -> None:
    queue = Queue()
    tx = Producing(encoders={"text": str.encode, "hex": as_hex})
    tx.to(queue.send)

    for _ in range(2):
        tx.produce("text", "a")
        tx.produce("hex", bytearray(b"\x01"))
        tx.produce("json", {"a": 1})
        tx.produce("raw", b"r")
    tx.produce(b"text".decode(), "b")  # equal, and another object

    once = [("text", b"a", None), ("hex", b"01", None), ("json", b'{"a":1}', None), ("raw", b"r", None)]
    assert queue.sent == [*once, *once, ("text", b"b", None)]


def test_a_topic_that_does_not_exist_takes_nothing_from_the_one_before() -> None:
    def expect(topic: str, partition: int = -1) -> None:
        del partition
        if topic == "gone":
            raise LookupError(topic)

    queue = Queue()
    tx = Producing(expect=expect, encoders={"text": str.encode})
    tx.to(queue.send)
    tx.produce("text", "a")
    with pytest.raises(LookupError):
        tx.produce("gone", "b")
    assert isinstance(tx.failure, LookupError)
    tx.produce("text", "c")
    assert queue.sent == [("text", b"a", None), ("text", b"c", None)]
