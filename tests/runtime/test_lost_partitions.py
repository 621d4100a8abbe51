"""Partitions that a member has lost without being asked: what was open is given up, and begun again."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AdminClient
from scene import STRATEGIES, Topics, eventually

from oncewhere.processes import spawn

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_open_when_the_group_throws_a_member_out_is_given_up_and_redelivered(
    topics: Topics, tmp_path: Path, strategy: str
) -> None:
    """The transaction itself would live on for a minute: nothing but the loss ends it."""
    admin = AdminClient({"bootstrap.servers": topics.address})
    settings = {
        "bootstrap.servers": topics.address,
        "transaction.timeout.ms": 60_000,
        **topics.following(strategy, session_ms=1_000),
    }
    program = tmp_path / "suspended.py"
    program.write_text(
        textwrap.dedent(f"""
            from oncewhere import Processor

            def tell(event):
                print(type(event).__name__, getattr(event, "lost", ""), getattr(event, "reason", ""), flush=True)

            app = Processor(
                {settings!r},
                group_id={topics.group!r}, transactional_id="{topics.group}-0",
                commit_interval_ms=50_000, on_event=tell,
            )

            @app.consume({topics.input!r}, bytes)
            def copy(record, tx):
                tx.produce({topics.output!r}, record.value)
                print("handled", record.offset, flush=True)

            app.run()
        """),
    )
    out = tmp_path / "out.txt"
    topics.send(b"v0")
    child = spawn(
        [sys.executable, str(program)], env=dict(os.environ), cwd=tmp_path, stdout=out, stderr=tmp_path / "err.txt"
    )

    def told(word: str) -> list[str]:
        return [line for line in out.read_text().splitlines() if line.startswith(word)]

    def members() -> int:
        return len(admin.describe_consumer_groups([topics.group])[topics.group].result(20).members)

    try:
        eventually(lambda: topics.committed() == 1)
        topics.send(b"v1", b"v2")
        eventually(lambda: len(told("handled")) == 3)  # in the open transaction
        os.kill(child.pid, signal.SIGSTOP)
        eventually(lambda: members() == 0)
        os.kill(child.pid, signal.SIGCONT)
        eventually(lambda: len(told("handled")) == 5)
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait(60) == 0
    finally:
        child.stop(1)
    assert told("Released")[0] == "Released True "
    (aborted,) = told("TransactionAborted")
    assert aborted == "TransactionAborted  the group has given its partitions to others"
    assert told("handled") == [f"handled {offset}" for offset in (0, 1, 2, 1, 2)], "from the committed offset on"
    assert not told("ProducerReplaced"), "an abort was enough"
    assert topics.committed() == 3
    assert [message.value() for message in topics.messages()] == [b"v0", b"v1", b"v2"]
