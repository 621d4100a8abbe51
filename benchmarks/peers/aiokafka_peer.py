"""aiokafka: getmany(), and a transactional producer, in one event loop."""

from __future__ import annotations

import asyncio
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from job import job, option, transform

MAX_RECORDS = 5_000  # of one getmany()
WAIT_MS = 100


async def main() -> None:
    work = job()
    change = transform(work.values, option("JSON", "msgspec"))
    consumer = AIOKafkaConsumer(
        work.input,
        bootstrap_servers=work.bootstrap_servers,
        group_id=work.group,
        group_instance_id=option("INSTANCE_ID") or None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_wait_ms=10,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=work.bootstrap_servers,
        transactional_id=work.transactional_id,
        linger_ms=5,
        max_batch_size=262_144,
    )
    await producer.start()
    await consumer.start()
    send = producer.send
    while True:
        batch = await consumer.getmany(timeout_ms=WAIT_MS, max_records=MAX_RECORDS)
        if not batch:
            continue
        end = time.monotonic() + work.commit_s
        offsets, sent = {}, []
        async with producer.transaction():
            while True:
                for partition, messages in batch.items():
                    sent += [await send(work.output, change(message.value), message.key) for message in messages]
                    offsets[partition] = messages[-1].offset + 1
                left = end - time.monotonic()
                if left <= 0:
                    break
                batch = await consumer.getmany(timeout_ms=int(left * 1000), max_records=MAX_RECORDS)
            await asyncio.gather(*sent)
            await producer.send_offsets_to_transaction(offsets, work.group)


if __name__ == "__main__":
    asyncio.run(main())
