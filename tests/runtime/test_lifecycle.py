"""How a run ends, and how it gives way: to a signal, to another member, to what Kafka refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from scene import STRATEGIES, Bank, Payment, Recorder, Running, Settled, Topics, apply, eventually

from oncewhere import NoProgressError, OffsetLedger, Postgres, Processor, Record, Skip, Transaction, effect
from oncewhere.effects.place import UndecidedError
from oncewhere.processes import spawn
from oncewhere.runtime import attempts, engine, events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.servers

SETTINGS: list[Any] = [
    pytest.param({}, id="eager"),
    pytest.param({"partition.assignment.strategy": "cooperative-sticky"}, id="cooperative"),
    pytest.param({"group.protocol": "consumer"}, id="kip-848"),
]

SHORT = {"session.timeout.ms": 1500, "heartbeat.interval.ms": 300}


def copying(
    topics: Topics,
    name: str = "copy-0",
    *,
    listener: Recorder | None = None,
    before: Callable[[], object] = bool,
    settings: dict[str, Any] | None = None,
    **more: Any,
) -> Processor:
    app = Processor(
        {"bootstrap.servers": topics.address, **(settings or {})},
        group_id=topics.group,
        transactional_id=f"{topics.group}-{name}",
        on_event=listener,
        **more,
    )

    @app.consume(topics.input, bytes)
    def on_record(record: Record[bytes], tx: Transaction) -> None:
        before()
        tx.produce(topics.output, record.value)

    return app


def values(topics: Topics) -> list[bytes]:
    return [message.value() for message in topics.messages()]


def numbered(*numbers: int) -> list[bytes]:
    return [b"v%d" % number for number in numbers]


def members(topics: Topics) -> int:
    admin = AdminClient({"bootstrap.servers": topics.address})
    return len(admin.describe_consumer_groups([topics.group])[topics.group].result(20).members)


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_clean_stop_leaves_the_group_at_once(topics: Topics, settings: dict[str, Any]) -> None:
    topics.send(*numbered(0))
    running = Running(copying(topics, settings=settings))
    eventually(lambda: topics.committed() == 1)
    assert members(topics) == 1
    assert running.stop() is None
    assert members(topics) == 0, "its partitions would lie still until its session has timed out"


def test_stop_from_another_thread_finishes_what_is_open(topics: Topics) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert go_on.wait(20)

    topics.send(*numbered(0))
    running = Running(copying(topics, before=wait))
    assert begun.wait(20)
    running.app.stop()
    go_on.set()
    assert running.wait() is None
    assert values(topics) == numbered(0)
    assert topics.committed() == 1


def test_a_handler_that_outlives_the_drain_timeout_is_interrupted_and_redelivered(
    topics: Topics, tmp_path: Path
) -> None:
    program = tmp_path / "hanging.py"
    program.write_text(
        textwrap.dedent(f"""
            import time
            from oncewhere import Processor

            app = Processor(
                {{"bootstrap.servers": {topics.address!r}}},
                group_id={topics.group!r}, transactional_id="{topics.group}-copy-0", drain_timeout_s=0.5,
            )

            @app.consume({topics.input!r}, bytes)
            def copy(record, tx):
                tx.produce({topics.output!r}, record.value)
                print("begun", flush=True)
                time.sleep(600)

            app.run()
        """),
    )
    topics.send(*numbered(0))
    out = tmp_path / "out.txt"
    child = spawn(
        [sys.executable, str(program)], env=dict(os.environ), cwd=tmp_path, stdout=out, stderr=tmp_path / "err.txt"
    )
    try:
        eventually(lambda: out.exists() and "begun" in out.read_text())
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait(60) == 0
    finally:
        child.stop(1)
    assert "still running" in (tmp_path / "err.txt").read_text()
    assert values(topics) == []
    assert topics.committed() < 0
    successor = Running(copying(topics))
    eventually(lambda: topics.committed() == 1)
    assert successor.stop() is None
    assert values(topics) == numbered(0)


def test_a_second_sigterm_gives_the_handler_no_more_time(tmp_path: Path) -> None:
    program = tmp_path / "hanging.py"
    program.write_text(
        textwrap.dedent("""
            import os, signal, threading, time
            from oncewhere.runtime.lifecycle import Lifecycle

            life = Lifecycle(drain_timeout_s=1.0)
            with life.running():
                begun = time.monotonic()
                os.kill(os.getpid(), signal.SIGTERM)
                threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGTERM)).start()
                time.sleep(600)
            print(time.monotonic() - begun)
        """),
    )
    ended = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True, timeout=60)
    assert "still running" in ended.stderr
    assert 0.9 < float(ended.stdout) < 1.6, "1.7 s where the second signal sets the timer anew"


@pytest.mark.parametrize("settings", SETTINGS)
def test_what_is_open_is_committed_before_partitions_are_given_away(
    two_partitions: Topics, settings: dict[str, Any]
) -> None:
    topics = two_partitions
    seen = Recorder()
    # Only a rebalance ends these transactions: their interval is longer than the test.
    first = Running(copying(topics, listener=seen, settings=settings, commit_interval_ms=50_000))
    eventually(lambda: seen.of(events.Assigned))
    topics.send(*numbered(0), partition=0)
    eventually(lambda: topics.committed(0) == 1)
    topics.send(*numbered(1, 2), partition=0)
    topics.send(*numbered(3, 4), partition=1)
    time.sleep(0.3)  # the open transaction holds these now; were it later, the second instance would get them
    second = Running(copying(topics, "copy-1", settings=settings, commit_interval_ms=0))
    eventually(lambda: seen.of(events.Released))
    kinds = [type(event) for event in seen.of(events.TransactionCommitted, events.Released, events.TransactionAborted)]
    assert kinds[:3] == [events.TransactionCommitted, events.TransactionCommitted, events.Released]
    assert not seen.of(events.Released)[0].lost  # type: ignore[attr-defined]
    topics.send(*numbered(5), partition=0)
    topics.send(*numbered(6), partition=1)
    assert first.stop() is None
    eventually(lambda: topics.committed(0) == 4 and topics.committed(1) == 3)
    assert second.stop() is None
    assert sorted(values(topics)) == numbered(*range(7))


def test_an_output_that_the_broker_refuses_aborts_and_rewinds(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MAX_ATTEMPTS", 3)
    admin = AdminClient({"bootstrap.servers": topics.address})
    limit = ConfigEntry("max.message.bytes", "1000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topics.output, incremental_configs=[limit])
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(20)
    seen = Recorder()
    topics.send(b"small", b"x" * 10_000)
    error = Running(copying(topics, listener=seen)).wait()
    assert isinstance(error, NoProgressError)
    assert "MSG_SIZE_TOO_LARGE" in str(error)
    rewinds: Any = seen.of(events.Rewound)
    assert len(rewinds) == 3
    committed = max(0, topics.committed())
    assert all(list(rewound.starts.values()) == [committed] for rewound in rewinds)
    assert values(topics) == [b"small"][:committed]


def test_a_slow_handler_with_a_long_backlog_stays_in_its_group(topics: Topics) -> None:
    settings = {**SHORT, "max.poll.interval.ms": 3000, "transaction.timeout.ms": 2900}
    seen = Recorder()
    topics.send(*numbered(*range(100)))  # 5 s of work, and one call of `consume` could bring it all
    running = Running(copying(topics, listener=seen, before=lambda: time.sleep(0.05), settings=settings))
    eventually(lambda: running.error is not None or topics.committed() == 100)
    assert running.stop() is None
    assert not seen.of(events.TransactionAborted)
    assert values(topics) == numbered(*range(100))


def test_a_handler_that_is_slower_than_the_poll_interval_is_thrown_out_and_loses_nothing(topics: Topics) -> None:
    settings = {**SHORT, "max.poll.interval.ms": 1500, "transaction.timeout.ms": 1400}
    seen, naps = Recorder(), iter([3.0])
    topics.send(*numbered(0, 1))
    running = Running(copying(topics, listener=seen, before=lambda: time.sleep(next(naps, 0)), settings=settings))
    eventually(lambda: running.error is not None or topics.committed() == 2)
    error = running.stop()
    if error is not None:  # the coordinator may have ended the transaction first, which looks like a fence
        assert "transaction was open for longer than transaction.timeout.ms=1400" in str(getattr(error, "hint", ""))
        again = Running(copying(topics))
        eventually(lambda: topics.committed() == 2)
        assert again.stop() is None
    assert values(topics) == numbered(0, 1)


def test_the_group_can_be_read_from_where_it_was_left(topics: Topics) -> None:
    """Offsets are those of the group, for any tool: nothing is kept elsewhere."""
    topics.send(*numbered(0, 1, 2))
    running = Running(copying(topics))
    eventually(lambda: topics.committed() == 3)
    assert running.stop() is None
    topics.move_group(1)
    again = Running(copying(topics))
    eventually(lambda: topics.committed() == 3)
    assert again.stop() is None
    assert values(topics) == numbered(0, 1, 2, 1, 2)


class Positions(Recorder):
    """Compares each rewind with the committed offsets of that moment."""

    def __init__(self, topics: Topics) -> None:
        super().__init__()
        self._topics = topics
        self.wrong: list[object] = []

    def __call__(self, event: events.Event) -> None:
        super().__call__(event)
        if isinstance(event, events.Rewound):
            for partition, start in event.starts.items():
                if start != (committed := max(0, self._topics.committed(partition.number))):
                    self.wrong.append((partition, start, committed))


def settling(topics: Topics, bank: Bank, within: Callable[[Payment], object], listener: Recorder) -> Processor:
    """With an effect; `within` runs in the middle of it."""
    app = Processor(
        {"bootstrap.servers": topics.address},
        group_id=topics.group,
        transactional_id=topics.group,
        on_event=listener,
    )

    @effect(Postgres(bank.dsn, name="bank", policy=OffsetLedger()))
    def settle(db: psycopg.Connection[Any], payment: Payment) -> Settled:
        settled = apply(db, payment)
        within(payment)
        return settled

    @app.consume(topics.input, Payment, on_error=Skip(max_attempts=3))
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        tx.produce(topics.output, tx.run(settle, record.value))

    return app


def payments(*numbers: int) -> list[Payment]:
    return [Payment(f"e{number}", f"account-{number % 3}", 1) for number in numbers]


@pytest.mark.parametrize("hangs", [False, True], ids=["it ends in time", "it hangs in the database"])
def test_sigterm_in_the_middle_of_an_effect(topics: Topics, bank: Bank, tmp_path: Path, hangs: bool) -> None:
    program = tmp_path / "settling.py"
    program.write_text(
        textwrap.dedent(f"""
            from oncewhere import OffsetLedger, Postgres, Processor, effect

            app = Processor(
                {{"bootstrap.servers": {topics.address!r}}},
                group_id={topics.group!r}, transactional_id="{topics.group}-settle-0",
                drain_timeout_s={0.5 if hangs else 20.0},
            )

            @effect(Postgres({bank.dsn!r}, name="bank", policy=OffsetLedger()))
            def settle(db, raw: bytes) -> int:
                db.execute("insert into balance values (%s, 1, 1)", [raw.decode()])
                print("begun", flush=True)
                db.execute("select pg_sleep({600 if hangs else 1})")
                return 1

            @app.consume({topics.input!r}, bytes)
            def on_payment(record, tx):
                tx.produce({topics.output!r}, record.value + b"%d" % tx.run(settle, record.value))

            app.run()
        """),
    )
    topics.send(b"v")
    out = tmp_path / "out.txt"
    child = spawn(
        [sys.executable, str(program)], env=dict(os.environ), cwd=tmp_path, stdout=out, stderr=tmp_path / "err.txt"
    )
    try:
        eventually(lambda: out.exists() and "begun" in out.read_text())
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait(60) == 0
    finally:
        child.stop(1)
    assert members(topics) == 0
    done = 0 if hangs else 1
    assert len(values(topics)) == done
    assert max(0, topics.committed()) == done
    assert len(bank.balances()) == done


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_cannot_be_finished_before_partitions_go_is_aborted_and_redelivered(
    two_partitions: Topics, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    topics = two_partitions
    settings = topics.following(strategy, session_ms=20_000)

    def refuse(self: engine.Engine, limit_s: float) -> None:
        raise UndecidedError(f"not within {limit_s} s")

    monkeypatch.setattr(engine.Engine, "_finish", refuse)
    handled: list[None] = []
    seen = Positions(topics)
    long: dict[str, Any] = {
        "before": lambda: handled.append(None),
        "commit_interval_ms": 50_000,
        "settings": settings,
    }
    first = Running(copying(topics, listener=seen, **long))
    topics.send(*numbered(0), partition=0)
    eventually(lambda: topics.committed(0) == 1)
    topics.send(*numbered(1, 2), partition=0)
    topics.send(*numbered(3, 4), partition=1)
    eventually(lambda: len(handled) == 5)  # in the open transaction
    second = Running(copying(topics, "copy-1", settings=settings))
    eventually(lambda: seen.of(events.Released) and (seen.of(events.Rewound) or first.error))
    assert "not within" in seen.of(events.TransactionAborted)[0].reason  # type: ignore[attr-defined]
    assert first.stop() is None
    eventually(lambda: second.error or (topics.committed(0), topics.committed(1)) == (3, 2))
    assert second.stop() is None
    assert sorted(values(topics)) == numbered(*range(5))
    assert seen.wrong == []


def test_a_failing_effect_rewinds_to_the_committed_offset(topics: Topics, bank: Bank) -> None:
    calls: list[str] = []

    def fail_twice(payment: Payment) -> None:
        calls.append(payment.event_id)
        if payment.event_id == "e7" and calls.count("e7") < 3:
            raise ZeroDivisionError

    seen = Positions(topics)
    running = Running(settling(topics, bank, fail_twice, seen))
    topics.send(*payments(0, 1, 2))
    eventually(lambda: topics.committed() == 3)
    topics.send(*payments(*range(3, 10)))
    eventually(lambda: running.error is not None or topics.committed() == 10)
    assert running.stop() is None
    assert len(seen.of(events.Rewound)) == 2
    assert seen.wrong == []
    assert sorted(out.event_id for out in topics.outputs()) == [f"e{number}" for number in range(10)]
    assert sum(settled for _, settled in bank.balances().values()) == 10


def test_an_output_topic_that_is_deleted_and_made_again_loses_nothing(topics: Topics) -> None:
    seen = Positions(topics)
    settings = {"message.timeout.ms": 2000}  # by default it is transaction.timeout.ms, a minute
    running = Running(copying(topics, listener=seen, settings=settings))
    topics.send(*numbered(0))
    eventually(lambda: topics.committed() == 1)
    topics._admin.delete_topics([topics.output])[topics.output].result(20)
    topics.send(*numbered(1, 2))
    eventually(lambda: seen.of(events.Rewound) or running.error)
    topics._admin.create_topics([NewTopic(topics.output, 1, 1)])[topics.output].result(20)
    eventually(lambda: running.error is not None or topics.committed() == 3)
    assert running.stop() is None
    assert values(topics) == numbered(1, 2)
    assert seen.wrong == []


def test_a_handler_may_stop_the_run_that_it_is_called_from(topics: Topics) -> None:
    topics.send(*numbered(0, 1))
    app = copying(topics, before=lambda: app.stop(), max_batch_records=1)  # noqa: PLW0108 - app is not made yet
    assert Running(app).wait() is None
    assert topics.committed() == 1
    assert Running(app).wait() is None, "and it can be run again, from where it stands"
    assert values(topics) == numbered(0, 1)
