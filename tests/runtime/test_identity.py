"""An identity stays, or it is refused with the reason; a random one is taken only by name."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
import threading
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from scene import Bank, Payment, Running, Settled, Topics, apply, eventually

from oncewhere import (
    ConfigurationError,
    OffsetLedger,
    Postgres,
    Processor,
    RandomIdentity,
    Record,
    StableOrdinal,
    Transaction,
    effect,
)
from oncewhere.processes import Child, spawn
from oncewhere.runtime.identity import resolve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from oncewhere.runtime.settings import Settings


@pytest.mark.parametrize(
    ("value", "expected"),
    [("settlement-3", "pay-3"), ("7", "pay-7"), ("worker@12", "pay-12"), ("settlement-007", "pay-7")],
)
def test_an_ordinal_comes_from_what_the_platform_gives(value: str, expected: str) -> None:
    assert resolve(StableOrdinal("pay", variable="POD"), group_id="g", environment={"POD": value}) == expected


def test_two_instances_have_two_names() -> None:
    names = {
        resolve(StableOrdinal("pay"), group_id="g", environment={"ONCEWHERE_INSTANCE": str(ordinal)})
        for ordinal in range(10)
    }
    assert len(names) == 10


@pytest.mark.parametrize(
    "value", ["", "settlement", "settlement-7f9c6d5b8-x2x4z", "settlement-7f9c6d5b8-24678", "3-settlement"]
)
def test_what_ends_in_no_ordinal_is_refused_with_what_to_do(value: str) -> None:
    with pytest.raises(ConfigurationError, match="POD") as refused:
        resolve(StableOrdinal("pay", variable="POD"), group_id="g", environment={"POD": value})
    assert refused.value.hint


@pytest.mark.parametrize(
    ("name", "what"),
    [
        (str(uuid.UUID(int=0x1234_5678_9ABC_4DEF_8123_4567_89AB_CDEF)), "a random UUID"),
        ("pay-" + uuid.UUID(int=0x1234_5678_9ABC_4DEF_8123_4567_89AB_CDEF).hex, "a random UUID"),
        ("settlement-7f9c6d5b8-x2x4z", "a Deployment's pod name"),
    ],
)
def test_a_name_that_changes_at_each_start_is_refused_with_the_reason(name: str, what: str) -> None:
    with pytest.raises(ConfigurationError, match=what) as refused:
        Processor({"bootstrap.servers": "127.0.0.1:1"}, group_id="g", transactional_id=name)
    assert "readers would stand still" in str(refused.value)
    assert "StableOrdinal" in (refused.value.hint or "")


@pytest.mark.parametrize("name", ["settlement-0", "eu-west-1-settlement", "payments-fraud-check", "a"])
def test_a_name_of_ones_own_is_taken_as_it_is(name: str) -> None:
    assert resolve(name, group_id="g") == name


def test_a_random_one_is_taken_only_by_name_and_with_a_reason() -> None:
    names = {resolve(RandomIdentity("a throw-away test cluster"), group_id="g") for _ in range(2)}
    assert len(names) == 2
    assert all(name.startswith("g-") for name in names)
    with pytest.raises(ConfigurationError, match="needs a reason"):
        resolve(RandomIdentity(" "), group_id="g")


def test_a_place_in_the_group_is_kept_only_for_a_name_that_comes_back() -> None:
    def members(identity: str | RandomIdentity) -> object:
        app = Processor({"bootstrap.servers": "127.0.0.1:1"}, group_id="g", transactional_id=identity)
        return app.settings.consumer.get("group.instance.id")

    assert members("settlement-0") == "settlement-0"
    assert members(RandomIdentity("a throw-away test cluster")) is None


def test_the_environment_is_read_where_no_other_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCEWHERE_INSTANCE", "4")
    app = Processor({"bootstrap.servers": "127.0.0.1:1"}, group_id="g", transactional_id=StableOrdinal("settlement"))
    assert app.declaration().transactional_id == "settlement-4"


def settling(topics: Topics, bank: Bank, ordinal: int, settings: Settings, within: Callable[[], object]) -> Processor:
    app = Processor(
        {"bootstrap.servers": topics.address, **settings},
        group_id=topics.group,
        transactional_id=StableOrdinal(topics.group, variable=f"POD_{ordinal}"),
    )

    @effect(Postgres(bank.dsn, name="bank", policy=OffsetLedger()))
    def settle(db: psycopg.Connection[Any], payment: Payment) -> Settled:
        settled = apply(db, payment)
        within()
        return settled

    @app.consume(topics.input, Payment)
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        tx.produce(topics.output, tx.run(settle, record.value))

    return app


@pytest.mark.servers
@pytest.mark.parametrize("settings", [{}, {"group.protocol": "consumer"}], ids=["eager", "kip-848"])
def test_a_second_ordinal_that_joins_in_the_middle_of_an_effect_doubles_nothing_and_fences_nobody(
    two_partitions: Topics, bank: Bank, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics = two_partitions
    monkeypatch.setenv("POD_0", "settlement-0")
    monkeypatch.setenv("POD_1", "settlement-1")
    admin = AdminClient({"bootstrap.servers": topics.address})
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert go_on.wait(30)

    def members() -> int:
        return len(admin.describe_consumer_groups([topics.group])[topics.group].result(20).members)

    payments = [Payment(f"e{number}", f"account-{number % 3}", 1) for number in range(10)]
    topics.send(*payments[:3], partition=0)
    topics.send(*payments[3:6], partition=1)
    first = Running(settling(topics, bank, 0, settings, wait))
    assert begun.wait(30)
    second = Running(settling(topics, bank, 1, settings, bool))
    eventually(lambda: members() == 2)
    go_on.set()
    topics.send(*payments[6:8], partition=0)
    topics.send(*payments[8:], partition=1)
    eventually(lambda: first.error or second.error or (topics.committed(0), topics.committed(1)) == (5, 5))
    assert first.stop() is None
    assert second.stop() is None
    assert sorted(out.event_id for out in topics.outputs()) == [payment.event_id for payment in payments]
    assert sum(settled for _, settled in bank.balances().values()) == 10


@pytest.mark.servers
def test_a_restart_with_the_same_ordinal_ends_what_a_crash_left_open(topics: Topics, tmp_path: Path) -> None:
    program = tmp_path / "open.py"
    program.write_text(
        textwrap.dedent(f"""
            import sys
            from oncewhere import Processor, StableOrdinal

            app = Processor(
                {{"bootstrap.servers": {topics.address!r}, "transaction.timeout.ms": 200_000}},
                group_id={topics.group!r}, transactional_id=StableOrdinal({topics.group!r}),
                commit_interval_ms=int(sys.argv[1]),
            )

            @app.consume({topics.input!r}, bytes)
            def copy(record, tx):
                tx.produce({topics.output!r}, record.value)

            app.run()
        """),
    )

    def start(life: int, interval_ms: int) -> Child:
        out = tmp_path / f"{life}.txt"
        environment = {**os.environ, "ONCEWHERE_INSTANCE": "0"}
        argv = [sys.executable, str(program), str(interval_ms)]
        return spawn(argv, env=environment, cwd=tmp_path, stdout=out, stderr=tmp_path / "err.txt")

    child = start(1, 100_000)
    try:
        topics.send(b"v0")
        eventually(lambda: topics.committed() == 1)
        topics.send(b"v1")  # stays in the transaction that is open
        everything = {"bootstrap.servers": topics.address, "group.id": "none", "isolation.level": "read_uncommitted"}
        with closing(Consumer(everything)) as consumer:
            place = TopicPartition(topics.output, 0)
            eventually(lambda: consumer.get_watermark_offsets(place, timeout=20)[1] == 3)  # v0, its commit, v1
        assert topics.committed() == 1
    finally:
        assert child.kill_group() == -signal.SIGKILL
    child = start(2, 0)
    try:  # the transaction would stay open, and in the reader's way, for longer than is waited for
        eventually(lambda: topics.committed() == 2)
        assert [message.value() for message in topics.messages()] == [b"v0", b"v1"]
    finally:
        child.stop(10)
