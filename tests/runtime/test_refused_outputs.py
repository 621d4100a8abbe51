"""An output that librdkafka itself refuses is told from others while its record can be blamed, wherever it waits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from scene import Bank, Payment, Recorder, Running, Topics, apply, eventually

from oncewhere import (
    ConfigurationError,
    DeadLetter,
    OffsetLedger,
    OncewhereError,
    Postgres,
    Processor,
    Record,
    Records,
    Skip,
    Transaction,
    effect,
)
from oncewhere.effects.place import Span
from oncewhere.records import Partition
from oncewhere.runtime import events
from oncewhere.runtime.batch import Batch, staging
from oncewhere.runtime.gathering import Gathering
from oncewhere.runtime.growing import Growing
from oncewhere.runtime.kafka.output_topics import OutputTopics
from oncewhere.runtime.limits import Limits
from oncewhere.runtime.output import bytes_of
from oncewhere.runtime.poison import Poison, PoisonError
from oncewhere.runtime.streaming import Streaming
from oncewhere.runtime.subscription import subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_BYTES = 10_000
OVERHEAD = 36  # of one record, at most: RD_KAFKAP_MESSAGE_V2_MAX_OVERHEAD
PARTITION = Partition("in", 0, "id")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """librdkafka, which judges an output before it asks any broker."""
    producer = Producer({"bootstrap.servers": "127.0.0.1:1", "message.max.bytes": MAX_BYTES, "log_level": 0})
    yield producer
    producer.purge()


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("a", None)],
        [("a", b"")],
        [("ключ", "é"), (b"b", b"2"), (None, b"")],
        [("n" * 63, b"v" * 63)],
        [("n" * 64, b"v" * 64)],
        [("n", b"v" * 8_191)],
        [("n", b"v" * 8_192)],
    ],
)
@pytest.mark.parametrize("key", [None, b"k", "ключ"])
def test_an_output_is_as_large_as_librdkafka_says(client: Any, headers: Any, key: Any) -> None:
    def arguments(size: int) -> tuple[Any, ...]:
        return ("out", b"x" * size, key, -1, None, None, 0, headers)

    room = MAX_BYTES - OVERHEAD - bytes_of(arguments(0))
    assert bytes_of(arguments(room)) == MAX_BYTES - OVERHEAD
    client.produce(*arguments(room))
    with pytest.raises(KafkaException, match="MSG_SIZE_TOO_LARGE"):
        client.produce(*arguments(room + 1))


@pytest.mark.parametrize(
    "change",
    [
        *({7: [header]} for header in (("n", 5), "n", ("n",), ["n", b"1"], ("n", "x", "y"), 5)),
        *({7: [("n", value)]} for value in (bytearray(b"x"), memoryview(b"x"))),
        *({1: value} for value in (5, bytearray(b"x"))),
        *({2: key} for key in (5, [b"k"])),
        *({nth: number} for nth in (3, 6) for number in ("x", 1.5)),
    ],
)
def test_what_librdkafka_does_not_take_is_refused_where_it_waits(client: Any, change: dict[int, Any]) -> None:
    sound = ["out", b"v", b"k", -1, None, None, 0, [("n", b"1")]]
    arguments = [change.get(nth, argument) for nth, argument in enumerate(sound)]
    batch = Batch(opened_at=0.0)
    for produce in (client.produce, staging(batch, MAX_BYTES)):
        produce(*sound)
        with pytest.raises(TypeError):
            produce(*arguments)
    assert batch.staged == [tuple(sound)]


def test_headers_that_wait_are_counted() -> None:
    batch = Batch(opened_at=0.0)
    stage = staging(batch, 100)
    stage("out", b"v", b"k", -1, None, None, 0, [("n", b"x" * 50)])
    assert batch.size == 2 + 51 + 2
    with pytest.raises(ValueError, match=r"larger than message\.max\.bytes"):
        stage("out", b"v", b"k", -1, None, None, 0, [("n", b"x" * 96)])


def refuses(code: int) -> KafkaException:
    return KafkaException(KafkaError(code, "scripted"))


class Sink:
    """What a record's outputs go to; some partition does not exist, and some topic takes nothing so large."""

    def __init__(self) -> None:
        self.outputs: list[tuple[Any, ...]] = []

    def __call__(self, *arguments: Any) -> None:
        if len(arguments) > 3 and arguments[3] == 99:
            raise refuses(KafkaError._UNKNOWN_PARTITION)
        if arguments[0] == "small":
            raise refuses(KafkaError.MSG_SIZE_TOO_LARGE)
        self.outputs.append(arguments)


def messages(count: int, size: int = 1) -> list[Any]:
    return [
        Message(topic="in", partition=0, offset=offset, value=b"v" * size, timestamp=(1, 7)) for offset in range(count)
    ]


def astray(record: Record[bytes], tx: Transaction) -> None:
    tx.produce("out", b"first")
    tx.produce("out", b"second", partition=99 if record.offset == 1 else 0)


@pytest.mark.parametrize("max_attempts", [1, 3])
def test_an_output_that_is_refused_after_its_handler_returned_is_its_records_own(max_attempts: int) -> None:
    tx, poison = Transaction(), Poison(lambda event: None)
    declared = subscription("in", bytes, astray, on_error=Skip(max_attempts=max_attempts), batch=False)
    hands = Streaming({"in": declared}, tx, poison, max_output_bytes=MAX_BYTES, max_batch_bytes=MAX_BYTES)
    poison.be_careful()
    for _ in range(max_attempts):
        tx.to(Sink())
        with pytest.raises(PoisonError):  # the first output is in the transaction already
            hands.fill(Batch(opened_at=0.0), messages(3), float("inf"))
    sink, batch = Sink(), Batch(opened_at=0.0)
    tx.to(sink)
    assert hands.fill(batch, messages(3), float("inf")) == 3
    assert [(event.offset, event.action) for event in batch.rejected] == [(1, "skip")]
    assert len(sink.outputs) == 4


def growing(hands: Any, tx: Transaction) -> Any:
    def mend(error: Exception, arguments: Any) -> None:
        raise error

    writer = SimpleNamespace(begin=lambda: None, send=Sink(), mend=mend)
    session: Any = SimpleNamespace(writer=writer, max_output_bytes=MAX_BYTES, take=lambda *_: [])
    limits = Limits(max_batch_records=5_000, max_batch_bytes=MAX_BYTES, commit_interval_s=3_600, ahead=True)
    return Growing(session, hands, tx=tx, limits=limits, positions=SimpleNamespace(seal=lambda *_: None))  # type: ignore[arg-type]


def test_an_output_that_is_refused_when_its_transaction_begins_is_told_with_what_to_do() -> None:
    tx = Transaction()
    declared = subscription("in", bytes, astray, on_error=Skip(), batch=False)
    hands = Streaming(
        {"in": declared}, tx, Poison(lambda event: None), max_output_bytes=MAX_BYTES, max_batch_bytes=MAX_BYTES
    )
    grows = growing(hands, tx)
    grows.fill(messages(3), ending=True)
    with pytest.raises(OncewhereError) as raised:
        grows.go_direct()
    assert "'out'" in str(raised.value)
    assert "an output's partition does not exist" in str(raised.value)
    assert "give it more of them" in str(raised.value)


def fails(given: Record[bytes] | Records[bytes], tx: Transaction) -> None:
    raise ZeroDivisionError


def gathering(on_error: Any, tx: Transaction, value_type: Any) -> Gathering:
    return Gathering(
        {"in": subscription("in", value_type, fails, on_error=on_error, batch=False)},
        tx,
        Poison(lambda event: None),
        uses={"in": frozenset()},
        places={},
        partition=lambda topic, number: PARTITION,
        spans=lambda batch: [Span(PARTITION, 0, 1)],
        emit=lambda event: None,
    )


@pytest.mark.parametrize("where", ["direct", "waiting", "with an effect", "with an effect, and it cannot be decoded"])
def test_a_dead_letter_that_is_too_large_ends_the_run_and_says_what_to_do(where: str) -> None:
    """Its record fits, and with the headers that say why it does not."""
    tx, batch = Transaction(), Batch(opened_at=0.0)
    on_error = DeadLetter("small" if where == "direct" else "rejected")
    too_large = messages(1, MAX_BYTES)
    tx.to(Sink() if where == "direct" else staging(batch, MAX_BYTES))
    handle: Callable[[], object]
    if where.startswith("with an effect"):
        hands = gathering(on_error, tx, int if "decoded" in where else bytes)
        batch.messages = too_large
        handle = lambda: hands.prepare(batch)  # noqa: E731 - as the other one
    else:
        declared = subscription("in", bytes, fails, on_error=on_error, batch=False)
        streaming = Streaming(
            {"in": declared}, tx, Poison(lambda event: None), max_output_bytes=MAX_BYTES, max_batch_bytes=MAX_BYTES
        )
        handle = lambda: streaming.fill(batch, too_large, float("inf"))  # noqa: E731
    with pytest.raises(OncewhereError) as raised:
        handle()
    assert "The dead letter of in[0]@0 cannot be sent to" in str(raised.value)
    assert "Raise message.max.bytes" in str(raised.value)
    assert batch.staged == []


def test_a_dead_letter_that_waits_is_counted() -> None:
    tx, batch = Transaction(), Batch(opened_at=0.0)
    tx.to(staging(batch, MAX_BYTES))
    batch.messages = messages(1)
    gathering(DeadLetter("rejected"), tx, bytes).prepare(batch)
    assert len(batch.staged) == len(batch.rejected) == 1
    assert batch.size == bytes_of(batch.staged[0])


def settling(topics: Topics, bank: Bank | None, **wrong: Any) -> tuple[Processor, Recorder]:
    """Settles payments, and the third one's output is as it must not be."""
    seen = Recorder()
    app = Processor(
        {"bootstrap.servers": topics.address}, group_id=topics.group, transactional_id=topics.group, on_event=seen
    )
    settle = None if bank is None else effect(Postgres(bank.dsn, name="bank", policy=OffsetLedger()))(apply)

    @app.consume(topics.input, Payment, on_error=Skip(), effects=[settle] if settle else [])
    def on_payment(record: Record[Payment], tx: Transaction) -> None:
        settled = tx.run(settle, record.value) if settle else record.value
        tx.produce(topics.output, settled, record.key, **(wrong if record.offset == 2 else {}))

    topics.send(*(Payment(f"e{nth}", "a", 1) for nth in range(5)))
    return app, seen


both_ways = pytest.mark.parametrize("effects", [False, True], ids=["kafka only", "with an effect"])


@pytest.mark.servers
@both_ways
@pytest.mark.parametrize(
    "wrong", [{"headers": [("n", b"x" * 1_000_000)]}, {"partition": 99}], ids=["too large", "no such partition"]
)
def test_a_record_whose_output_is_refused_is_skipped_and_the_others_go_on(
    topics: Topics, bank: Bank, wrong: dict[str, Any], *, effects: bool
) -> None:
    app, seen = settling(topics, bank if effects else None, **wrong)
    running = Running(app)
    eventually(lambda: running.error is not None or topics.committed() == 5)
    assert running.stop() is None
    assert [told.offset for told in seen.of(events.RecordRejected)] == [2]  # type: ignore[attr-defined]
    assert len(topics.messages()) == 4
    assert sum(settled for _, settled in bank.balances().values()) == (4 if effects else 0)


class Cluster:
    """A producer's view of the cluster: how many partitions each topic has, and how often it was asked."""

    def __init__(self, **partitions: int) -> None:
        self.partitions, self.asked, self.silent = partitions, 0, False

    def list_topics(self, topic: str, timeout: float) -> Any:
        del timeout
        self.asked += 1
        if self.silent:
            raise refuses(KafkaError._TIMED_OUT)
        count = self.partitions.get(topic)
        error = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART) if count is None else None
        return SimpleNamespace(topics={topic: SimpleNamespace(error=error, partitions=range(count or 0))})


@pytest.mark.parametrize("waits", [True, False])
def test_a_partition_that_the_topic_does_not_have_is_refused_where_its_record_asks_for_it(*, waits: bool) -> None:
    cluster, sent, batch = Cluster(out=3), [], Batch(opened_at=0.0)
    tx = Transaction(expect=OutputTopics(lambda: cluster).expect)
    tx.to(staging(batch, MAX_BYTES) if waits else lambda *arguments: sent.append(arguments))
    tx.produce("out", b"v", partition=2)
    assert cluster.asked == 1
    with pytest.raises(ValueError, match="'out' has no partition 3: it has 3, counted from 0"):
        tx.produce("out", b"v", partition=3)
    assert tx.failure is None
    cluster.partitions["out"] = 4
    tx.produce("out", b"v", partition=3)
    assert [arguments[3] for arguments in (batch.staged if waits else sent)] == [2, 3]


def test_a_topic_that_is_gone_is_no_fault_of_the_record_that_asks_for_a_partition() -> None:
    cluster = Cluster(out=1)
    tx = Transaction(expect=OutputTopics(lambda: cluster).expect)
    tx.to(lambda *arguments: None)
    tx.produce("out", b"v")
    del cluster.partitions["out"]
    with pytest.raises(ConfigurationError, match="The output topic 'out' does not exist"):
        tx.produce("out", b"v", partition=1)
    assert isinstance(tx.failure, ConfigurationError)


def test_without_an_answer_no_output_is_refused_and_none_but_the_first_waits_for_one() -> None:
    cluster = Cluster(out=1)
    cluster.silent = True
    tx = Transaction(expect=OutputTopics(lambda: cluster).expect)
    tx.to(lambda *arguments: None)
    for _ in range(3):
        tx.produce("out", b"v", partition=5)
    assert cluster.asked == 1
