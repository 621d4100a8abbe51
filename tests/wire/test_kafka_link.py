"""Kafka connections as scripts in the order of the wire: `>>` the processor, `<<` the broker, `!` a boundary."""
# ruff: noqa: E501 - one frame, one line: a script is read downwards

from __future__ import annotations

import datetime as dt
import struct
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.schema.add_offsets_to_txn.v0.request import AddOffsetsToTxnRequest
from kio.schema.add_offsets_to_txn.v0.response import AddOffsetsToTxnResponse
from kio.schema.add_partitions_to_txn.v0.request import AddPartitionsToTxnRequest, AddPartitionsToTxnTopic
from kio.schema.add_partitions_to_txn.v0.response import (
    AddPartitionsToTxnPartitionResult,
    AddPartitionsToTxnResponse,
    AddPartitionsToTxnTopicResult,
)
from kio.schema.api_versions.v0.response import ApiVersion as ApiVersionV0
from kio.schema.api_versions.v0.response import ApiVersionsResponse as ApiVersionsResponseV0
from kio.schema.api_versions.v3.request import ApiVersionsRequest
from kio.schema.api_versions.v3.response import ApiVersion, ApiVersionsResponse
from kio.schema.consumer_group_heartbeat.v0 import request as chb_request
from kio.schema.consumer_group_heartbeat.v0 import response as chb_response
from kio.schema.describe_cluster.v1 import response as describe_cluster
from kio.schema.describe_cluster.v1.request import DescribeClusterRequest
from kio.schema.end_txn.v1.request import EndTxnRequest
from kio.schema.end_txn.v1.response import EndTxnResponse
from kio.schema.end_txn.v5.request import EndTxnRequest as EndTxnRequestV5
from kio.schema.end_txn.v5.response import EndTxnResponse as EndTxnResponseV5
from kio.schema.errors import ErrorCode
from kio.schema.fetch.v13 import request as fetch_request
from kio.schema.fetch.v16 import response as fetch_response
from kio.schema.fetch.v16.request import FetchRequest
from kio.schema.find_coordinator.v2.request import FindCoordinatorRequest
from kio.schema.find_coordinator.v2.response import FindCoordinatorResponse
from kio.schema.find_coordinator.v4 import response as find_coordinator_v4
from kio.schema.find_coordinator.v4.request import FindCoordinatorRequest as FindCoordinatorRequestV4
from kio.schema.heartbeat.v3.request import HeartbeatRequest
from kio.schema.heartbeat.v3.response import HeartbeatResponse
from kio.schema.init_producer_id.v4.request import InitProducerIdRequest
from kio.schema.init_producer_id.v4.response import InitProducerIdResponse
from kio.schema.metadata.v12 import response as metadata
from kio.schema.metadata.v12.request import MetadataRequest
from kio.schema.offset_commit.v2 import request as offset_commit
from kio.schema.offset_commit.v2 import response as offset_commit_response
from kio.schema.produce.v7 import request as produce_v7
from kio.schema.produce.v7 import response
from kio.schema.produce.v13 import request as produce
from kio.schema.produce.v13 import response as produce_response
from kio.schema.sasl_handshake.v0.request import SaslHandshakeRequest
from kio.schema.txn_offset_commit.v3 import request as txn_offset_commit
from kio.schema.txn_offset_commit.v3 import response as txn_offset_commit_response
from kio.static.primitive import i32Timedelta

from oncewhere.wire import Direction, Segment
from oncewhere.wire.kafka import KafkaLink
from oncewhere.wire.kafka import link as link_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Step, Wire

ZERO = i32Timedelta.parse(dt.timedelta(0))
MINUTE = i32Timedelta.parse(dt.timedelta(minutes=1))
NONE = ErrorCode.none
TOPIC_ID = UUID(int=0xABC)
ASK_METADATA = MetadataRequest(topics=None, include_topic_authorized_operations=False)
ID_AND_EPOCH: dict[str, Any] = {"transactional_id": "settlement-0", "producer_id": 7, "producer_epoch": 3}


def link(asked: list[tuple[str, int]] | None = None) -> KafkaLink:
    """A link that advertises every broker at a port one thousand higher, on a host with a longer name."""

    def advertise(host: str, port: int) -> tuple[str, int]:
        if asked is not None:
            asked.append((host, port))
        return "proxy.of." + host, port + 1000

    return KafkaLink(advertise)


def produce_of(wire: Wire, *batches: bytes, acks: int = -1, transactional_id: str | None = "settlement-0") -> Any:
    return produce_v7.ProduceRequest(
        transactional_id=transactional_id,
        acks=acks,
        timeout=MINUTE,
        topic_data=(
            produce_v7.TopicProduceData(
                name="settled",
                partition_data=tuple(
                    produce_v7.PartitionProduceData(index=index, records=batch) for index, batch in enumerate(batches)
                ),
            ),
        ),
    )


def produced(*bases: int, error: ErrorCode = NONE) -> Any:
    return response.ProduceResponse(
        responses=(
            response.TopicProduceResponse(
                name="settled",
                partition_responses=tuple(
                    response.PartitionProduceResponse(index=index, error_code=error, base_offset=base)
                    for index, base in enumerate(bases)
                ),
            ),
        ),
        throttle_time=ZERO,
    )


def old_transaction(wire: Wire) -> list[Step]:
    """What librdkafka 2.16 sends for one transaction."""
    topic = AddPartitionsToTxnTopic(name="settled", partitions=(0, 1))
    offsets = txn_offset_commit.TxnOffsetCommitRequestPartition(
        partition_index=0, committed_offset=42, committed_metadata=None
    )
    return [
        (">>", wire.request(InitProducerIdRequest(transactional_id="settlement-0", transaction_timeout=MINUTE), 1)),
        ("<<", wire.reply(InitProducerIdResponse(throttle_time=ZERO, error_code=NONE, producer_id=7, producer_epoch=3), 1)),
        (">>", wire.request(AddPartitionsToTxnRequest(v3_and_below_transactional_id="settlement-0", v3_and_below_producer_id=7, v3_and_below_producer_epoch=3, v3_and_below_topics=(topic,)), 2)),
        ("<<", wire.reply(AddPartitionsToTxnResponse(throttle_time=ZERO, results_by_topic_v3_and_below=(AddPartitionsToTxnTopicResult(name="settled", results_by_partition=(AddPartitionsToTxnPartitionResult(partition_index=0, partition_error_code=ErrorCode.concurrent_transactions),)),)), 2)),
        # Pipelined: a second request before the first reply.
        (">>", wire.request(produce_of(wire, wire.batch(2) + wire.batch(3), wire.batch(1)), 3)
            + wire.request(AddOffsetsToTxnRequest(**ID_AND_EPOCH, group_id="settlement"), 4)),
        ("<<", wire.reply(produced(10, 20), 3)),
        ("<<", wire.reply(AddOffsetsToTxnResponse(throttle_time=ZERO, error_code=NONE), 4)),
        (">>", wire.request(txn_offset_commit.TxnOffsetCommitRequest(**ID_AND_EPOCH, group_id="settlement", generation_id=5, member_id="m-1", group_instance_id=None, topics=(txn_offset_commit.TxnOffsetCommitRequestTopic(name="authorized", partitions=(offsets,)),)), 5)),
        ("<<", wire.reply(txn_offset_commit_response.TxnOffsetCommitResponse(throttle_time=ZERO, topics=()), 5)),
        (">>", wire.request(EndTxnRequest(**ID_AND_EPOCH, committed=True), 6)),
        ("<<", wire.reply(EndTxnResponse(throttle_time=ZERO, error_code=ErrorCode.producer_fenced), 6)),
    ]  # fmt: skip


def new_transaction(wire: Wire) -> list[Step]:
    """What the Java client 4 sends: topic ids, no Add requests, a new epoch with every EndTxn (KIP-890)."""
    broker = metadata.MetadataResponseBroker(node_id=1, host="b1", port=9092)
    topic = metadata.MetadataResponseTopic(error_code=NONE, name="settled", topic_id=TOPIC_ID, partitions=())
    data = produce.TopicProduceData(
        topic_id=TOPIC_ID, partition_data=(produce.PartitionProduceData(index=4, records=wire.batch(9)),)
    )
    answer = produce_response.TopicProduceResponse(
        topic_id=TOPIC_ID,
        partition_responses=(
            produce_response.PartitionProduceResponse(
                index=4, error_code=ErrorCode.not_leader_or_follower, base_offset=-1, record_errors=()
            ),
        ),
    )
    leader = produce_response.NodeEndpoint(node_id=2, host="b2", port=9093)
    return [
        (">>", wire.request(ASK_METADATA, 1)),
        ("<<", wire.reply(metadata.MetadataResponse(throttle_time=ZERO, brokers=(broker,), cluster_id="c", topics=(topic,)), 1)),
        (">>", wire.request(produce.ProduceRequest(transactional_id="settlement-0", acks=-1, timeout=MINUTE, topic_data=(data,)), 2)),
        ("<<", wire.reply(produce_response.ProduceResponse(responses=(answer,), throttle_time=ZERO, node_endpoints=(leader,)), 2)),
        (">>", wire.request(EndTxnRequestV5(**ID_AND_EPOCH, committed=False), 3)),
        ("<<", wire.reply(EndTxnResponseV5(throttle_time=ZERO, error_code=NONE, producer_id=7, producer_epoch=4), 3)),
    ]  # fmt: skip


def addresses(wire: Wire) -> list[Step]:
    """Every reply that names brokers."""
    broker = describe_cluster.DescribeClusterBroker(broker_id=1, host="b1", port=9092, rack="r1")
    missing = find_coordinator_v4.Coordinator(
        key="x", node_id=-1, host="", port=-1, error_code=ErrorCode.coordinator_not_available, error_message=None
    )
    found = find_coordinator_v4.Coordinator(
        key="y", node_id=2, host="b2", port=9093, error_code=NONE, error_message=None
    )
    return [
        (">>", wire.request(FindCoordinatorRequest(key="settlement", key_type=0), 1)),
        ("<<", wire.reply(FindCoordinatorResponse(throttle_time=ZERO, error_code=NONE, error_message=None, node_id=2, host="b2", port=9093), 1)),
        (">>", wire.request(FindCoordinatorRequestV4(key_type=1, coordinator_keys=("x", "y")), 2)),
        ("<<", wire.reply(find_coordinator_v4.FindCoordinatorResponse(throttle_time=ZERO, coordinators=(missing, found)), 2)),
        (">>", wire.request(DescribeClusterRequest(include_cluster_authorized_operations=False), 3)),
        ("<<", wire.reply(describe_cluster.DescribeClusterResponse(throttle_time=ZERO, error_code=NONE, error_message=None, cluster_id="c", brokers=(broker,)), 3)),
    ]  # fmt: skip


def groups(wire: Wire) -> list[Step]:
    """Heartbeats are told when something about them changes."""
    beat = HeartbeatRequest(group_id="g", generation_id=1, member_id="m")

    def member(epoch: int) -> Any:
        return chb_request.ConsumerGroupHeartbeatRequest(
            group_id="g", member_id="m", member_epoch=epoch, subscribed_topic_names=("in",), topic_partitions=None
        )

    def answer(epoch: int) -> Any:
        return chb_response.ConsumerGroupHeartbeatResponse(
            throttle_time=ZERO, error_code=NONE, member_epoch=epoch, heartbeat_interval=ZERO
        )

    return [
        (">>", wire.request(beat, 1)),
        ("<<", wire.reply(HeartbeatResponse(throttle_time=ZERO, error_code=NONE), 1)),
        (">>", wire.request(beat, 2)),
        ("<<", wire.reply(HeartbeatResponse(throttle_time=ZERO, error_code=ErrorCode.rebalance_in_progress), 2)),
        (">>", wire.request(beat, 3)),
        ("<<", wire.reply(HeartbeatResponse(throttle_time=ZERO, error_code=ErrorCode.rebalance_in_progress), 3)),
        (">>", wire.request(member(0), 4)),
        ("<<", wire.reply(answer(1), 4)),
        (">>", wire.request(member(1), 5)),
        ("<<", wire.reply(answer(1), 5)),
        (">>", wire.request(member(-1), 6)),
        ("<<", wire.reply(answer(-1), 6)),
    ]


def fetches(wire: Wire) -> list[Step]:
    """A Fetch is told once for its isolation level and once for each new topic."""

    def ask(level: int, *topics: int) -> Any:
        return fetch_request.FetchRequest(
            max_wait=ZERO, min_bytes=1, isolation_level=level,
            topics=tuple(fetch_request.FetchTopic(topic_id=UUID(int=topic), partitions=()) for topic in topics),
            forgotten_topics_data=(), rack_id="",
        )  # fmt: skip

    return [
        (
            ">>",
            wire.request(ask(1, 5), 1)
            + wire.request(ask(1, 5), 2)
            + wire.request(ask(1, 5, 6), 3)
            + wire.request(ask(0), 4),
        ),
        *[("<<", struct.pack(">ii", 104, number) + bytes(100)) for number in (1, 2, 3, 4)],
    ]


SCRIPTS: dict[str, Callable[[Wire], list[Step]]] = {
    script.__name__: script for script in (old_transaction, new_transaction, addresses, groups, fetches)
}


def test_the_old_transaction_protocol_is_told_with_every_boundary(wire: Wire) -> None:
    transcript = wire.play(link(), old_transaction(wire))
    names = (
        "transactional_id",
        "producer_id",
        "producer_epoch",
        "records",
        "group",
        "generation",
        "offsets",
        "committed",
        "error",
    )
    assert transcript.lines(*names) == [
        ">> InitProducerId#0! transactional_id=settlement-0 producer_id=-1 producer_epoch=-1",
        "<< InitProducerId#0! producer_id=7 producer_epoch=3 error=NONE",
        ">> AddPartitionsToTxn#1 transactional_id=settlement-0 producer_id=7 producer_epoch=3",
        "<< AddPartitionsToTxn#1 error=CONCURRENT_TRANSACTIONS",
        ">> Produce#2! transactional_id=settlement-0 producer_id=7 producer_epoch=0 records=6",
        ">> AddOffsetsToTxn#3 transactional_id=settlement-0 producer_id=7 producer_epoch=3 group=settlement",
        "<< Produce#2! error=NONE",
        "<< AddOffsetsToTxn#3 error=NONE",
        ">> TxnOffsetCommit#4! transactional_id=settlement-0 producer_id=7 producer_epoch=3 group=settlement generation=5 offsets=[{'topic': 'authorized', 'partition': 0, 'offset': 42}]",
        "<< TxnOffsetCommit#4! error=NONE",
        ">> EndTxn#5! transactional_id=settlement-0 producer_id=7 producer_epoch=3 committed=True",
        "<< EndTxn#5! error=PRODUCER_FENCED",
    ]
    assert transcript.messages[4].fields["partitions"] == [
        {"topic": "settled", "partition": 0, "records": 5},
        {"topic": "settled", "partition": 1, "records": 1},
    ]
    assert all(message.fields["client_id"] == "app" for message in transcript.messages)


def test_nothing_but_addresses_and_versions_is_changed(wire: Wire) -> None:
    script = old_transaction(wire)
    transcript = wire.play(link(), script)
    assert transcript.to_server == b"".join(data for arrow, data in script if arrow == ">>")
    assert transcript.to_processor == b"".join(data for arrow, data in script if arrow == "<<")


def test_the_new_transaction_protocol_names_topics_by_what_metadata_said(wire: Wire) -> None:
    asked: list[tuple[str, int]] = []
    transcript = wire.play(link(asked), new_transaction(wire))
    assert transcript.lines("partitions", "records", "committed", "producer_epoch", "error") == [
        ">> Produce#1! partitions=[{'topic': 'settled', 'partition': 4, 'records': 9}] records=9 producer_epoch=0",
        "<< Produce#1! partitions=[{'topic': 'settled', 'partition': 4, 'base_offset': -1, 'error': 'NOT_LEADER_OR_FOLLOWER'}] error=NOT_LEADER_OR_FOLLOWER",
        ">> EndTxn#2! committed=False producer_epoch=3",
        "<< EndTxn#2! producer_epoch=4 error=NONE",
    ]
    assert asked == [("b1", 9092), ("b2", 9093)]


def test_topic_names_are_shared_by_the_links_of_one_processor(wire: Wire) -> None:
    topics: dict[UUID, str] = {}
    script = new_transaction(wire)
    wire.play(KafkaLink(lambda host, port: (host, port), topics=topics), script[:2])
    assert topics == {TOPIC_ID: "settled"}
    other = wire.play(KafkaLink(lambda host, port: (host, port), topics=topics), script[2:])
    assert other.messages[0].fields["partitions"] == [{"topic": "settled", "partition": 4, "records": 9}]


def test_a_new_leaders_address_in_a_tagged_field_is_replaced(wire: Wire) -> None:
    script = new_transaction(wire)
    transcript = wire.play(link(), script)
    leader = produce_response.NodeEndpoint(node_id=2, host="proxy.of.b2", port=10093)
    body = produce_response.TopicProduceResponse(topic_id=TOPIC_ID, partition_responses=(produce_response.PartitionProduceResponse(index=4, error_code=ErrorCode.not_leader_or_follower, base_offset=-1, record_errors=()),))  # fmt: skip
    rewritten = wire.reply(produce_response.ProduceResponse(responses=(body,), throttle_time=ZERO, node_endpoints=(leader,)), 2)  # fmt: skip
    assert rewritten in transcript.to_processor


def test_every_brokers_address_is_replaced_and_a_missing_coordinator_is_not(wire: Wire) -> None:
    asked: list[tuple[str, int]] = []
    transcript = wire.play(link(asked), addresses(wire))
    assert asked == [("b2", 9093), ("b2", 9093), ("b1", 9092)]
    assert transcript.to_processor.count(b"proxy.of.b2") == 2
    assert transcript.to_processor.count(b"proxy.of.b1") == 1
    sizes, at = [], 0
    while at < len(transcript.to_processor):
        sizes.append(struct.unpack_from(">i", transcript.to_processor, at)[0])
        at += 4 + sizes[-1]
    assert len(sizes) == 3, "the sizes of the frames follow their content"


def test_heartbeats_are_told_when_they_say_something_new(wire: Wire) -> None:
    assert wire.play(link(), groups(wire)).lines("member_epoch", "subscribed", "error") == [
        "<< Heartbeat#1 error=REBALANCE_IN_PROGRESS",
        ">> ConsumerGroupHeartbeat#3 member_epoch=0 subscribed=['in']",
        "<< ConsumerGroupHeartbeat#3 member_epoch=1 error=NONE",
        ">> ConsumerGroupHeartbeat#5 member_epoch=-1 subscribed=['in']",
        "<< ConsumerGroupHeartbeat#5 member_epoch=-1 error=NONE",
    ]


def test_a_topic_that_is_not_there_is_told_once_and_metadata_without_one_never(wire: Wire) -> None:
    def answer(number: int, error: ErrorCode) -> Step:
        topic = metadata.MetadataResponseTopic(error_code=error, name="orders-placed", topic_id=TOPIC_ID, partitions=())
        return (
            "<<",
            wire.reply(
                metadata.MetadataResponse(throttle_time=ZERO, brokers=(), cluster_id="c", topics=(topic,)), number
            ),
        )

    missing = ErrorCode.unknown_topic_or_partition
    steps = [
        step
        for number, error in enumerate((NONE, missing, missing), 1)
        for step in ((">>", wire.request(ASK_METADATA, number)), answer(number, error))
    ]
    told = wire.play(link(), steps)
    assert told.lines("missing") == ["<< Metadata#1 missing=['orders-placed']"]


def test_a_fetch_is_told_for_a_new_isolation_level_or_topic(wire: Wire) -> None:
    assert wire.play(link(), fetches(wire)).lines("isolation_level", "topics") == [
        f">> Fetch#0 isolation_level=read_committed topics=['{UUID(int=5)}']",
        f">> Fetch#2 isolation_level=read_committed topics=['{UUID(int=5)}', '{UUID(int=6)}']",
        ">> Fetch#3 isolation_level=read_uncommitted topics=[]",
    ]


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_split_gives_the_same_messages_and_bytes(wire: Wire, name: str) -> None:
    wire.assert_every_split_is_the_same(link, SCRIPTS[name](wire))


def test_nothing_of_a_boundary_request_is_forwarded_before_it_is_complete(wire: Wire) -> None:
    frame = wire.request(EndTxnRequest(**ID_AND_EPOCH, committed=True), 1)
    kafka = link()
    assert kafka.from_processor(frame[:-1]) == []
    (segment,) = kafka.from_processor(frame[-1:])
    assert segment.data == frame
    assert segment.message is not None


def test_nothing_of_the_reply_to_one_is_forwarded_before_it_is_complete(wire: Wire) -> None:
    kafka = link()
    kafka.from_processor(wire.request(EndTxnRequest(**ID_AND_EPOCH, committed=True), 1))
    frame = wire.reply(EndTxnResponse(throttle_time=ZERO, error_code=NONE), 1)
    assert kafka.from_server(frame[:-1]) == []
    (segment,) = kafka.from_server(frame[-1:])
    assert segment.data == frame
    assert segment.message is not None


def test_a_large_reply_that_means_nothing_passes_as_it_comes(wire: Wire) -> None:
    kafka = link()
    kafka.from_processor(fetches(wire)[0][1])
    frame = struct.pack(">ii", 1_000_004, 1) + bytes(1_000_000)
    assert b"".join(segment.data for segment in kafka.from_server(frame[:500])) == frame[:500]
    assert b"".join(segment.data for segment in kafka.from_server(frame[500:])) == frame[500:]


def test_a_produce_too_large_to_collect_is_decided_at_its_head(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "MAX_COLLECTED_BYTES", 100)
    frame = wire.request(produce_of(wire, wire.batch(2, payload=bytes(500))), 1)
    kafka = link()
    first = kafka.from_processor(frame[:200])
    assert first[0].message is not None
    assert (first[0].message.kind, first[0].message.boundary, first[0].message.fields["partial"]) == (
        "Produce",
        True,
        True,
    )
    rest = kafka.from_processor(frame[200:])
    assert b"".join(segment.data for segment in [*first, *rest]) == frame
    assert all(segment.message is None for segment in [*first[1:], *rest])
    assert kafka.unknown_bytes == len(frame)


def test_a_produce_without_acknowledgement_expects_no_reply(wire: Wire) -> None:
    end = wire.request(EndTxnRequest(**ID_AND_EPOCH, committed=True), 2)
    transcript = wire.play(link(), [
        (">>", wire.request(produce_of(wire, wire.batch(1), acks=0, transactional_id=None), 1) + end),
        ("<<", wire.reply(EndTxnResponse(throttle_time=ZERO, error_code=NONE), 2)),
    ])  # fmt: skip
    assert transcript.lines() == [">> Produce#0!", ">> EndTxn#1!", "<< EndTxn#1!"]
    assert not transcript.messages[0].expects_reply


def test_a_missing_reply_does_not_shift_the_next_one(wire: Wire) -> None:
    transcript = wire.play(link(), [
        (">>", wire.request(ASK_METADATA, 1) + wire.request(EndTxnRequest(**ID_AND_EPOCH, committed=True), 2)),
        ("<<", wire.reply(EndTxnResponse(throttle_time=ZERO, error_code=NONE), 2)),
    ])  # fmt: skip
    assert transcript.lines("error") == [">> EndTxn#1!", "<< EndTxn#1! error=NONE"]


def test_a_producer_id_without_a_transactional_id_is_no_boundary(wire: Wire) -> None:
    transcript = wire.play(link(), [
        (">>", wire.request(InitProducerIdRequest(transactional_id=None, transaction_timeout=MINUTE), 1)),
        ("<<", wire.reply(InitProducerIdResponse(throttle_time=ZERO, error_code=NONE, producer_id=7, producer_epoch=3), 1)),
    ])  # fmt: skip
    assert transcript.lines() == [">> InitProducerId#0", "<< InitProducerId#0"]


def test_an_offset_commit_outside_a_transaction_is_a_boundary(wire: Wire) -> None:
    partition = offset_commit.OffsetCommitRequestPartition(
        partition_index=3, committed_offset=9, committed_metadata=None
    )
    body = offset_commit.OffsetCommitRequest(
        group_id="g", generation_id_or_member_epoch=4, member_id="m", retention_time=i64_ms(-1),
        topics=(offset_commit.OffsetCommitRequestTopic(name="in", partitions=(partition,)),),
    )  # fmt: skip
    answer = offset_commit_response.OffsetCommitResponse(topics=())
    transcript = wire.play(link(), [(">>", wire.request(body, 1)), ("<<", wire.reply(answer, 1))])
    assert transcript.lines("group", "generation", "offsets", "error") == [
        ">> OffsetCommit#0! group=g generation=4 offsets=[{'topic': 'in', 'partition': 3, 'offset': 9}]",
        "<< OffsetCommit#0! error=NONE",
    ]


def test_a_topic_without_a_name_is_told_as_such_and_passes(wire: Wire) -> None:
    partition = offset_commit.OffsetCommitRequestPartition(
        partition_index=3, committed_offset=9, committed_metadata=None
    )
    commit = offset_commit.OffsetCommitRequest(
        group_id="g", generation_id_or_member_epoch=4, member_id="m", retention_time=i64_ms(-1),
        topics=(offset_commit.OffsetCommitRequestTopic(name="", partitions=(partition,)),),
    )  # fmt: skip
    joined = AddPartitionsToTxnRequest(
        **{f"v3_and_below_{name}": value for name, value in ID_AND_EPOCH.items()},
        v3_and_below_topics=(AddPartitionsToTxnTopic(name="", partitions=(0,)),),
    )
    script: list[Step] = [(">>", wire.request(commit, 1)), (">>", wire.request(joined, 2))]
    wire.assert_every_split_is_the_same(link, script)
    assert wire.assert_untouched(link(), script).lines("offsets", "partitions") == [
        ">> OffsetCommit#0! offsets=[{'topic': '', 'partition': 3, 'offset': 9}]",
        ">> AddPartitionsToTxn#1 partitions=[{'topic': '', 'partition': 0}]",
    ]


def i64_ms(milliseconds: int) -> Any:
    return dt.timedelta(milliseconds=milliseconds)


def test_lists_in_messages_are_limited(wire: Wire) -> None:
    transcript = wire.play(link(), [(">>", wire.request(produce_of(wire, *[wire.batch(1)] * 40), 1))])
    fields = transcript.messages[0].fields
    partitions = fields["partitions"]
    assert isinstance(partitions, list)
    assert (len(partitions), fields["partitions_left_out"], fields["records"]) == (32, 8, 40)


# ---- versions


def offered(**apis: tuple[int, int, int]) -> Any:
    return ApiVersionsResponse(
        error_code=NONE,
        api_keys=tuple(ApiVersion(api_key=key, min_version=low, max_version=high) for key, low, high in apis.values()),
        throttle_time=ZERO,
    )


def ask_versions(wire: Wire) -> bytes:
    return wire.request(ApiVersionsRequest(client_software_name="librdkafka", client_software_version="2.16.0"), 1)


def test_versions_that_cannot_be_read_are_not_offered(wire: Wire) -> None:
    broker = offered(produce=(0, 0, 99), fetch=(1, 4, 18), end_txn=(26, 0, 5), unknown=(4711, 0, 7), topics=(19, 2, 99))
    seen = offered(produce=(0, 0, 13), fetch=(1, 4, 15), end_txn=(26, 0, 5), unknown=(4711, 0, 7), topics=(19, 2, 99))
    transcript = wire.play(link(), [(">>", ask_versions(wire)), ("<<", wire.reply(broker, 1))])
    assert transcript.to_processor == wire.reply(seen, 1)
    assert transcript.lines("client_software_name", "error") == [
        ">> ApiVersions#0 client_software_name=librdkafka",
        "<< ApiVersions#0 error=NONE",
    ]


def test_the_refusal_of_an_api_versions_version_has_the_oldest_format(wire: Wire) -> None:
    refusal = ApiVersionsResponseV0(
        error_code=ErrorCode.unsupported_version,
        api_keys=(ApiVersionV0(api_key=18, min_version=0, max_version=9),),
    )
    transcript = wire.play(link(), [(">>", ask_versions(wire)), ("<<", wire.reply(refusal, 1))])
    assert transcript.lines("error")[1] == "<< ApiVersions#0 error=UNSUPPORTED_VERSION"
    assert transcript.to_processor[-2:] == b"\0\4", "the highest version that can be read"


def test_a_fetch_reply_of_an_unoffered_version_is_still_rewritten(wire: Wire) -> None:
    ask = FetchRequest(max_wait=ZERO, min_bytes=1, isolation_level=1, topics=(), forgotten_topics_data=(), rack_id="")
    node = fetch_response.NodeEndpoint(node_id=2, host="b2", port=9093)
    answer = fetch_response.FetchResponse(throttle_time=ZERO, error_code=NONE, responses=(), node_endpoints=(node,))
    transcript = wire.play(link(), [(">>", wire.request(ask, 1)), ("<<", wire.reply(answer, 1))])
    assert b"proxy.of.b2" in transcript.to_processor


# ---- what cannot be understood


def test_an_unreadable_boundary_request_is_still_a_boundary() -> None:
    kafka = link()
    body = struct.pack(">hhih", 26, 77, 1, -1) + b"whatever"
    frame = struct.pack(">i", len(body)) + body
    (segment,) = kafka.from_processor(frame)
    assert segment.data == frame
    assert segment.message is not None
    assert (segment.message.kind, segment.message.boundary) == ("EndTxn", True)
    assert segment.message.fields == {"client_id": None, "api_version": 77, "partial": True}
    assert kafka.unknown_bytes == len(frame)


def test_a_metadata_request_is_not_read_whatever_it_asks_by() -> None:
    """Librdkafka asks by topic id, in a form that the schema does not have (KIP-848)."""
    kafka = link()
    body = struct.pack(">hhih", 3, 12, 1, -1) + b"whatever"
    frame = struct.pack(">i", len(body)) + body
    (segment,) = kafka.from_processor(frame)
    assert (segment.data, segment.message, kafka.unknown_bytes) == (frame, None, 0)


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abc", b"GET / HTTP/1.1\r\n", b"\xff\xff\xff\xff" + bytes(20)],
    ids=["TLS", "HTTP", "a negative size"],
)
def test_a_stream_that_is_not_kafka_passes_untouched(data: bytes) -> None:
    kafka = link()
    out = kafka.from_processor(data) + kafka.from_processor(b"more")
    assert b"".join(segment.data for segment in out) == data + b"more"
    assert b"".join(segment.data for segment in kafka.from_server(b"an answer")) == b"an answer"
    assert kafka.unknown_bytes == len(data + b"more" + b"an answer")
    assert [segment.message.fields for segment in out if segment.message] == [{"reason": kafka.opaque}], "once"
    assert "no frame of Kafka's" in repr(kafka)


def said(segment: Segment) -> object:
    """The reason of an opaque message."""
    message = segment.message
    return message.fields["reason"] if message is not None and message.kind == "opaque" else None


def test_a_reply_to_no_request_makes_the_link_opaque(wire: Wire) -> None:
    kafka = link()
    kafka.from_processor(wire.request(EndTxnRequest(**ID_AND_EPOCH, committed=True), 1))
    stray = wire.reply(EndTxnResponse(throttle_time=ZERO, error_code=NONE), 99)
    out = kafka.from_server(stray)
    assert b"".join(segment.data for segment in out) == stray
    assert [said(segment) for segment in out] == ["an answer that nothing asked for", None]
    end = wire.request(EndTxnRequest(**ID_AND_EPOCH, committed=True), 2)
    assert [(segment.data, segment.message) for segment in kafka.from_processor(end)] == [(end, None)]


def test_bare_sasl_tokens_pass_untouched_behind_an_old_handshake(wire: Wire) -> None:
    kafka = link()
    token = struct.pack(">i", 11) + b"\0user\0token"
    out = kafka.from_processor(wire.request(SaslHandshakeRequest(mechanism="PLAIN"), 1) + token)
    assert out[-1].data.endswith(token)
    assert [text for segment in out if (text := said(segment))] == [kafka.opaque]
    assert "SaslHandshake 0" in str(kafka.opaque)


def test_what_is_held_at_the_end_is_given_back(wire: Wire) -> None:
    kafka = link()
    frame = wire.request(EndTxnRequest(**ID_AND_EPOCH, committed=True), 1)
    kafka.from_processor(frame[:20])
    (segment,) = kafka.ended(Direction.REQUEST)
    assert (segment.data, segment.message) == (frame[:20], None)
    assert kafka.ended(Direction.REPLY) == []


def _mutated(data: bytes, edits: list[tuple[int, int]]) -> bytes:
    out = bytearray(data)
    for at, value in edits:
        out[at % len(out)] = value
    return bytes(out)


@given(
    name=st.sampled_from(sorted(set(SCRIPTS) - {"addresses", "new_transaction"})),
    step=st.integers(0, 20),
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    extra=st.binary(max_size=30),
)
def test_mutated_frames_are_forwarded_untouched(
    wire: Wire, name: str, step: int, edits: list[tuple[int, int]], extra: bytes
) -> None:
    script = SCRIPTS[name](wire)
    at = step % len(script)
    script[at] = (script[at][0], _mutated(script[at][1], edits) + extra)
    kafka = KafkaLink(lambda host, port: (host, port))
    transcript = wire.play(kafka, script)
    for direction in Direction:
        transcript.take(direction, kafka.ended(direction))
    assert transcript.to_server == b"".join(data for arrow, data in script if arrow == ">>")
    assert transcript.to_processor == b"".join(data for arrow, data in script if arrow == "<<")


@given(
    name=st.sampled_from(sorted(SCRIPTS)),
    step=st.integers(0, 20),
    edits=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
)
def test_mutated_frames_are_no_reason_to_fail(wire: Wire, name: str, step: int, edits: list[tuple[int, int]]) -> None:
    script = SCRIPTS[name](wire)
    at = step % len(script)
    script[at] = (script[at][0], _mutated(script[at][1], edits))
    wire.play(link(), script)


@given(data=st.lists(st.tuples(st.sampled_from([">>", "<<"]), st.binary(min_size=1, max_size=100)), max_size=10))
def test_random_bytes_are_forwarded_untouched(wire: Wire, data: list[Step]) -> None:
    kafka = link()
    transcript = wire.play(kafka, data)
    for direction in Direction:
        transcript.take(direction, kafka.ended(direction))
    assert transcript.to_server == b"".join(part for arrow, part in data if arrow == ">>")
    assert transcript.to_processor == b"".join(part for arrow, part in data if arrow == "<<")
