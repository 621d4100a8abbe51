"""Kafka's side: aborts rewind, unknown outcomes replace the producer, fencing ends the loser, groups share the work."""

from __future__ import annotations

import os
import signal
import sys
import textwrap
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import confluent_kafka
import pytest
from confluent_kafka import KafkaError, KafkaException
from scene import Payment, Recorder, Running, Topics, eventually

from oncewhere import (
    ConfigurationError,
    DeserializationError,
    FencedError,
    HandlerError,
    NoProgressError,
    Processor,
    Record,
    Skip,
    Transaction,
    UnreachableError,
)
from oncewhere.processes import spawn
from oncewhere.runtime import attempts, events
from oncewhere.runtime.health import Health
from oncewhere.runtime.kafka import reader, writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from oncewhere.runtime.rejection import OnError

pytestmark = pytest.mark.servers

PAYMENTS = [Payment(f"e{n}", f"account-{n % 3}", n + 1) for n in range(10)]


def copying(
    topics: Topics,
    *,
    listener: Recorder | None = None,
    before: Callable[[Record[bytes], Transaction], None] = lambda record, tx: None,
    transactional_id: str = "copy-0",
    settings: dict[str, Any] | None = None,
    on_error: OnError | None = None,
    **limits: int,
) -> Processor:
    """Kafka only: the value's bytes go from input to output."""
    app = Processor(
        {"bootstrap.servers": topics.address, **(settings or {})},
        group_id=topics.group,
        transactional_id=f"{topics.group}-{transactional_id}",
        on_event=listener,
        **limits,
    )

    @app.consume(topics.input, bytes, on_error=on_error)
    def on_record(record: Record[bytes], tx: Transaction) -> None:
        before(record, tx)
        tx.produce(topics.output, record.value, key=record.key, headers=record.headers)

    return app


def run_until(app: Processor, condition: Callable[[], Any]) -> None:
    running = Running(app)
    try:
        eventually(lambda: running.error is not None or condition())
    finally:
        assert running.stop() is None


def values(topics: Topics) -> list[bytes]:
    return [message.value() for message in topics.messages()]


def sent(*numbers: int) -> list[bytes]:
    return [f"v{n}".encode() for n in numbers]


class Meddler:
    """Stands in front of real producers, and answers some calls otherwise than Kafka did."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: Callable[[Callable[..., Any]], Any]) -> None:
        self.made = 0
        meddler = self

        class Producer:
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                meddler.made += 1
                self._real = confluent_kafka.Producer(*args, **kwargs)

            def __len__(self) -> int:
                return len(self._real)

            def __getattr__(self, name: str) -> Any:
                real = getattr(self._real, name)
                if name not in answers:
                    return real
                return lambda *args, **kwargs: answers[name](lambda: real(*args, **kwargs))

        monkeypatch.setattr(writer, "Producer", Producer)


def failing_once(code: int, *, first: bool, **flags: bool) -> Callable[[Callable[..., Any]], Any]:
    """An answer that is an error the first time; `first`: the call is made nevertheless, only its answer is lost."""
    failures = iter([True])

    def answer(call: Callable[..., Any]) -> Any:
        if next(failures, False):
            if first:
                call()
            raise KafkaException(KafkaError(code, "meddled with", **flags))
        return call()

    return answer


def test_outputs_and_offsets_appear_together(topics: Topics) -> None:
    topics.send(*sent(*range(10)))
    run_until(copying(topics), lambda: topics.committed() == 10)
    assert values(topics) == sent(*range(10))


def abortable_once() -> Callable[[Callable[..., Any]], Any]:
    return failing_once(KafkaError.ILLEGAL_GENERATION, first=False, txn_requires_abort=True)


@pytest.mark.parametrize("by", ["handler error", "abortable error"])
def test_abort_rewinds_to_the_committed_offset(topics: Topics, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    topics.send(*sent(0, 1))
    run_until(copying(topics), lambda: topics.committed() == 2)
    attempts: Counter[int] = Counter()
    if by == "abortable error":
        Meddler(monkeypatch, send_offsets_to_transaction=abortable_once())

    def spoil(record: Record[bytes], tx: Transaction) -> None:
        attempts[record.offset] += 1
        if by == "handler error" and record.offset == 7 and attempts[7] == 1:
            tx.produce(topics.output, b"half done")  # in the open transaction: only an abort takes it back
            raise ZeroDivisionError

    topics.send(*sent(*range(2, 10)))
    seen = Recorder()
    app = copying(topics, listener=seen, before=spoil, on_error=Skip(max_attempts=2))
    run_until(app, lambda: topics.committed() > 9)
    assert values(topics) == sent(*range(10))
    assert max(attempts.values()) == 2
    (rewound,) = seen.of(events.Rewound)
    (start,) = rewound.starts.values()  # type: ignore[attr-defined]
    assert 2 <= start <= 7
    assert start == min(offset for offset, times in attempts.items() if times == 2)
    assert not seen.of(events.ProducerReplaced), "an abort keeps the producer"
    assert not seen.of(events.RecordRejected)


def test_a_batch_that_never_commits_ends_the_run_after_a_limit(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MAX_ATTEMPTS", 3)

    def answer(call: Callable[..., Any]) -> Any:
        raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION, "meddled with", txn_requires_abort=True))

    Meddler(monkeypatch, send_offsets_to_transaction=answer)
    topics.send(*sent(0))
    error = Running(copying(topics)).wait()
    assert isinstance(error, NoProgressError)
    assert "ILLEGAL_GENERATION" in str(error)
    assert values(topics) == []


@pytest.mark.parametrize("committed", [True, False])
def test_an_unconfirmed_commit_replaces_the_producer_and_follows_the_committed_offsets(
    topics: Topics,
    monkeypatch: pytest.MonkeyPatch,
    committed: bool,
) -> None:
    meddler = Meddler(
        monkeypatch,
        commit_transaction=failing_once(KafkaError._TIMED_OUT, first=committed, retriable=True),
    )
    topics.send(*sent(*range(10)))
    seen = Recorder()
    run_until(copying(topics, listener=seen), lambda: topics.committed() >= 10 and seen.of(events.Rewound))
    assert values(topics) == sent(*range(10))
    assert meddler.made == 2
    assert [e.unconfirmed for e in seen.of(events.TransactionAborted)] == [True]  # type: ignore[attr-defined]
    [[start]] = [list(e.starts.values()) for e in seen.of(events.Rewound)]  # type: ignore[attr-defined]
    assert (start > 0) is committed  # on a busy machine the first batch may not have all ten


def test_a_fatal_producer_error_replaces_the_producer(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = failing_once(KafkaError.INVALID_TXN_STATE, first=False, fatal=True)
    meddler = Meddler(monkeypatch, send_offsets_to_transaction=answer)
    topics.send(*sent(*range(10)))
    run_until(copying(topics), lambda: topics.committed() == 10)
    assert values(topics) == sent(*range(10))
    assert meddler.made == 2


def test_producers_are_not_replaced_for_ever(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(call: Callable[..., Any]) -> Any:
        raise KafkaException(KafkaError(KafkaError.INVALID_TXN_STATE, "meddled with", fatal=True))

    meddler = Meddler(monkeypatch, send_offsets_to_transaction=answer)
    topics.send(*sent(0))
    error = Running(copying(topics)).wait()
    assert isinstance(error, NoProgressError)
    assert meddler.made == 1 + writer.MAX_REPLACEMENTS
    assert values(topics) == []


def test_the_loop_beats_while_no_producer_is_to_be_had(topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    beats: list[None] = []
    before: list[int] = []  # how many beats there were at each call

    def away_for_a_while(call: Callable[..., Any]) -> Any:
        before.append(len(beats))
        if 1 < len(before) < 5:  # the first one is that of the start
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "meddled with", retriable=True))
        return call()

    fatal = failing_once(KafkaError.INVALID_TXN_STATE, first=False, fatal=True)
    Meddler(monkeypatch, send_offsets_to_transaction=fatal, init_transactions=away_for_a_while)
    monkeypatch.setattr(Health, "beat", lambda self: beats.append(None))
    topics.send(*sent(0))
    app = copying(topics)
    monkeypatch.setattr(app, "run", partial(app.run, health=Health(0)))
    run_until(app, lambda: topics.committed() == 1)
    assert len(before) == 5
    assert len(set(before)) == len(before), "no beat between two of them: the instance would count as dead"


def test_second_instance_fences_the_first(two_partitions: Topics) -> None:
    topics = two_partitions
    seen = Recorder()
    dynamic = {"group.instance.id": None}
    first = Running(copying(topics, listener=seen, settings=dynamic))
    topics.send(*sent(0), partition=0)
    topics.send(*sent(1), partition=1)
    eventually(lambda: topics.committed(0) == 1 and topics.committed(1) == 1)
    second = Running(copying(topics, settings=dynamic))
    released = eventually(lambda: seen.of(events.Released))
    eventually(lambda: len(seen.of(events.Assigned)) > 1 or first.error)
    topics.send(*sent(2), partition=0)
    topics.send(*sent(3), partition=1)
    error = first.wait()
    assert released
    assert isinstance(error, FencedError)
    assert "another instance" in str(error)
    assert "transaction.timeout.ms" in str(error)
    assert seen.of(events.Fenced)
    eventually(lambda: topics.committed(0) == 2 and topics.committed(1) == 2)
    assert second.stop() is None
    assert sorted(values(topics)) == sent(0, 1, 2, 3)


@pytest.mark.parametrize("outputs", ["one", "many", "many, and the handler makes another error of it"])
def test_fenced_while_outputs_are_sent_it_ends_and_takes_nothing_back(topics: Topics, outputs: str) -> None:
    seen = Recorder()
    thief = confluent_kafka.Producer(
        {"bootstrap.servers": topics.address, "transactional.id": f"{topics.group}-copy-0"},
    )

    def meet_the_thief(record: Record[bytes], tx: Transaction) -> None:
        tx.produce(topics.output, b"before")
        thief.init_transactions(20)
        ends = time.monotonic() + 20
        try:
            while outputs != "one" and time.monotonic() < ends:
                tx.produce(topics.output, b"after")
                time.sleep(0.001)
        except FencedError:
            if outputs == "many":
                raise
            raise ZeroDivisionError from None

    topics.send(*sent(0))
    error = Running(copying(topics, listener=seen, before=meet_the_thief)).wait()
    assert isinstance(error, FencedError)
    assert "was fenced (_FENCED)" in str(error)
    assert seen.of(events.Fenced)
    assert not seen.of(events.ProducerReplaced)
    thief.begin_transaction()
    thief.produce(topics.output, b"the thief's")
    thief.commit_transaction(20)
    assert values(topics) == [b"the thief's"]
    assert topics.committed() < 0


def test_a_producer_that_dies_with_outputs_on_their_way_is_replaced(
    topics: Topics,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = Recorder()
    died = KafkaException(KafkaError(KafkaError.DUPLICATE_SEQUENCE_NUMBER, "meddled with", fatal=True))
    deaths = iter([died])

    def tells_once(call: Callable[..., Any]) -> Any:
        for death in deaths:
            raise death
        return call()

    commit = failing_once(KafkaError.DUPLICATE_SEQUENCE_NUMBER, first=False, fatal=True)
    Meddler(monkeypatch, poll=tells_once, commit_transaction=commit)
    topics.send(*sent(*range(3)))
    run_until(copying(topics, listener=seen), lambda: topics.committed() == 3)
    assert [event.reason for event in seen.of(events.ProducerReplaced)]
    assert values(topics) == sent(*range(3))


def test_second_static_member_ends_the_first_without_waiting_for_records(topics: Topics) -> None:
    first = Running(copying(topics))
    topics.send(*sent(0))
    eventually(lambda: topics.committed() == 1)
    second = Running(copying(topics))
    error = first.wait()
    assert isinstance(error, FencedError)
    assert "transactional.id" in str(error)
    topics.send(*sent(1))
    eventually(lambda: topics.committed() == 2)
    assert second.stop() is None
    assert values(topics) == sent(0, 1)


@pytest.mark.parametrize(
    "settings",
    [{}, {"partition.assignment.strategy": "cooperative-sticky"}, {"group.protocol": "consumer"}],
    ids=["eager", "cooperative", "kip-848"],
)
def test_instances_share_the_partitions_and_take_over(two_partitions: Topics, settings: dict[str, Any]) -> None:
    topics = two_partitions
    seen = Recorder()
    first = Running(copying(topics, listener=seen, settings=settings, max_batch_records=2))
    numbers = iter(range(1000))
    for _ in range(5):
        topics.send(*sent(*(next(numbers) for _ in range(10))), partition=0)
        topics.send(*sent(*(next(numbers) for _ in range(10))), partition=1)
    eventually(lambda: topics.committed(0) > 0)
    second = Running(copying(topics, transactional_id="copy-1", settings=settings, max_batch_records=2))
    eventually(lambda: seen.of(events.Released))
    for _ in range(5):
        topics.send(*sent(*(next(numbers) for _ in range(10))), partition=0)
        topics.send(*sent(*(next(numbers) for _ in range(10))), partition=1)
    assert first.stop() is None
    eventually(lambda: topics.committed(0) == 100 and topics.committed(1) == 100)
    assert second.stop() is None
    assert sorted(values(topics)) == sorted(sent(*range(200)))


def test_keys_headers_timestamps_and_tombstones_pass(topics: Topics) -> None:
    records: list[Record[Payment]] = []
    app = Processor({"bootstrap.servers": topics.address}, group_id=topics.group, transactional_id=topics.group)

    @app.consume(topics.input, Payment)
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        records.append(record)
        tx.produce(
            topics.output,
            record.value,
            key=record.key,
            headers=record.headers,
            timestamp_ms=record.timestamp_ms,
        )

    topics.send(PAYMENTS[0], None)
    run_until(app, lambda: topics.committed() == 2)
    assert [record.value for record in records] == [PAYMENTS[0], None]
    assert abs(time.time() * 1000 - (records[0].timestamp_ms or 0)) < 60_000
    out = topics.messages()
    assert [m.value() for m in out] == [b'{"event_id":"e0","account":"account-0","amount":1}', None]
    assert [(m.key(), m.headers()) for m in out] == [(b"k", [("trace", b"t1")])] * 2
    assert [m.timestamp()[1] for m in out] == [record.timestamp_ms for record in records]


def test_a_record_of_another_type_stops_the_run_and_shows_no_payload(topics: Topics) -> None:
    app = Processor({"bootstrap.servers": topics.address}, group_id=topics.group, transactional_id=topics.group)

    @app.consume(topics.input, Payment)
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        tx.produce(topics.output, record.value)

    topics.send(PAYMENTS[0], b'{"event_id": "secret"}')
    error = Running(app).wait()
    assert isinstance(error, DeserializationError)
    assert error.offset == 1
    assert "secret" not in str(error)
    assert topics.committed() <= 1, "it stands before the record that it cannot read"


def test_a_handlers_own_error_names_the_record(topics: Topics) -> None:
    topics.send(*sent(0))
    error = Running(copying(topics, before=lambda record, tx: tx.produce(topics.output, object()))).wait()
    assert isinstance(error, HandlerError)
    assert isinstance(error.__cause__, TypeError)
    assert f"{topics.input}[0] at offset 0" in str(error)


def test_a_topic_that_does_not_exist_is_named(topics: Topics) -> None:
    app = Processor({"bootstrap.servers": topics.address}, group_id=topics.group, transactional_id=topics.group)
    app.consume("no-such-topic", bytes)(lambda record, tx: None)
    with pytest.raises(ConfigurationError, match="'no-such-topic' does not exist"):
        app.run()


def test_an_output_topic_that_does_not_exist_is_named_before_anything_is_decided(topics: Topics) -> None:
    topics.send(*sent(0))
    seen = Recorder()
    app = copying(topics, listener=seen, before=lambda record, tx: tx.produce("no-such-output", record.value))
    error = Running(app).wait()
    assert isinstance(error, ConfigurationError)
    assert "'no-such-output' does not exist" in str(error)
    assert not seen.of(events.TransactionBegun)


def test_an_address_where_no_broker_listens_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "CONNECT_LIMIT_S", 1.0)
    app = Processor({"bootstrap.servers": "127.0.0.1:1"}, group_id="g", transactional_id="t")
    app.consume("in", bytes)(lambda record, tx: None)
    with pytest.raises(UnreachableError, match=r"No Kafka broker answered at 127\.0\.0\.1:1"):
        app.run()


def test_a_setting_that_librdkafka_does_not_know_is_named(topics: Topics) -> None:
    app = copying(topics, settings={"no.such.setting": 1})
    with pytest.raises(ConfigurationError, match=r"no\.such\.setting"):
        app.run()


def test_a_transaction_timeout_above_the_brokers_limit_is_named(topics: Topics) -> None:
    app = copying(topics, settings={"transaction.timeout.ms": 2_000_000, "max.poll.interval.ms": 3_000_000})
    with pytest.raises(ConfigurationError, match="INVALID_TRANSACTION_TIMEOUT") as refused:
        app.run()
    assert "transaction.timeout.ms=2000000 cannot be" in str(refused.value)
    assert "Lower it, or raise transaction.max.timeout.ms" in (refused.value.hint or "")


def test_sigterm_finishes_the_batch_and_ends_with_code_0(topics: Topics, tmp_path: Path) -> None:
    program = tmp_path / "copying.py"
    program.write_text(
        textwrap.dedent(f"""
            import time
            from oncewhere import Processor

            address = {{"bootstrap.servers": {topics.address!r}}}
            app = Processor(address, group_id={topics.group!r}, transactional_id="s-0")

            @app.consume({topics.input!r}, bytes)
            def copy(record, tx):
                print("begun", flush=True)
                time.sleep(1.0)
                tx.produce({topics.output!r}, record.value)

            app.run()
            print("ended", flush=True)
        """),
    )
    topics.send(*sent(0, 1))
    out = tmp_path / "out.txt"
    child = spawn(
        [sys.executable, str(program)],
        env=dict(os.environ),
        cwd=tmp_path,
        stdout=out,
        stderr=tmp_path / "err.txt",
    )
    try:
        eventually(lambda: out.exists() and "begun" in out.read_text())
        os.kill(child.pid, signal.SIGTERM)
        assert child.wait(20) == 0
    finally:
        child.stop(1)
    assert "ended" in out.read_text()
    assert len(values(topics)) == topics.committed() > 0
