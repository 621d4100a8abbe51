"""Three real brokers behind one crossing: a processor finds each of them, and none of them directly."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from oncewhere.proxy import Crossing, Decision, LinkName
from oncewhere.wire import Direction, Message

if TYPE_CHECKING:
    from oncewhere.stack.kafka_cluster import KafkaCluster

pytestmark = pytest.mark.servers

LIMIT_S = 60.0
RECORDS = 12
PARTITIONS = 6

SETTLE = """
import json, sys
from confluent_kafka import Consumer, Producer

bootstrap, name, source, target, count = sys.argv[1:]
producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": name, "retry.backoff.ms": 1})
producer.init_transactions(20)
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": name, "enable.auto.commit": False,
                     "auto.offset.reset": "earliest", "group.protocol": "consumer"})
consumer.subscribe([source])
done = 0
while done < int(count):
    batch = [record for record in consumer.consume(20, 0.2) if not record.error()]
    if not batch:
        continue
    producer.begin_transaction()
    for record in batch:
        producer.produce(target, record.value(), partition=record.partition())
    producer.flush()
    producer.send_offsets_to_transaction(consumer.position(consumer.assignment()), consumer.consumer_group_metadata())
    producer.commit_transaction(20)
    done += len(batch)
consumer.close()
print(json.dumps(sorted(str(broker) for broker in producer.list_topics(timeout=20).brokers.values())))
"""


def test_a_kip_848_member_and_its_transactions_cross_to_every_broker(kafka3: KafkaCluster) -> None:
    name, source, target = (f"{part}-{uuid.uuid4().hex[:8]}" for part in ("settlement", "authorized", "settled"))
    admin = AdminClient({"bootstrap.servers": kafka3.bootstrap_servers})
    for made in admin.create_topics([NewTopic(t, PARTITIONS, 3) for t in (source, target)]).values():
        made.result(LIMIT_S)
    producer = Producer({"bootstrap.servers": kafka3.bootstrap_servers})
    for number in range(RECORDS):
        producer.produce(source, b"payment", partition=number % PARTITIONS)
    assert producer.flush(LIMIT_S) == 0

    told: list[tuple[LinkName, Message]] = []

    def observer(link: LinkName, message: Message) -> Decision:
        told.append((link, message))
        return Decision.FORWARD

    async def main() -> tuple[str, set[str]]:
        async with Crossing(observer) as crossing:
            bootstrap = await crossing.open_kafka(kafka3.bootstrap_servers)
            command = [sys.executable, "-c", SETTLE, bootstrap, name, source, target, str(RECORDS)]
            done = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=LIMIT_S, check=False)
            assert done.returncode == 0, done.stderr.decode()
            assert crossing.failure is None
            assert crossing.counters["kafka"].unknown_bytes == 0
            return done.stdout.decode(), {f"127.0.0.1:{port}" for port in _ports(crossing)}

    said, ports = asyncio.run(main())
    real = set(kafka3.bootstrap_servers.split(","))
    assert all(port in said for port in ports)
    assert not any(broker in said for broker in real), "a broker's own address was told to the processor"
    produced = {link.server for link, message in told if message.kind == "Produce"}
    assert produced == real
    kinds = {message.kind for _, message in told if message.direction is Direction.REPLY}
    assert {"ConsumerGroupHeartbeat", "InitProducerId", "Produce", "TxnOffsetCommit", "EndTxn"} <= kinds
    assert "JoinGroup" not in kinds


def _ports(crossing: Crossing) -> set[int]:
    return {listener.port for listener in crossing._listeners.values()}
