"""A Produce that its broker refuses because it does not lead the partitions: the answer is a broker's, and in order."""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from kio.schema.metadata.v12.request import MetadataRequest
from kio.schema.metadata.v12.response import MetadataResponse
from kio.static.primitive import i32Timedelta

from oncewhere.wire import Direction, Refusing, Segment
from oncewhere.wire.kafka import KafkaLink

if TYPE_CHECKING:
    from conftest import Wire

ZERO = i32Timedelta.parse(dt.timedelta(0))
MINUTE = i32Timedelta.parse(dt.timedelta(minutes=1))
VERSIONS = range(3, 14)
TOPIC_ID = UUID(int=0xABC)
ASKED = MetadataRequest(topics=None, include_topic_authorized_operations=False)
TOLD = MetadataResponse(throttle_time=ZERO, brokers=(), cluster_id="c", topics=())


def link() -> KafkaLink:
    return KafkaLink(lambda host, port: (host, port))


def produce(wire: Wire, version: int, *, acks: int = -1) -> Any:
    """Into two partitions of one topic."""
    schema = importlib.import_module(f"kio.schema.produce.v{version}.request")
    partitions = tuple(schema.PartitionProduceData(index=index, records=wire.batch(1)) for index in (0, 3))
    named = {field.name for field in dataclasses.fields(schema.TopicProduceData)}
    topic = {"name": "settled"} if "name" in named else {"topic_id": TOPIC_ID}
    data = schema.TopicProduceData(**topic, partition_data=partitions)
    return schema.ProduceRequest(transactional_id="settlement-0", acks=acks, timeout=MINUTE, topic_data=(data,))


def produced(version: int) -> Any:
    schema = importlib.import_module(f"kio.schema.produce.v{version}.response")
    return schema.ProduceResponse(responses=(), throttle_time=ZERO)


def told(segments: list[Segment]) -> list[tuple[int, str]]:
    return [(s.message.sequence, str(s.message.fields.get("error", ""))) for s in segments if s.message]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_of_produce_is_refused_in_its_own_words(wire: Wire, version: int) -> None:
    under_test = link()
    assert isinstance(under_test, Refusing)
    (request,) = under_test.from_processor(wire.request(produce(wire, version), 7))
    under_test.refuse(request)
    (answer,) = under_test.overdue()
    assert answer.message is not None
    assert answer.message.direction is Direction.REPLY
    assert answer.message.fields["error"] == "NOT_LEADER_OR_FOLLOWER"
    partitions: Any = answer.message.fields["partitions"]
    assert [(entry["partition"], entry["base_offset"]) for entry in partitions] == [(0, -1), (3, -1)]
    assert int.from_bytes(answer.data[:4], "big") == len(answer.data) - 4
    assert int.from_bytes(answer.data[4:8], "big") == 7
    assert under_test.unknown_bytes == 0


def test_a_refusal_comes_in_front_of_the_next_reply_and_behind_the_earlier_ones(wire: Wire) -> None:
    under_test = link()
    under_test.from_processor(wire.request(ASKED, 1))
    (refused,) = under_test.from_processor(wire.request(produce(wire, 10), 2))
    under_test.from_processor(wire.request(produce(wire, 10), 3))
    under_test.refuse(refused)
    assert told(under_test.from_server(wire.reply(TOLD, 1))) == []
    assert told(under_test.from_server(wire.reply(produced(10), 3))) == [(1, "NOT_LEADER_OR_FOLLOWER"), (2, "NONE")]
    assert under_test.overdue() == []


def test_a_refusal_that_nothing_follows_waits_for_the_earlier_replies_only(wire: Wire) -> None:
    under_test = link()
    under_test.from_processor(wire.request(ASKED, 1))
    (refused,) = under_test.from_processor(wire.request(produce(wire, 10), 2))
    under_test.refuse(refused)
    assert under_test.overdue() == []
    metadata, refusal = wire.reply(TOLD, 1), under_test.from_server(wire.reply(TOLD, 1))
    assert b"".join(segment.data for segment in refusal).startswith(metadata)
    assert told(refusal) == [(1, "NOT_LEADER_OR_FOLLOWER")]


def test_a_second_refusal_waits_for_its_company_as_the_first_did(wire: Wire) -> None:
    under_test = link()
    for number in (1, 2):
        (refused,) = under_test.from_processor(wire.request(produce(wire, 10), number))
        under_test.refuse(refused)
        if number == 1:
            assert told(under_test.overdue()) == [(0, "NOT_LEADER_OR_FOLLOWER")]
    under_test.from_processor(wire.request(produce(wire, 10), 3))
    expected = [(1, "NOT_LEADER_OR_FOLLOWER"), (2, "NONE")]
    assert told(under_test.from_server(wire.reply(produced(10), 3))) == expected


def test_the_bytes_of_the_next_reply_may_come_one_by_one(wire: Wire) -> None:
    under_test = link()
    (refused,) = under_test.from_processor(wire.request(produce(wire, 10), 1))
    under_test.from_processor(wire.request(produce(wire, 10), 2))
    under_test.refuse(refused)
    reply = wire.reply(produced(10), 2)
    out = [segment for byte in reply for segment in under_test.from_server(bytes((byte,)))]
    assert told(out) == [(0, "NOT_LEADER_OR_FOLLOWER"), (1, "NONE")]
    assert b"".join(segment.data for segment in out).endswith(reply)


def test_only_a_produce_that_is_answered_can_be_refused(wire: Wire) -> None:
    under_test = link()
    (unanswered,) = under_test.from_processor(wire.request(produce(wire, 10, acks=0), 1))
    for segment in (unanswered, Segment(b"bytes")):
        with pytest.raises(ValueError, match="only a Produce"):
            under_test.refuse(segment)
