"""A broker that becomes the leader between two requests refuses the first and takes the second: no output is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scene import Recorder, Running, Topics, eventually
from wire_thread import NewLeader

from oncewhere import Processor, Record, Transaction
from oncewhere.runtime import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.servers

SENT = [b"v0", b"v1", b"v2"]


def outputs(topics: Topics, leader: NewLeader) -> list[bytes]:
    """What a committed transaction of three outputs left behind."""
    app = Processor(  # each output in a request of its own
        {"bootstrap.servers": leader.bootstrap, "batch.num.messages": 1},
        group_id=topics.group,
        transactional_id=f"{topics.group}-0",
        on_event=Recorder(),
    )

    @app.consume(topics.input, bytes)
    def on_record(record: Record[bytes], tx: Transaction) -> None:
        for value in SENT:
            tx.produce(topics.output, value, key=record.key)

    running = Running(app)
    try:
        eventually(lambda: running.error is not None or topics.committed() == 1)
    finally:
        assert running.stop() is None
    return [message.value() for message in topics.messages()]


def test_outputs_that_a_new_leader_refused_are_sent_again(topics: Topics) -> None:
    topics.send(b"one")
    with NewLeader(topics.address).open() as leader:
        assert outputs(topics, leader) == SENT
    assert leader.refused
    assert not leader.overtaken


def test_the_control_with_more_than_one_request_in_flight_loses_one_in_a_committed_transaction(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "max.in.flight.requests.per.connection"
    others: Mapping[str, settings.Fixed] = {k: v for k, v in settings.FIXED_FOR_PRODUCER.items() if k != name}
    monkeypatch.setattr(settings, "FIXED_FOR_PRODUCER", others)
    topics.send(b"one")
    with NewLeader(topics.address).open() as leader:
        assert outputs(topics, leader) == SENT[1:], "librdkafka reports each of them as delivered"
    assert leader.refused
    assert leader.overtaken
