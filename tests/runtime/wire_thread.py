"""A crossing between a processor and a real broker, in a thread of its own: tests do to the wire there what they do."""

from __future__ import annotations

import asyncio
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import pytest

from oncewhere.proxy import Crossing, Decision
from oncewhere.wire import Direction
from oncewhere.wire.kafka import link
from oncewhere.wire.kafka.apis import Api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oncewhere.proxy import LinkName
    from oncewhere.wire import Message

OFFSET_FOR_LEADER_EPOCH = 23


class WireThread:
    """Everything passes; a test's own class does otherwise.

    Args:
        address: the broker.

    Attributes:
        bootstrap: the address for the processor.
    """

    def __init__(self, address: str) -> None:
        self.bootstrap = ""
        self._address = address
        self._ready, self._done = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @contextmanager
    def open(self) -> Iterator[Self]:
        self._thread.start()
        assert self._ready.wait(10)
        try:
            yield self
        finally:
            self._done.set()
            self._thread.join(10)

    async def _serve(self) -> None:
        async with Crossing(self._see) as self._crossing:
            self._loop = asyncio.get_running_loop()
            self.bootstrap = await self._listen()
            self._ready.set()
            await asyncio.to_thread(self._done.wait)

    async def _listen(self) -> str:
        return await self._crossing.open_kafka(self._address)

    def _see(self, link: LinkName, message: Message) -> Decision:
        del link, message
        return Decision.FORWARD


class NewLeader(WireThread):
    """A broker that has not yet heard that it leads a partition: it refuses the first Produce, and takes those behind.

    What Kafka itself does within the milliseconds after a topic was made or a leader was elected, this does every time.

    Attributes:
        refused: whether the refusal has been answered.
        overtaken: whether another Produce had been sent by then.
    """

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.refused = self.overtaken = False
        self._first: tuple[LinkName, int] | None = None

    def _see(self, link: LinkName, message: Message) -> Decision:
        if message.kind != "Produce":
            return Decision.FORWARD
        here = link, message.sequence
        if message.direction is Direction.REPLY:
            self.refused = self.refused or here == self._first
        elif self._first is None:
            self._first = here
            return Decision.REFUSE
        elif not self.refused:
            self.overtaken = True
        return Decision.FORWARD


class StepBack(WireThread):
    """A broker whose answers to OffsetForLeaderEpoch (KIP-320) say that an epoch ended earlier than it did.

    A consumer that believes it takes its records for truncated, and goes back. librdkafka comes to the same conclusion
    by itself where a second change of leader meets the answer about the first.

    Args:
        address: the broker.
        back: by how many offsets.

    Attributes:
        told: how many answers said so.
    """

    def __init__(self, address: str, back: int) -> None:
        super().__init__(address)
        self.told = 0
        self._back = back

    @contextmanager
    def open(self) -> Iterator[Self]:
        honest = link.KafkaLink._replace

        def replace(of: link.KafkaLink, pending: Any, data: bytes, values: Any, walk: Any) -> bytes:
            if pending.key != OFFSET_FOR_LEADER_EPOCH:
                return honest(of, pending, data, values, walk)
            self.told += 1
            (end,) = struct.unpack(">q", data[-8:])  # of one partition, in the versions up to 3: the last field
            return data[:-8] + struct.pack(">q", end - self._back)

        read = {**link.READ, OFFSET_FOR_LEADER_EPOCH: Api("OffsetForLeaderEpoch", None, lambda *_: {})}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(link, "READ", read)
            patch.setattr(link.KafkaLink, "_replace", replace)
            with super().open():
                yield self
