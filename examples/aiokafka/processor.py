"""Consumes `PaymentAuthorized`, charges accounts in PostgreSQL, produces `PaymentSettled`: aiokafka and asyncpg.

Output and consumed offsets commit in one Kafka transaction; the argument says what protects the database, which is no
part of it:

    python processor.py unprotected | recorded
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

import async_bank

GROUP = "settlement"
RECORDS_PER_TRANSACTION = 20
POLL_MS = 500

Settle = Callable[[asyncpg.Connection, dict[str, str]], Awaitable[bytes]]


async def transact(
    producer: AIOKafkaProducer,
    db: asyncpg.Connection,
    settle: Settle,
    fetched: dict[TopicPartition, list[ConsumerRecord]],
) -> None:
    """Settles what was fetched in one Kafka transaction.

    Any error ends the process; whoever started it starts it again, and it goes on from the committed offsets.
    """
    async with producer.transaction():
        for records in fetched.values():
            for record in records:
                await producer.send("payment-settled", await settle(db, json.loads(record.value)), key=record.key)
        positions = {partition: records[-1].offset + 1 for partition, records in fetched.items()}
        await producer.send_offsets_to_transaction(positions, GROUP)


async def main(settle: Settle) -> None:
    """Runs until SIGTERM or SIGINT; a transaction that was begun is finished."""
    servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    db = await asyncpg.connect(os.environ["DATABASE_URL"])
    producer = AIOKafkaProducer(bootstrap_servers=servers, transactional_id="settlement-0")
    consumer = AIOKafkaConsumer(
        "payment-authorized",
        bootstrap_servers=servers,
        group_id=GROUP,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    # The producer first: it ends what a predecessor left open. aiokafka's consumer does not ask for stable offsets
    # (KIP-447), so it would take positions from before a commit whose markers are still being written.
    async with producer, consumer:
        while not stop.is_set():
            fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_PER_TRANSACTION)
            if fetched:
                await transact(producer, db, settle, fetched)
    await db.close()


if __name__ == "__main__":
    asyncio.run(main({"unprotected": async_bank.unprotected, "recorded": async_bank.recorded}[sys.argv[1]]))
