"""A broker that has not yet heard that it leads a partition: it refuses the first Produce, and takes the second.

Between a processor and a real broker, whole frames at a time. What Kafka itself does within the milliseconds after a
topic was made or a leader was elected, this does every time (seen in confluent-kafka-go issue 921).
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import io
import struct
import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kio.schema.errors import ErrorCode
from kio.serial import entity_reader, entity_writer

if TYPE_CHECKING:
    from collections.abc import Iterator

PRODUCE, METADATA, FIND_COORDINATOR = 0, 3, 10
FIRST_FLEXIBLE = 9  # version of Produce and Metadata, from which headers have tags
PATIENCE_S = 2.0
"""How long the first Produce waits for a second before it is refused: one that comes at all comes at once."""


class NewLeader:
    """See the module.

    Args:
        address: the broker.

    Attributes:
        bootstrap: the address for the processor.
        refused: whether a Produce was refused.
        overtaken: whether another one had been sent by then.
    """

    def __init__(self, address: str) -> None:
        self.bootstrap = ""
        self.refused = self.overtaken = False
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._own_port = 0
        self._ready, self._done = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @contextmanager
    def open(self) -> Iterator[NewLeader]:
        self._thread.start()
        assert self._ready.wait(10)
        try:
            yield self
        finally:
            self._done.set()
            self._thread.join(10)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self._own_port = server.sockets[0].getsockname()[1]
        self.bootstrap = f"127.0.0.1:{self._own_port}"
        self._ready.set()
        await asyncio.to_thread(self._done.wait)
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broker_reader, broker_writer = await asyncio.open_connection(self._host, self._port)
        asked: dict[int, tuple[int, int]] = {}

        behind: list[bytes] = []  # answers to what was asked after the first Produce: they keep their order

        async def refuse_later(request: bytes) -> None:
            await asyncio.sleep(PATIENCE_S)
            writer.write(self._refusal(request) + b"".join(behind))

        async def answers() -> None:
            while True:
                answer = await _frame(broker_reader)
                correlation_id = int.from_bytes(answer[:4], "big")
                api, version = asked.pop(correlation_id, (-1, -1))
                framed = _framed(self._readdressed(answer, api, version))
                if not held or self.refused or correlation_id < int.from_bytes(held[0][4:8], "big"):
                    writer.write(framed)
                    continue
                behind.append(framed)
                if api == PRODUCE:  # all at once: a retry must not overtake the second's success
                    writer.write(self._refusal(held[0]) + b"".join(behind))

        answering = asyncio.create_task(answers())
        held: list[bytes] = []
        refusing: asyncio.Task[None] | None = None
        try:
            while True:
                request = await _frame(reader)
                api, version, correlation_id = struct.unpack_from(">hhi", request)
                if api == PRODUCE and not self.refused:
                    if refusing is None:
                        held.append(request)
                        refusing = asyncio.create_task(refuse_later(request))
                        continue
                    refusing.cancel()
                    self.overtaken = True
                asked[correlation_id] = api, version
                broker_writer.write(_framed(request))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            answering.cancel()
            broker_writer.close()
            writer.close()

    def _refusal(self, request: bytes) -> bytes:
        """The broker's own words for: I do not lead that partition."""
        self.refused = True
        _, version, correlation_id, client_id = struct.unpack_from(">hhih", request)
        start = 10 + max(client_id, 0) + (version >= FIRST_FLEXIBLE)
        asked = _read(_schema("produce", version, "request").ProduceRequest, request[start:])
        schema = _schema("produce", version, "response")
        answers = []
        for topic in asked.topic_data:
            partitions = tuple(
                schema.PartitionProduceResponse(
                    index=data.index,
                    error_code=ErrorCode.not_leader_or_follower,
                    base_offset=-1,
                    log_append_time=None,
                    log_start_offset=-1,
                    record_errors=(),
                    error_message=None,
                )
                for data in topic.partition_data
            )
            answers.append(schema.TopicProduceResponse(name=topic.name, partition_responses=partitions))
        answer = schema.ProduceResponse(responses=tuple(answers), throttle_time=timedelta(0))
        head = correlation_id.to_bytes(4, "big") + (b"\0" if version >= FIRST_FLEXIBLE else b"")
        return _framed(head + _written(answer))

    def _readdressed(self, answer: bytes, api: int, version: int) -> bytes:
        """An answer that names the broker names this instead (one cluster of one broker)."""
        if api == METADATA:
            start = 4 + (version >= FIRST_FLEXIBLE)
            told = _read(_schema("metadata", version, "response").MetadataResponse, answer[start:])
            brokers = tuple(dataclasses.replace(b, port=type(b.port)(self._own_port)) for b in told.brokers)
            return answer[:start] + _written(dataclasses.replace(told, brokers=brokers))
        if api == FIND_COORDINATOR:
            told = _read(_schema("find_coordinator", version, "response").FindCoordinatorResponse, answer[4:])
            return answer[:4] + _written(dataclasses.replace(told, port=type(told.port)(self._own_port)))
        return answer


async def _frame(reader: asyncio.StreamReader) -> bytes:
    size = int.from_bytes(await reader.readexactly(4), "big")
    return await reader.readexactly(size)


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _schema(api: str, version: int, kind: str) -> Any:
    return importlib.import_module(f"kio.schema.{api}.v{version}.{kind}")


def _read(kind: Any, data: bytes) -> Any:
    told, _ = entity_reader(kind)(memoryview(data), 0)
    return told


def _written(entity: Any) -> bytes:
    out = io.BytesIO()
    entity_writer(type(entity))(out, entity)
    return out.getvalue()
