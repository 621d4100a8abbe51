"""confluent-kafka as most programs use it: poll() one by one, a delivery callback, the json of the standard library."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from job import job, option, transform

POLL_S = 0.02


def main() -> None:
    work = job()
    change = transform(work.values, option("JSON", "json"))
    failed: list[object] = []

    def delivered(error: object, _message: object) -> None:
        if error is not None:
            failed.append(error)

    consumer = Consumer(
        {
            "bootstrap.servers": work.bootstrap_servers,
            "group.id": work.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    producer = Producer({"bootstrap.servers": work.bootstrap_servers, "transactional.id": work.transactional_id})
    producer.init_transactions()
    consumer.subscribe([work.input])
    end: float | None = None  # of the open transaction
    offsets: dict[int, int] = {}
    while True:
        message = consumer.poll(POLL_S)
        if message is not None:
            if message.error() is not None:
                raise KafkaException(message.error())
            if end is None:
                producer.begin_transaction()
                end = time.monotonic() + work.commit_s
            while True:
                try:
                    producer.produce(work.output, change(message.value() or b""), message.key(), on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(POLL_S)
            producer.poll(0)
            offsets[message.partition()] = message.offset() + 1
        if end is not None and time.monotonic() >= end:
            ends = [TopicPartition(work.input, number, offset) for number, offset in offsets.items()]
            producer.send_offsets_to_transaction(ends, consumer.consumer_group_metadata())
            producer.commit_transaction()
            if failed:
                raise RuntimeError(failed)
            end = None
            offsets.clear()


if __name__ == "__main__":
    main()
