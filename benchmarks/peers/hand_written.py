"""The fastest loop on confluent-kafka that we found which keeps the order of each key. It is the bar for our runtime.

What makes it fast, in order of gain: msgspec Structs; `fetch.queue.backoff.ms=10`; no delivery callback; lists of 500
from `consume`; `retry.backoff.ms=1` on the producer; and, with PEER_PRODUCERS=2 (the default), two producers that take
turns: while one commits in a second thread, the other is filled.

Keys stay in order with two producers because the second sends nothing before everything of the first is acknowledged;
until then the main thread consumes and transforms ahead. The main thread itself serves the first producer meanwhile:
flush() in the other thread would wait for the interpreter's lock again and again.

It handles no error: any ends the process. PEER_GUARANTEE=at-least-once commits offsets without a transaction.
"""

from __future__ import annotations

import os
import time
import traceback
from queue import SimpleQueue
from threading import Thread
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from job import Job, job, option, slowed, transform

AHEAD_RECORDS = 20_000  # transformed ahead at most; without a limit transactions grow until the queue is full
WAIT_S = 0.05
BARRIER_S = 0.001

Offsets = dict[int, int]


class Loop:
    """A consumer, and what one transaction's filling has in common however many producers there are."""

    def __init__(self, work: Job) -> None:
        self.work = work
        self.change = slowed(transform(work.values, option("JSON", "msgspec")), work.slow_s)
        self.chunk = int(option("CHUNK", "500"))
        self.consumer = Consumer(consumer_settings(work))
        if work.partitions:
            self.consumer.assign([TopicPartition(work.input, number) for number in work.partitions])
        else:
            self.consumer.subscribe([work.input])

    def take(self, wait_s: float) -> list[Any]:
        """What is there, at once; else the first that comes. (consume(n, t) alone would wait for all n.)"""
        messages = self.consumer.consume(self.chunk, 0) or self.consumer.consume(1, wait_s)
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
        return messages

    def fill(self, producer: Producer, messages: list[Any], offsets: Offsets) -> None:
        """Transforms and produces."""
        produce, output, change = producer.produce, self.work.output, self.change
        for message in messages:
            produce(output, change(message.value()), message.key())
        note(messages, offsets)

    def fill_until(self, producer: Producer, end: float, offsets: Offsets) -> None:
        """Goes on filling a transaction until its time is over."""
        while (left := end - time.monotonic()) > 0:
            self.fill(producer, self.take(min(left, WAIT_S)), offsets)

    def ends(self, offsets: Offsets) -> list[TopicPartition]:
        """As Kafka wants them."""
        return [TopicPartition(self.work.input, number, offset) for number, offset in offsets.items()]


def note(messages: list[Any], offsets: Offsets) -> None:
    """The next offset of each partition: the last record of each wins."""
    for message in messages:
        offsets[message.partition()] = message.offset() + 1


def consumer_settings(work: Job) -> dict[str, Any]:
    settings = {
        "bootstrap.servers": work.bootstrap_servers,
        "group.id": work.group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "fetch.wait.max.ms": 10,
        "fetch.queue.backoff.ms": 10,
        "queued.min.messages": 200_000,
        "queued.max.messages.kbytes": 131_072,
    }
    for name, setting in (
        ("INSTANCE_ID", "group.instance.id"),
        ("SESSION_TIMEOUT_MS", "session.timeout.ms"),
        ("GROUP_PROTOCOL", "group.protocol"),
        ("QUEUE_BACKOFF_MS", "fetch.queue.backoff.ms"),
    ):
        if value := option(name):
            settings[setting] = value
    return settings


def producer_settings(work: Job) -> dict[str, Any]:
    return {
        "bootstrap.servers": work.bootstrap_servers,
        "linger.ms": 5,
        "batch.size": 1_000_000,
        "batch.num.messages": 100_000,
        "queue.buffering.max.messages": 1_000_000,
        "queue.buffering.max.kbytes": 1_048_576,
        "enable.idempotence": True,
        "delivery.report.only.error": True,
        "retry.backoff.ms": int(option("RETRY_BACKOFF_MS", "1")),
    }


def one_producer(loop: Loop) -> None:
    """Fill, commit, fill, commit."""
    work = loop.work
    exactly_once = option("GUARANTEE", "exactly-once") == "exactly-once"
    identity = {"transactional.id": work.transactional_id} if exactly_once else {}
    producer = Producer(producer_settings(work) | identity)
    if exactly_once:
        producer.init_transactions()
    while True:
        messages: list[Any] = []
        while not messages:
            messages = loop.take(WAIT_S)
        end = time.monotonic() + work.commit_s
        offsets: Offsets = {}
        if exactly_once:
            producer.begin_transaction()
        loop.fill(producer, messages, offsets)
        loop.fill_until(producer, end, offsets)
        if exactly_once:
            producer.send_offsets_to_transaction(loop.ends(offsets), loop.consumer.consumer_group_metadata())
            producer.commit_transaction()
        else:
            producer.flush()
            loop.consumer.commit(offsets=loop.ends(offsets), asynchronous=False)


class Committer:
    """A thread that commits filled transactions, one after the other, and gives the producers back."""

    def __init__(self, producers: list[Producer]) -> None:
        self._filled: SimpleQueue[tuple[Producer, list[TopicPartition], object]] = SimpleQueue()
        self.free: SimpleQueue[Producer] = SimpleQueue()
        for producer in producers:
            self.free.put(producer)
        Thread(target=self._run, daemon=True).start()

    def commit(self, producer: Producer, ends: list[TopicPartition], group: object) -> None:
        """Commits soon. `group` was taken in the consuming thread: calls on one handle wait for each other."""
        self._filled.put((producer, ends, group))

    def _run(self) -> None:
        try:
            while True:
                producer, ends, group = self._filled.get()
                producer.send_offsets_to_transaction(ends, group)
                producer.commit_transaction()
                self.free.put(producer)
        except BaseException:  # noqa: BLE001 - it is shown, and ends the process
            traceback.print_exc()
            os._exit(1)


def two_producers(loop: Loop) -> None:
    """While one commits, the other is filled."""
    work = loop.work
    producers = [
        Producer(producer_settings(work) | {"transactional.id": f"{work.transactional_id}-{i}"}) for i in (0, 1)
    ]
    for producer in producers:
        producer.init_transactions()
    committer = Committer(producers)
    sending: tuple[Producer, list[TopicPartition], object] | None = None  # filled, but not all acknowledged

    def acknowledged() -> bool:
        """Whether the barrier has fallen: nothing of the previous transaction is on its way any more."""
        nonlocal sending
        if sending is not None:
            sending[0].poll(0)
            if len(sending[0]) == 0:
                committer.commit(*sending)
                sending = None
        return sending is None

    while True:
        ahead: list[tuple[bytes, bytes | None]] = []
        offsets: Offsets = {}
        while True:
            free = acknowledged()
            if ahead and (free or len(ahead) >= AHEAD_RECORDS):
                break
            messages = loop.take(WAIT_S if free else BARRIER_S)
            ahead += [(loop.change(message.value()), message.key()) for message in messages]
            note(messages, offsets)
        while not acknowledged():
            time.sleep(BARRIER_S)
        producer = committer.free.get()
        producer.begin_transaction()
        end, produce = time.monotonic() + work.commit_s, producer.produce
        for value, key in ahead:
            produce(work.output, value, key)
        loop.fill_until(producer, end, offsets)
        sending = (producer, loop.ends(offsets), loop.consumer.consumer_group_metadata())


def main() -> None:
    loop = Loop(job())
    if option("PRODUCERS", "2") == "2":
        two_producers(loop)
    else:
        one_producer(loop)


if __name__ == "__main__":
    main()
