"""Three brokers are a cluster: what one of them knew survives it, and another takes its place."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from oncewhere.errors import StackError
from oncewhere.stack import kafka_whereabouts
from oncewhere.stack.kafka_cluster import KafkaCluster
from oncewhere.stack.kafka_connection import NotReadyError
from oncewhere.stack.kafka_warmup import finalized_features

if TYPE_CHECKING:
    from pathlib import Path

    from oncewhere.stack import KafkaServer

pytestmark = pytest.mark.servers
TIMEOUT_S = 30.0


@pytest.fixture
def topic(kafka3: KafkaCluster) -> str:
    name = f"replicated-{uuid.uuid4().hex[:8]}"
    client = admin(kafka3)  # a future does not keep its client alive
    client.create_topics([NewTopic(name, 3)])[name].result(TIMEOUT_S)
    return name


def admin(cluster: KafkaCluster) -> AdminClient:
    return AdminClient({"bootstrap.servers": cluster.bootstrap_servers, "log_level": 0})


def test_every_topic_has_three_replicas_and_needs_two(kafka3: KafkaCluster, topic: str) -> None:
    client = admin(kafka3)
    deadline = time.monotonic() + TIMEOUT_S
    while topic not in (topics := client.list_topics(timeout=TIMEOUT_S).topics):
        assert time.monotonic() < deadline, "a broker that is asked may not know a new topic yet; by now it should"
        time.sleep(0.05)
    for name in (topic, "__transaction_state", "__consumer_offsets"):
        assert [len(partition.replicas) for partition in topics[name].partitions.values()] == [3, 3, 3]
        described = ConfigResource(ResourceType.TOPIC, name)
        told = client.describe_configs([described])[described].result(TIMEOUT_S)
        assert told["min.insync.replicas"].value == "2"


def test_it_has_the_features_of_a_new_4_3_cluster(kafka3: KafkaCluster) -> None:
    for broker in kafka3.brokers:
        assert finalized_features(broker.port)["transaction.version"] == 2  # KIP-890


def test_leaders_and_coordinators_are_found_and_move_when_theirs_is_killed(kafka3: KafkaCluster, topic: str) -> None:
    def responsible() -> list[KafkaServer]:
        return [
            kafka3.leader(topic, 0),
            kafka3.transaction_coordinator("settlement-0"),
            kafka3.group_coordinator("settlement"),
        ]

    producer = Producer({"bootstrap.servers": kafka3.bootstrap_servers, "acks": "all", "log_level": 0})
    producer.produce(topic, b"before", partition=0)
    assert producer.flush(TIMEOUT_S) == 0
    victim = kafka3.leader(topic, 0)
    victim.kill()
    assert victim not in responsible()
    producer.produce(topic, b"without", partition=0)
    assert producer.flush(TIMEOUT_S) == 0, "two of three replicas are enough"
    victim.start()
    kafka3.wait_in_sync()
    assert records(kafka3, topic, 2) == [b"before", b"without"]


def test_a_paused_broker_keeps_its_connections_and_answers_again_when_it_goes_on(kafka3: KafkaCluster) -> None:
    broker = kafka3.brokers[0]
    broker.pause()
    with pytest.raises(NotReadyError, match="timed out"):
        kafka_whereabouts.lagging(broker.port)
    assert broker.pid is not None
    broker.resume()
    assert finalized_features(broker.port)
    kafka3.wait_in_sync()


def test_a_clean_shutdown_is_not_a_kill(kafka3: KafkaCluster, topic: str) -> None:
    broker = kafka3.leader(topic, 1)
    broker.shut_down()
    assert broker.pid is None
    assert kafka3.leader(topic, 1) is not broker
    broker.start()
    kafka3.wait_in_sync()


def test_a_cluster_without_a_quorum_is_one_sentence(tmp_path: Path, cache: Path) -> None:
    cluster = KafkaCluster(tmp_path, cache, brokers=3)
    try:
        cluster.brokers[0].launch()
        with pytest.raises(StackError, match="not ready within 1 s"):
            cluster.brokers[0].wait_ready(1.0)
    finally:
        cluster.stop()
    assert not list((tmp_path / "stack").glob("cluster-*"))


def records(cluster: KafkaCluster, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap_servers, "group.id": uuid.uuid4().hex, "log_level": 0})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        return [message.value() for message in consumer.consume(count, TIMEOUT_S)]
    finally:
        consumer.close()
