"""What a transaction raises through no fault of the record ends the batch, whatever the handler makes of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from oncewhere import (
    ConfigurationError,
    DeadLetter,
    DuplicateEvent,
    EffectInDoubt,
    FencedError,
    Function,
    IdempotencyKey,
    Record,
    Records,
    Skip,
    Transaction,
    effect,
)
from oncewhere.effects.place import Call, Span, UndecidedError
from oncewhere.records import Partition
from oncewhere.runtime import events
from oncewhere.runtime.batch import Batch
from oncewhere.runtime.gathering import Gathering
from oncewhere.runtime.kafka import writer
from oncewhere.runtime.kafka.writer import Writer
from oncewhere.runtime.poison import Poison
from oncewhere.runtime.rejection import OnError, Stop
from oncewhere.runtime.settings import complete
from oncewhere.runtime.states import State
from oncewhere.runtime.streaming import Streaming
from oncewhere.runtime.subscription import subscription

if TYPE_CHECKING:
    from collections.abc import Callable

    from oncewhere.runtime.events import Event

SETTINGS = complete({"bootstrap.servers": "k:1"}, group_id="g", transactional_id="t")
MAX_BYTES = 1_000_000


class HandlersOwnError(Exception):
    pass


class Client:
    """A producer whose next answers are scripted; all that it takes is kept."""

    def __init__(self) -> None:
        self.answers: list[Exception | None] = []
        self.outputs: list[tuple[Any, ...]] = []

    def init_transactions(self, timeout: float) -> None:
        del timeout

    def begin_transaction(self) -> None: ...

    def purge(self) -> None: ...

    def produce(self, *arguments: Any) -> None:
        if (answer := self.answers.pop(0) if self.answers else None) is not None:
            raise answer
        self.outputs.append(arguments)

    def list_topics(self, topic: str, timeout: float) -> Any:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))


class Scene:
    """The loop's hands on a real `Writer`, whose transaction is open."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, handler: Any, on_error: OnError, *, batch: bool) -> None:
        self.client = Client()
        self.events: list[Event] = []
        monkeypatch.setattr(writer, "Producer", lambda *_, **__: self.client)
        self.writer = Writer(SETTINGS, emit=self.events.append, stopping=lambda: False)
        self.writer.open()
        self.tx = Transaction(expect=self.writer.topics.expect, trouble=self.writer.mend)
        self.poison = Poison(self.events.append)
        declared = subscription("in", bytes, handler, on_error=on_error, batch=batch)
        self.hands = Streaming(
            {"in": declared}, self.tx, self.poison, max_output_bytes=MAX_BYTES, max_batch_bytes=MAX_BYTES
        )

    def fill(self, *answers: Exception | None) -> Batch:
        assert self.writer.begin() is None
        self.client.answers = list(answers)
        batch = Batch(opened_at=0.0)
        self.tx.to(self.writer.send)
        messages = [Record.of(b"v", topic="in", partition=0, offset=offset).message for offset in range(3)]
        self.hands.fill(batch, messages, float("inf"))
        return batch


def wraps(given: Any, tx: Transaction) -> None:
    try:
        tx.produce("out", b"one")
        tx.produce("out", b"two")
    except Exception as error:
        raise HandlersOwnError from error


def swallows(given: Any, tx: Transaction) -> None:
    try:
        tx.produce_batch("out", [b"one", b"two"], [None, None])
    except Exception:  # noqa: BLE001 - as handlers do
        return


either_way = pytest.mark.parametrize("handler", [wraps, swallows])
alone_or_not = pytest.mark.parametrize("batch", [False, True], ids=["each", "together"])


def fenced() -> Exception:
    return KafkaException(KafkaError(KafkaError._FENCED, "scripted", fatal=True))


def passing() -> Exception:
    return KafkaException(KafkaError(KafkaError._STATE, "scripted"))


@either_way
@alone_or_not
@pytest.mark.parametrize("on_error", [Stop(), Skip()], ids=["stop", "skip"])
def test_a_fenced_producer_is_told_as_fenced(
    monkeypatch: pytest.MonkeyPatch, handler: Callable[..., None], on_error: OnError, *, batch: bool
) -> None:
    """Its exit code is the only one at which a supervisor does not start it again, to fence the other in turn."""
    scene = Scene(monkeypatch, handler, on_error, batch=batch)
    with pytest.raises(FencedError):
        scene.fill(fenced())
    assert [type(event) for event in scene.events] == [events.Fenced]


def test_a_writer_that_was_fenced_says_so_at_whatever_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, swallows, Stop(), batch=False)
    with pytest.raises(FencedError):
        scene.fill(fenced())
    assert scene.writer.state is State.FENCED
    with pytest.raises(FencedError):
        scene.writer.mend(passing(), ("out", b"v", None))
    with pytest.raises(FencedError):
        scene.writer.restore("somebody let it pass")
    assert len(scene.events) == 1


@either_way
@alone_or_not
@pytest.mark.parametrize("careful", [False, True], ids=["usually", "carefully"])
def test_a_passing_error_of_kafka_is_not_the_records(
    monkeypatch: pytest.MonkeyPatch, handler: Callable[..., None], *, batch: bool, careful: bool
) -> None:
    scene = Scene(monkeypatch, handler, DeadLetter("rejected"), batch=batch)
    if careful:
        scene.poison.be_careful()
    with pytest.raises(UndecidedError) as raised:
        scene.fill(None, passing(), passing())
    assert type(raised.value) is UndecidedError, "the batch begins again, and no record is counted as poison"
    assert scene.writer.restore("it failed")
    scene.writer.rewound()
    assert scene.fill().rejected == [], "each of them is sound"
    assert len(scene.client.outputs) > 1


machine = Function("machine", policy=IdempotencyKey())


@effect(machine)
def punch(key: str) -> None: ...


def unseen(given: Any, tx: Transaction) -> None:
    try:
        tx.run(punch)
    except Exception:  # noqa: BLE001 - as handlers do
        tx.produce("out", b"never punched")


def unseen_batch(given: Any, tx: Transaction) -> None:
    try:
        tx.run_each(punch, given)
    except Exception:  # noqa: BLE001 - as handlers do
        tx.produce("out", b"never punched")


def one_of_many(given: Any, tx: Transaction) -> None:
    try:
        tx.run(punch)
    except Exception:  # noqa: BLE001 - as handlers do
        tx.produce("out", b"never punched")


@pytest.mark.parametrize("handler", [unseen, unseen_batch, one_of_many])
@pytest.mark.parametrize("gathers", [False, True], ids=["kafka only", "with other effects"])
def test_a_record_whose_effect_is_not_known_does_not_commit_without_it(
    handler: Callable[..., None], *, gathers: bool
) -> None:
    declared = subscription("in", bytes, handler, on_error=Skip(), batch=handler is not unseen)
    tx, poison, batch = Transaction(), Poison(lambda event: None), Batch(opened_at=0.0)
    tx.to(lambda *arguments: batch.staged.append(arguments))
    partition = Partition("in", 0, "id")
    place: Any = SimpleNamespace(begin=lambda batch: None)
    hands = (
        Gathering(
            {"in": declared},
            tx,
            poison,
            uses={"in": frozenset({"machine"} if handler is one_of_many else ())},
            places={"machine": place},
            partition=lambda topic, number: partition,
            spans=lambda batch: [Span(partition, 0, 1)],
            emit=lambda event: None,
        )
        if gathers
        else Streaming({"in": declared}, tx, poison, max_output_bytes=MAX_BYTES, max_batch_bytes=MAX_BYTES)
    )

    def handled() -> None:
        messages = [Record.of(b"v", topic="in", partition=0, offset=0).message]
        if gathers:
            batch.messages = messages
        else:
            hands.fill(batch, messages, float("inf"))
        hands.prepare(batch)

    with pytest.raises(ConfigurationError, match=r"is not among the effects|is run otherwise"):
        handled()


def test_a_record_that_a_batch_handler_asks_several_effects_for_is_told_of_once_and_each_call_in_doubt_too() -> None:
    partition = Partition("in", 0, "id")

    def found(call: Call) -> DuplicateEvent | EffectInDoubt:
        return DuplicateEvent() if call.offset == 0 else EffectInDoubt(f"call {call.nth}")

    def twice(records: Records[bytes], tx: Transaction) -> None:
        for _ in range(2):
            tx.run_each(punch, records)

    work: Any = SimpleNamespace(run_each=lambda calls, values, lanes: [found(call) for call in calls])
    place: Any = SimpleNamespace(begin=lambda batch: work)
    batch = Batch(opened_at=0.0, messages=[Record.of(b"v", topic="in", offset=offset).message for offset in range(2)])
    Gathering(
        {"in": subscription("in", bytes, twice, on_error=Stop(), batch=True)},
        Transaction(),
        Poison(lambda event: None),
        uses={"in": frozenset({"machine"})},
        places={"machine": place},
        partition=lambda topic, number: partition,
        spans=lambda batch: [Span(partition, 0, 2)],
        emit=lambda event: None,
    ).prepare(batch)
    assert batch.passed == [
        events.DuplicateSuppressed("in", 0, 0),
        events.CallInDoubt("in", 0, 1, "call 0"),
        events.CallInDoubt("in", 0, 1, "call 1"),
    ]
