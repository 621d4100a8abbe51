"""A write that arrives after its transaction has ended: what leaves a hanging transaction, made by hand.

No client library sends one on purpose. The record batch (magic 2) and Produce v3 are put together here, byte by byte.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from kio.schema.write_txn_markers.v1.request import (
    WritableTxnMarker,
    WritableTxnMarkerTopic,
    WriteTxnMarkersRequest,
)

from oncewhere.cluster import ClusterClient, TransactionDescription, questions

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_S = 30.0
VERIFICATION = "transaction.partition.verification.enable"
TRANSACTIONAL = 1 << 4  # a batch's attribute


@contextmanager
def unverified(address: str, node_id: int = 1) -> Iterator[None]:
    """The broker takes transactional writes without asking the coordinator, as brokers before Kafka 3.6 did."""
    admin = AdminClient({"bootstrap.servers": address})

    def alter(operation: AlterConfigOpType, value: str) -> None:
        entry = ConfigEntry(VERIFICATION, value, incremental_operation=operation)
        resource = ConfigResource(ResourceType.BROKER, str(node_id), incremental_configs=[entry])
        for done in admin.incremental_alter_configs([resource]).values():
            done.result(LIMIT_S)

    alter(AlterConfigOpType.SET, "false")
    try:
        yield
    finally:
        alter(AlterConfigOpType.DELETE, "")


def leave_hanging(address: str, topic: str, transactional_id: str, producer_id: int, epoch: int, sequence: int) -> None:
    """Writes one record of a transaction that is over to the first partition of a topic.

    Args:
        address: the broker, which leads the partition.
        topic: where.
        transactional_id: whose.
        producer_id: its producer id.
        epoch: its epoch.
        sequence: the next sequence number in that partition.
    """
    records = _batch(producer_id, epoch, sequence, b"late")
    body = _string(transactional_id) + struct.pack(">hi", -1, 10_000)
    body += struct.pack(">i", 1) + _string(topic) + struct.pack(">ii", 1, 0)
    body += struct.pack(">i", len(records)) + records
    header = struct.pack(">hhi", 0, 3, 1) + _string("late-write")
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + LIMIT_S
    while (code := _exchange((host, int(port)), header + body, topic)) != 0:
        assert time.monotonic() < deadline, f"the broker refuses the late write with error {code}"
        time.sleep(0.1)  # the broker has not taken the setting yet


def committed_once(address: str, topic: str, transactional_id: str) -> None:
    """One transaction that committed one record to the first partition of a topic."""
    producer = Producer({"bootstrap.servers": address, "transactional.id": transactional_id})
    producer.init_transactions(LIMIT_S)
    producer.begin_transaction()
    producer.produce(topic, b"in time", partition=0)
    producer.commit_transaction(LIMIT_S)


def describe(address: str, transactional_id: str) -> TransactionDescription:
    """What the coordinator says, once the transaction is over."""

    async def ask() -> TransactionDescription:
        async with await ClusterClient.connect(address) as cluster:
            while True:
                described = (await cluster.describe_transactions([transactional_id]))[transactional_id]
                if described.state == "CompleteCommit":
                    return described
                await asyncio.sleep(0.05)

    return asyncio.run(asyncio.wait_for(ask(), LIMIT_S))


def abort(address: str, topic: str, producer_id: int, epoch: int) -> None:
    """Writes the missing marker to the first partition, as kafka-transactions.sh abort does (KIP-664)."""

    async def ask() -> int:
        host, _, port = address.rpartition(":")
        async with await ClusterClient.connect(address) as cluster:
            reply = await cluster._ask((host, int(port)), questions.producers({topic: [0]}))
            (producer,) = reply["topics"][0]["partitions"][0]["active_producers"]
            marker = WritableTxnMarker(
                producer_id=producer_id,
                producer_epoch=epoch,
                transaction_result=False,
                topics=(WritableTxnMarkerTopic(name=topic, partition_indexes=(0,)),),
                coordinator_epoch=max(producer["coordinator_epoch"], 0),
            )
            reply = await cluster._ask((host, int(port)), WriteTxnMarkersRequest(markers=(marker,)))
        return int(reply["markers"][0]["topics"][0]["partitions"][0]["error_code"])

    assert asyncio.run(asyncio.wait_for(ask(), LIMIT_S)) == 0


def _exchange(address: tuple[str, int], message: bytes, topic: str) -> int:
    with socket.create_connection(address, LIMIT_S) as connection:
        connection.sendall(struct.pack(">i", len(message)) + message)
        (size,) = struct.unpack(">i", connection.recv(4, socket.MSG_WAITALL))
        reply = connection.recv(size, socket.MSG_WAITALL)
    code: int = struct.unpack_from(">h", reply, 4 + 4 + 2 + len(topic) + 4 + 4)[0]
    return code


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _batch(producer_id: int, epoch: int, sequence: int, value: bytes) -> bytes:
    record = b"\0" + _varint(0) + _varint(0) + _varint(-1) + _varint(len(value)) + value + _varint(0)
    now = int(time.time() * 1000)
    counted = struct.pack(">hiqqqhii", TRANSACTIONAL, 0, now, now, producer_id, epoch, sequence, 1)
    counted += _varint(len(record)) + record
    tail = struct.pack(">ibI", -1, 2, _crc32c(counted)) + counted
    return struct.pack(">qi", 0, len(tail)) + tail


def _varint(number: int) -> bytes:
    left = (number << 1) ^ (number >> 63)
    out = bytearray()
    while left > 0x7F:
        out.append((left & 0x7F) | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


def _crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
