"""Where the time per record goes in Python: nothing in; a table of microseconds a record for each step out.

    python benchmarks/micro.py [--records 500000]

One broker of our own, one thread, every step alone over the same records. `wall` is what the step adds to a loop that
does nothing else; `own` is what the calling thread computed; `others` is what librdkafka's threads computed meanwhile.
"""

from __future__ import annotations

import argparse
import gc
import json
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
from confluent_kafka import Consumer, Producer, TopicPartition
from measure import payments
from measure.broker import broker
from measure.environment import environment, sentence
from measure.folder import RunFolder
from measure.machine import Elsewhere
from measure.timing import Cost, best, timed
from measure.topics import Topics

from oncewhere.records import Record
from oncewhere.runtime.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from oncewhere.stack import KafkaServer

FILL_S = 3.0  # for librdkafka to fill its queue, so that only the Python side is timed
INPUT, OUTPUT = "micro-in", "micro-out"
GROUP = "micro"
FAST_PRODUCER = {
    "linger.ms": 5,
    "batch.size": 1_000_000,
    "batch.num.messages": 100_000,
    "queue.buffering.max.messages": 1_000_000,
    "queue.buffering.max.kbytes": 1_048_576,
    "enable.idempotence": True,
    "delivery.report.only.error": True,
    "retry.backoff.ms": 1,
}


class Payment(msgspec.Struct, gc=False):
    event_id: str
    type: str
    order_id: str
    amount: float
    currency: str
    ts: int
    memo: str
    status: str = ""


Outputs = list[tuple[str, Any, Any]]


def settle(payment: Payment) -> Payment:
    payment.type = "PaymentSettled"
    payment.status = "settled"
    return payment


def handler(record: Record[Payment], tx: Transaction) -> None:
    tx.produce(OUTPUT, settle(record.value), record.key)


def consuming(server: KafkaServer, records: int) -> Iterator[tuple[str, Callable[[], list[Any]]]]:
    """Ways to take records; each is given a consumer whose queue is full."""

    def consumer() -> Consumer:
        found = Consumer(
            {
                "bootstrap.servers": server.bootstrap_servers,
                "group.id": GROUP,
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "queued.min.messages": records * 2,
                "queued.max.messages.kbytes": 1_000_000,
                "fetch.queue.backoff.ms": 10,
            }
        )
        found.assign([TopicPartition(INPUT, i, 0) for i in range(payments.PARTITIONS)])
        time.sleep(FILL_S)
        return found

    def one_by_one(source: Consumer) -> list[Any]:
        poll = source.poll
        return [poll(1.0) for _ in range(records)]

    def in_lists(source: Consumer, size: int) -> list[Any]:
        got: list[Any] = []
        while len(got) < records:
            got += source.consume(size, 1.0)
        return got

    source = consumer()
    yield "poll(), one by one", lambda: one_by_one(source)
    source.close()
    for size in (100, 500, 2000, 10_000):
        source = consumer()
        yield f"consume({size})", partial(in_lists, source, size)
        source.close()


def decoding(messages: list[Any]) -> Iterator[tuple[str, Callable[[], list[Any]]]]:
    """From messages to typed records."""
    values = [m.value() for m in messages]
    typed = msgspec.json.Decoder(Payment).decode
    many = msgspec.json.Decoder(list[Payment]).decode
    yield "m.error() is None", lambda: [m.error() is None for m in messages]
    yield "m.value()", lambda: [m.value() for m in messages]
    yield "five accessors", lambda: [(m.topic(), m.partition(), m.offset(), m.key(), m.value()) for m in messages]
    yield "m.headers()", lambda: [m.headers() for m in messages]
    yield "m.timestamp()", lambda: [m.timestamp() for m in messages]
    yield "decode: json", lambda: [json.loads(v) for v in values]
    yield "decode: orjson", lambda: [orjson.loads(v) for v in values]
    yield "decode: msgspec Struct", lambda: [typed(v) for v in values]
    yield "a Record of a decoded value", lambda: [Record(typed(m.value()), m.key(), m) for m in messages]
    yield (
        "decode: msgspec list of Structs, 500 at a time",
        lambda: [
            payment
            for i in range(0, len(values), 500)
            for payment in many(b"[" + b",".join(values[i : i + 500]) + b"]")
        ],
    )


def handled(records: list[Record[Payment]]) -> Outputs:
    """What the runtime does between a record and librdkafka's produce(), which is a list here."""
    outputs: Outputs = []
    tx = Transaction()
    tx.to(lambda topic, value, key=None: outputs.append((topic, value, key)))
    for record in records:
        handler(record, tx)
    return outputs


def handling(records: list[Record[Payment]]) -> Iterator[tuple[str, Callable[[], list[Any]]]]:
    """From typed records to bytes that can be produced."""
    encode = msgspec.json.Encoder().encode
    lines = msgspec.json.Encoder().encode_lines
    as_json = json.JSONEncoder(separators=(",", ":")).encode
    plain = [msgspec.to_builtins(r.value) for r in records]
    yield "settle(): a call and two attributes", lambda: [settle(r.value) for r in records]
    yield "encode: json", lambda: [as_json(d).encode() for d in plain]
    yield "encode: orjson", lambda: [orjson.dumps(d) for d in plain]
    yield "encode: msgspec Struct", lambda: [encode(r.value) for r in records]
    yield (
        "encode: msgspec lines, 500 at a time",
        lambda: [
            line
            for i in range(0, len(records), 500)
            for line in lines([r.value for r in records[i : i + 500]]).split(b"\n")[:-1]
        ],
    )
    yield "record.key", lambda: [r.key for r in records]
    yield "handler(record, tx): settles, and tx.produce(…) into a list", lambda: handled(records)


def produced(producer: Producer, outputs: Outputs, how: str) -> None:
    """Produces all outputs in one of the ways that confluent_kafka offers."""
    produce, headers = producer.produce, {"trace": b"0123456789abcdef"}
    if how == "three":
        for topic, value, key in outputs:
            produce(topic, value, key)
    elif how == "by position":
        for topic, value, key in outputs:
            produce(topic, value, key, -1, None, None, 0, None)
    elif how == "by name":
        for topic, value, key in outputs:
            produce(topic, value=value, key=key, partition=-1, headers=None, timestamp=0)
    elif how == "headers":
        for topic, value, key in outputs:
            produce(topic, value, key, -1, None, None, 0, headers)
    elif how == "callback":
        for topic, value, key in outputs:
            produce(topic, value, key, on_delivery=lambda _error, _message: None)
            producer.poll(0)
    else:
        for i in range(0, len(outputs), 500):
            producer.produce_batch(OUTPUT, [{"value": value, "key": key} for _, value, key in outputs[i : i + 500]])


def producing(server: KafkaServer, outputs: Outputs) -> Iterator[Cost]:
    """Ways to produce, and what is left to do until all of it has left."""
    reports = {"delivery.report.only.error": False}
    for step, how, settings in (
        ("produce(topic, value, key)", "three", {}),
        ("produce, all eight arguments by position", "by position", {}),
        ("produce, six arguments by name", "by name", {}),
        ("produce with one header, by position", "headers", {}),
        ("produce, delivery reports on, no callback", "three", reports),
        ("produce with a callback, and poll(0)", "callback", reports),
        ("produce_batch, 500 at a time", "list", {}),
    ):
        producer = Producer({"bootstrap.servers": server.bootstrap_servers, **FAST_PRODUCER, **settings})
        producer.list_topics(OUTPUT, timeout=10)
        yield timed(step, len(outputs), partial(produced, producer, outputs, how))[1]
        yield timed("— until all of it has left", len(outputs), partial(producer.flush, 60))[1]


def locking(server: KafkaServer, outputs: Outputs) -> Iterator[str]:
    """How much of its speed another Python thread keeps during each blocking call: 100 % where the GIL is released."""
    turns, stop = [0], threading.Event()

    def spin() -> None:
        count = turns
        while not stop.is_set():
            count[0] += 1

    thread = threading.Thread(target=spin, daemon=True)
    thread.start()
    before, since = turns[0], time.perf_counter()
    time.sleep(1.0)
    undisturbed = (turns[0] - before) / (time.perf_counter() - since)

    def share(call: str, function: Callable[[], object]) -> str:
        before, since = turns[0], time.perf_counter()
        function()
        took = time.perf_counter() - since
        return f"| {call} | {took * 1e3:.0f} | {(turns[0] - before) / took / undisturbed:.0%} |"

    consumer = Consumer({"bootstrap.servers": server.bootstrap_servers, "group.id": "micro-idle"})
    consumer.subscribe([OUTPUT])
    producer = Producer(
        {
            "bootstrap.servers": server.bootstrap_servers,
            **FAST_PRODUCER,
            "transactional.id": "micro",
            "linger.ms": 200,
        }
    )
    yield share("consume(10, 1.0), idle", lambda: consumer.consume(10, 1.0))
    yield share("init_transactions()", producer.init_transactions)
    producer.begin_transaction()

    def fill() -> None:
        for topic, value, key in outputs[:50_000]:
            producer.produce(topic, value, key)

    yield share("50,000 × produce()", fill)
    yield share("flush() of them", producer.flush)
    offsets, group = [TopicPartition(INPUT, 0, 1)], consumer.consumer_group_metadata()
    yield share("send_offsets_to_transaction()", lambda: producer.send_offsets_to_transaction(offsets, group))
    yield share("commit_transaction()", producer.commit_transaction)
    stop.set()
    thread.join()
    consumer.close()


def measured(server: KafkaServer, count: int) -> Iterator[Cost | str]:
    """Every step, in the order in which a record passes them."""
    messages: list[Any] = []
    for step, function in consuming(server, count):
        messages, cost = timed(step, count, function)
        yield cost
    for step, function in decoding(messages):
        yield best(step, len(messages), function)
    decode = msgspec.json.Decoder(Payment).decode
    records = [Record(decode(m.value()), m.key(), m) for m in messages]
    for step, function in handling(records):
        yield best(step, len(records), function)
    outputs = handled(records)
    yield from producing(server, outputs)
    yield "\n| blocking call | ms | what another Python thread keeps of its speed |\n|---|---|---|"
    yield from locking(server, outputs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=500_000, help="how many records each step handles")
    count = parser.parse_args().records
    folder = RunFolder("micro")
    gc.disable()  # the lists kept here would make every collection slow, unlike a real loop's
    with broker(folder.kafka) as server:
        elsewhere = Elsewhere([server.pid])
        topics = Topics(server.bootstrap_servers)
        topics.load(INPUT, count)
        topics.create(OUTPUT)
        lines = [
            sentence(environment(server.version)),
            "",
            "| step (µs a record) | wall | own | others |",
            "|---|---|---|---|",
        ]
        for found in measured(server, count):
            line = found if isinstance(found, str) else found.line()
            print(line, flush=True)
            lines.append(line)
        if (share := elsewhere.share()) is not None:
            lines.append(f"\n(Other programs used {share:.0%} of the machine meanwhile.)")
    folder.report("\n".join(lines))


if __name__ == "__main__":
    main()
