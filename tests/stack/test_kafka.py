"""The broker that we start is the one that a user has in production: same features, same semantics."""

from __future__ import annotations

import hashlib
import socket
import time
from functools import partial
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from oncewhere.errors import ConfigurationError, StackError
from oncewhere.stack import KafkaServer, kafka_warmup
from oncewhere.stack.artifacts import read_lock
from oncewhere.stack.kafka_connection import ANSWER_TIMEOUT_S, Connection
from oncewhere.stack.kafka_warmup import finalized_features

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from oncewhere.stack.progress import Event

pytestmark = pytest.mark.servers
TIMEOUT_S = 20.0


@pytest.fixture
def own(tmp_path: Path, cache: Path) -> Iterator[KafkaServer]:
    """A broker that a test may break."""
    server = KafkaServer(tmp_path / "kafka", cache)
    yield server
    server.stop()


def create_topic(server: KafkaServer, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": server.bootstrap_servers})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(TIMEOUT_S)


def transact(server: KafkaServer, topic: str, transactional_id: str, value: bytes, *, commit: bool) -> None:
    producer = Producer({"bootstrap.servers": server.bootstrap_servers, "transactional.id": transactional_id})
    producer.init_transactions(TIMEOUT_S)
    producer.begin_transaction()
    producer.produce(topic, value)
    producer.flush(TIMEOUT_S)
    if commit:
        producer.commit_transaction(TIMEOUT_S)
    else:
        producer.abort_transaction(TIMEOUT_S)


def read_committed(server: KafkaServer, topic: str, count: int, *, group: str = "after") -> list[bytes]:
    consumer = Consumer(
        {
            "bootstrap.servers": server.bootstrap_servers,
            "group.id": f"reader-{topic}-{group}",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    values: list[bytes] = []
    deadline = time.monotonic() + TIMEOUT_S
    while len(values) < count and time.monotonic() < deadline:
        message = consumer.poll(0.5)
        if message is not None:
            assert message.error() is None
            values.append(message.value())
    consumer.close()
    return values


def test_the_cluster_has_the_features_of_a_new_4_3_cluster(kafka: KafkaServer) -> None:
    features = finalized_features(kafka.port)
    assert features["transaction.version"] == 2  # KIP-890
    assert features["group.version"] == 1  # KIP-848
    assert features["metadata.version"] == 30  # 4.3-IV0


def test_an_aborted_record_is_not_read_and_a_committed_one_is(kafka: KafkaServer) -> None:
    create_topic(kafka, "test-kafka-transactions")
    transact(kafka, "test-kafka-transactions", "test-kafka-a", b"aborted", commit=False)
    transact(kafka, "test-kafka-transactions", "test-kafka-a", b"committed", commit=True)
    assert read_committed(kafka, "test-kafka-transactions", 1) == [b"committed"]


def test_a_broker_that_is_ready_has_its_internal_topics(own: KafkaServer) -> None:
    # Else its first transaction would wait for them: 1 to 1.6 s instead of 0.1 s.
    own.start()
    topics = AdminClient({"bootstrap.servers": own.bootstrap_servers}).list_topics(timeout=TIMEOUT_S).topics
    assert {name: len(topic.partitions) for name, topic in topics.items()} == {
        "__transaction_state": 1,
        "__consumer_offsets": 1,
    }


def test_a_misspelt_topic_is_an_error_and_not_a_new_topic(kafka: KafkaServer) -> None:
    listing = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    listing.list_topics("test-kafka-misspelt", timeout=TIMEOUT_S)
    assert "test-kafka-misspelt" not in listing.list_topics(timeout=TIMEOUT_S).topics


def test_it_listens_on_loopback_only(kafka: KafkaServer) -> None:
    outside = socket.gethostbyname(socket.gethostname())
    if outside.startswith("127."):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
            route.connect(("192.0.2.1", 9))  # sends nothing; asks which address would be used
            outside = route.getsockname()[0]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((outside, kafka.port), 2.0)


def test_a_killed_broker_comes_back_at_the_same_port_with_its_data(own: KafkaServer) -> None:
    own.start()
    before = own.bootstrap_servers
    create_topic(own, "kept")
    transact(own, "kept", "kept", b"1", commit=True)
    # A commit is answered before its markers are written. A lone broker that is killed in between may come back with
    # the transaction complete and its marker never written (seen with Kafka 4.3.1 in up to a third of the kills right
    # after the answer): no reader passes it any more. That is Kafka's to mend; here the marker is waited for.
    assert read_committed(own, "kept", 1, group="before") == [b"1"]
    own.kill()
    assert own.pid is None
    own.start()
    assert own.bootstrap_servers == before
    assert read_committed(own, "kept", 1) == [b"1"]


def test_a_port_in_use_is_one_sentence(tmp_path: Path, cache: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = KafkaServer(tmp_path, cache, port=port)
        with pytest.raises(ConfigurationError) as caught:
            server.start()
    assert caught.value.message == f"Apache Kafka cannot listen on port {port}: address already in use."
    assert caught.value.hint


def test_a_port_that_was_asked_for_is_used(tmp_path: Path, cache: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = KafkaServer(tmp_path, cache, port=port)
    try:
        server.start()
        assert server.bootstrap_servers == f"127.0.0.1:{port}"
    finally:
        server.stop()


@pytest.mark.parametrize("patience_s", [ANSWER_TIMEOUT_S, 0.3], ids=["broker ends first", "silence is noticed first"])
def test_a_port_lost_before_the_broker_binds_it_is_replaced_by_another(
    own: KafkaServer, monkeypatch: pytest.MonkeyPatch, patience_s: float
) -> None:
    # The thief accepts and says nothing: on a slow machine that is noticed before the broker has failed to bind.
    monkeypatch.setattr(kafka_warmup, "Connection", partial(Connection, timeout_s=patience_s))
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", 0))
        thief.listen()
        lost = thief.getsockname()[1]
        own.port = lost
        thief.settimeout(0.0)
        own.start()
        assert own.port != lost
        assert finalized_features(own.port)


def test_a_broker_that_does_not_come_up_shows_the_end_of_its_log(tmp_path: Path, cache: Path) -> None:
    server = KafkaServer(tmp_path, cache, settings={"log.cleaner.dedupe.buffer.size": "1"})
    try:
        with pytest.raises(StackError) as caught:
            server.start()
    finally:
        server.stop()
    assert caught.value.message == "Apache Kafka ended with 1 while it started."
    assert "log.cleaner.dedupe.buffer.size" in (caught.value.detail or "")


def test_a_broker_that_takes_too_long_is_one_sentence(own: KafkaServer) -> None:
    own.launch()
    with pytest.raises(StackError, match=r"Apache Kafka was not ready within 0.05 s"):
        own.wait_ready(0.05)


def test_a_damaged_aot_cache_does_not_break_a_start(tmp_path: Path, cache: Path) -> None:
    # A cache folder of its own, whose jars are links to the real ones, with garbage where the AOT cache belongs.
    first = KafkaServer(tmp_path / "first", cache)
    first.start()
    first.stop()
    store = tmp_path / "cache" / "kafka" / read_lock().kafka_version
    store.mkdir(parents=True)
    (store / "jars").symlink_to(cache / "kafka" / read_lock().kafka_version / "jars")
    probe = KafkaServer(tmp_path / "probe", tmp_path / "cache")
    probe.launch()
    probe.kill()
    assert probe._aot is not None
    probe._aot.path.write_bytes(hashlib.sha256(b"garbage").digest() * 10_000)
    probe.stop()
    server = KafkaServer(tmp_path / "second", tmp_path / "cache")
    try:
        server.start()
        assert finalized_features(server.port)["transaction.version"] == 2
    finally:
        server.stop()


def test_the_first_run_leaves_an_aot_cache_for_the_next(tmp_path: Path, cache: Path) -> None:
    store = tmp_path / "cache" / "kafka" / read_lock().kafka_version
    store.mkdir(parents=True)
    warm = KafkaServer(tmp_path / "warm", cache)  # makes sure that the jars are there
    warm.start()
    warm.stop()
    (store / "jars").symlink_to(cache / "kafka" / read_lock().kafka_version / "jars")
    events: list[Event] = []
    first = KafkaServer(tmp_path / "first", tmp_path / "cache", progress=events.append)
    first.start()
    assert list(store.glob("*.aot")) == []
    first.stop()
    (made,) = store.glob("*.aot")
    assert made.stat().st_size > 10_000_000
    assert any("only once" in getattr(event, "text", "") for event in events)
    assert sorted(path.name for path in store.iterdir() if path.is_dir()) == ["jars"]
    second = KafkaServer(tmp_path / "second", tmp_path / "cache")
    second.start()
    assert second._aot is not None
    assert second._aot.in_use
    assert second._aot.path == made
    second.stop()


def test_the_benchmark_profile_starts(tmp_path: Path, cache: Path) -> None:
    server = KafkaServer(tmp_path, cache, profile="benchmark")
    try:
        server.start()
        assert finalized_features(server.port)["transaction.version"] == 2
    finally:
        server.stop()


def test_stop_leaves_no_data(own: KafkaServer) -> None:
    own.start()
    own.stop()
    own.stop()  # again, harmlessly
    assert own.pid is None
    assert not own.data.exists()
