"""A consumer that goes back by itself after a change of leader: no record is handled twice, and none is passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scene import STRATEGIES, Recorder, Running, Topics, copying, eventually
from wire_thread import StepBack

from oncewhere.stack import KafkaServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.servers

BACK = 7
LEADER_S = 60.0
BEFORE = [b"v%d" % number for number in range(20)]
AFTER = [b"w%d" % number for number in range(3)]


@pytest.fixture
def own(tmp_path: Path, cache: Path) -> Iterator[KafkaServer]:
    """A broker that a test may restart: its partitions' leader epochs grow by that."""
    server = KafkaServer(tmp_path / "kafka", cache)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_records_that_a_consumer_takes_again_after_a_false_truncation_are_not_done_again(
    own: KafkaServer, strategy: str
) -> None:
    topics = Topics(own.bootstrap_servers)
    with StepBack(own.bootstrap_servers, BACK).open() as wire:
        settings = {"bootstrap.servers": wire.bootstrap, "reconnect.backoff.max.ms": 500, **STRATEGIES[strategy]}
        running = Running(copying(topics, Recorder(), settings))
        try:
            topics.send(*BEFORE)
            eventually(lambda: topics.committed() == len(BEFORE))
            own.shut_down()
            own.start()
            eventually(lambda: wire.told, LEADER_S)
            topics.send(*AFTER)
            eventually(lambda: running.error is not None or topics.committed() == len(BEFORE + AFTER))
        finally:
            assert running.stop() is None
    assert [message.value() for message in topics.messages()] == BEFORE + AFTER
