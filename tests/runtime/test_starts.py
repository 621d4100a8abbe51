"""Where reading starts when the log does not hold the committed offset: deleted too early, or lost by Kafka."""

from __future__ import annotations

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from scene import STRATEGIES, Recorder, Running, Topics, copying, eventually

from oncewhere import ConfigurationError, OncewhereError
from oncewhere.runtime.events import RecordsGone

pytestmark = pytest.mark.servers

SENT = [b"v%d" % number for number in range(6)]
DELETED = 4


def delete_records(topics: Topics, before: int) -> None:
    """What retention does, at once."""
    admin = AdminClient({"bootstrap.servers": topics.address})
    for done in admin.delete_records([TopicPartition(topics.input, 0, before)]).values():
        done.result(20)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_records_deleted_before_they_were_processed_are_passed_and_told(topics: Topics, strategy: str) -> None:
    topics.send(*SENT)
    topics.move_group(1)
    delete_records(topics, DELETED)
    recorder = Recorder()
    running = Running(copying(topics, recorder, STRATEGIES[strategy]))
    eventually(lambda: running.error is not None or topics.committed() == len(SENT))
    assert running.stop() is None
    assert [message.value() for message in topics.messages()] == SENT[DELETED:]
    (gone,) = recorder.of(RecordsGone)
    assert isinstance(gone, RecordsGone)
    assert (gone.offset, gone.resumed) == (1, DELETED)


def test_with_latest_reading_goes_on_behind_what_is_there(topics: Topics) -> None:
    topics.send(*SENT)
    topics.move_group(1)
    delete_records(topics, DELETED)
    recorder = Recorder()
    running = Running(copying(topics, recorder, {"auto.offset.reset": "latest"}))
    eventually(lambda: running.error is not None or recorder.of(RecordsGone))
    topics.send(b"new")
    eventually(lambda: running.error is not None or topics.committed() == len(SENT) + 1)
    assert running.stop() is None
    assert [message.value() for message in topics.messages()] == [b"new"]


def test_with_error_they_end_the_run(topics: Topics) -> None:
    topics.send(*SENT)
    topics.move_group(1)
    delete_records(topics, DELETED)
    error = Running(copying(topics, Recorder(), {"auto.offset.reset": "error"})).wait()
    assert isinstance(error, ConfigurationError)
    assert f"from offset 1 to {DELETED} were deleted" in str(error)
    assert topics.messages() == []


def test_a_log_that_ends_before_the_committed_offset_is_not_begun_anew(topics: Topics) -> None:
    """Every other consumer would, by auto.offset.reset=earliest, and do everything again."""
    topics.send(*SENT)
    topics.move_group(100)
    error = Running(copying(topics, Recorder(), {})).wait()
    assert isinstance(error, OncewhereError)
    assert f"up to offset 100, and its log ends at {len(SENT)}" in str(error)
    assert "--reset-offsets" in (error.hint or "")
    assert topics.messages() == []
    assert topics.committed() == 100
