"""A live cluster, asked over the wire."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kio.schema.streams_group_heartbeat.v0 import request as streams

from oncewhere.cluster import NOT_FOUND, UNSTABLE, ClusterClient, client, replies
from oncewhere.errors import ConfigurationError, InconclusiveError, UnreachableError

if TYPE_CHECKING:
    from oncewhere.stack import KafkaServer

LIMIT_S = 30.0


def ask(kafka: KafkaServer, question: Callable[[ClusterClient], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with await ClusterClient.connect(kafka.bootstrap_servers) as cluster:
            return await question(cluster)

    return asyncio.run(main())


@pytest.fixture
def topic(kafka: KafkaServer) -> str:
    name = f"topic-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    admin.create_topics([NewTopic(name, 2)])[name].result(LIMIT_S)
    return name


def test_a_cluster_that_cannot_be_reached_is_a_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(UnreachableError) as caught:
        asyncio.run(ClusterClient.connect(f"127.0.0.1:{port}"))
    assert str(caught.value) == (
        f"Kafka cannot be reached at 127.0.0.1:{port}. Start the cluster, or correct the bootstrap servers."
    )


def test_a_server_that_is_no_kafka_is_a_clear_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(UnreachableError, match="cannot be reached"):
            asyncio.run(ClusterClient.connect(f"127.0.0.1:{server.getsockname()[1]}"))
        thread.join()


@pytest.mark.parametrize("address", ["localhost", "localhost:", ":9092", "localhost:kafka", ""])
def test_an_address_that_is_none_is_a_clear_sentence(address: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address"):
        asyncio.run(ClusterClient.connect(address))


@pytest.mark.servers
def test_one_bootstrap_server_that_answers_is_enough(kafka: KafkaServer) -> None:
    async def main() -> None:
        async with await ClusterClient.connect(f"127.0.0.1:1,{kafka.bootstrap_servers}") as cluster:
            assert await cluster.describe_group("nobody") == ()

    asyncio.run(main())


@pytest.mark.servers
def test_an_open_transaction_is_seen_from_every_side(kafka: KafkaServer, topic: str) -> None:
    name = f"settlement-{uuid.uuid4().hex[:8]}"
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": name})
    producer.init_transactions(LIMIT_S)
    producer.begin_transaction()
    producer.produce(topic, b"x", partition=1)
    assert producer.flush(LIMIT_S) == 0
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap_servers, "group.id": name})
    producer.send_offsets_to_transaction([TopicPartition(topic, 0, 7)], consumer.consumer_group_metadata())

    async def look(cluster: ClusterClient) -> tuple[Any, ...]:
        return (
            (await cluster.describe_transactions([name]))[name],
            (await cluster.describe_producers(topic, [0, 1]))[topic, 1],
            await cluster.committed_offsets(name, {topic: [0, 1]}),
            await cluster.committed_offsets(name, {topic: [0]}, require_stable=False),
            await cluster.list_offsets({topic: [1]}),
            await cluster.list_offsets({topic: [1]}, isolation_level="read_uncommitted"),
            await cluster.list_offsets({topic: [1]}, at="earliest"),
            [listing for listing in await cluster.list_transactions() if listing.transactional_id == name],
        )

    described, (state,), offsets, unstable_ignored, stable, written, earliest, (listing,) = ask(kafka, look)
    assert described.state == listing.state == "Ongoing"
    assert described.producer_id == listing.producer_id == state.producer_id
    assert described.producer_epoch == state.producer_epoch == 0
    assert abs(described.start_time_ms / 1000 - time.time()) < 600
    assert (topic, 1) in described.partitions
    assert described.timeout_ms == 60_000
    assert state.transaction_start_offset == 0
    assert offsets == {(topic, 0): UNSTABLE, (topic, 1): -1}
    assert unstable_ignored == {(topic, 0): -1}
    assert (stable, written, earliest) == ({(topic, 1): 0}, {(topic, 1): 1}, {(topic, 1): 0})

    producer.commit_transaction(LIMIT_S)
    deadline = time.monotonic() + LIMIT_S
    while described.state != "CompleteCommit":  # decided at PrepareCommit, complete when every marker is written
        assert described.state in {"Ongoing", "PrepareCommit"}
        assert time.monotonic() < deadline
        described, (state,), offsets, _, stable, *_ = ask(kafka, look)
    assert described.partitions == ()
    assert state.transaction_start_offset is None
    assert offsets[topic, 0] == 7
    assert stable == {(topic, 1): 2}


@pytest.mark.servers
def test_a_transactional_id_that_nobody_knows_is_not_found(kafka: KafkaServer) -> None:
    name = uuid.uuid4().hex
    described = ask(kafka, lambda cluster: cluster.describe_transactions([name]))
    assert described[name].state == NOT_FOUND
    assert described[name].start_time_ms is None
    assert ask(kafka, lambda cluster: cluster.describe_transactions([])) == {}


@pytest.mark.servers
@pytest.mark.parametrize(
    ("settings", "protocol"),
    [
        ({"group.protocol": "classic"}, "classic"),
        ({"group.protocol": "classic", "group.instance.id": "settlement-0"}, "classic"),
        ({"group.protocol": "consumer"}, "consumer"),
        ({"group.protocol": "consumer", "group.instance.id": "settlement-0"}, "consumer"),
    ],
    ids=["classic", "classic static", "KIP-848", "KIP-848 static"],
)
def test_members_are_described_and_evicted(
    kafka: KafkaServer, topic: str, settings: dict[str, str], protocol: str
) -> None:
    group = f"group-{uuid.uuid4().hex[:8]}"
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "group.id": group,
            "client.id": "settlement",
            "auto.offset.reset": "earliest",
        }
        | settings
    )
    consumer.subscribe([topic])
    deadline = time.monotonic() + LIMIT_S
    while not consumer.assignment():
        assert time.monotonic() < deadline
        consumer.poll(0.1)

    async def evict(cluster: ClusterClient) -> tuple[Any, ...]:
        members = await cluster.describe_group(group)
        return (
            members,
            await cluster.evict_members(group, members),
            await cluster.describe_group(group),
            await cluster.evict_members(group, members),
            await cluster.evict_members(group, ()),
        )

    (member,), evicted, left, again, nobody = ask(kafka, evict)
    consumer.close()
    assert member.protocol == protocol
    assert member.client_id == "settlement"
    assert member.group_instance_id == settings.get("group.instance.id")
    assert (evicted, left, again, nobody) == (1, (), 0, 0)


@pytest.mark.servers
def test_members_of_a_streams_group_are_evicted_too(kafka: KafkaServer, topic: str) -> None:
    group = f"group-{uuid.uuid4().hex[:8]}"
    tasks = dict.fromkeys(("active_tasks", "standby_tasks", "warmup_tasks"), ())
    part = dict.fromkeys(("source_topic_regex", "state_changelog_topics", "repartition_sink_topics"), ())
    part |= dict.fromkeys(("repartition_source_topics", "copartition_groups"), ())
    joining = streams.StreamsGroupHeartbeatRequest(
        group_id=group,
        member_id=uuid.uuid4().hex,
        member_epoch=0,
        endpoint_information_epoch=0,
        rebalance_timeout=dt.timedelta(seconds=10),
        topology=streams.Topology(
            epoch=0, subtopologies=(streams.Subtopology(subtopology_id="0", source_topics=(topic,), **part),)
        ),
        process_id="process",
        client_tags=(),
        task_offsets=None,
        task_end_offsets=None,
        **tasks,
    )

    async def evict(cluster: ClusterClient) -> tuple[Any, ...]:
        coordinator = await cluster._within_limit("the coordinator", lambda: cluster._coordinator(group, 0))
        assert (await cluster._ask(coordinator, joining))["error_code"] == 0
        members = await cluster.describe_group(group)
        return members, await cluster.evict_members(group, members), await cluster.describe_group(group)

    (member,), evicted, left = ask(kafka, evict)
    assert (member.protocol, evicted, left) == ("streams", 1, ())


@pytest.mark.servers
def test_a_question_that_finds_no_answer_in_time_is_inconclusive(
    kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CALL_LIMIT_S", 0.2)
    with pytest.raises(
        InconclusiveError, match=r"did not answer ListOffsets within 0\.2 s: UNKNOWN_TOPIC_OR_PARTITION"
    ):
        ask(kafka, lambda cluster: cluster.list_offsets({"no-such-topic": [0]}))


@pytest.mark.servers
def test_questions_asked_at_once_do_not_mix(kafka: KafkaServer, topic: str) -> None:
    async def all_at_once(cluster: ClusterClient) -> list[Any]:
        return await asyncio.gather(*(cluster.list_offsets({topic: [index % 2]}) for index in range(40)))

    assert ask(kafka, all_at_once) == [{(topic, index % 2): 0} for index in range(40)]


@pytest.mark.servers
def test_a_cancelled_question_does_not_spoil_the_next(kafka: KafkaServer, topic: str) -> None:
    async def main(cluster: ClusterClient) -> Any:
        for delay_s in (0, 0.0005, 0.001, 0.002):
            question = asyncio.create_task(cluster.list_offsets({topic: [0]}))
            await asyncio.sleep(delay_s)
            question.cancel()
            await asyncio.gather(question, return_exceptions=True)
        return await cluster.list_offsets({topic: [0, 1]})

    assert ask(kafka, main) == {(topic, 0): 0, (topic, 1): 0}


def test_members_of_both_protocols_in_one_group_leave_each_in_its_way() -> None:
    about = {"client_id": "c", "client_host": "/h", "instance_id": None}
    group = {"members": [{"member_id": "a", "member_type": 0} | about, {"member_id": "b", "member_type": 1} | about]}
    assert [member.protocol for member in replies.members_of(group, "consumer")] == ["classic", "consumer"]
