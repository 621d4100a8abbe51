"""The end of a transaction loses its answer, its request or its connection, or comes late: each input's output is once.

What is lost is lost on the wire: the processor talks to a real broker through the project's own proxy. librdkafka sends
an EndTxn without an answer again by itself, so the runtime gives up before it does (`Writer`); each test of a late
EndTxn has a control without that limit, which must show the harm.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import confluent_kafka
import pytest
from scene import Recorder, Running, Topics, eventually
from wire_thread import WireThread

from oncewhere import Processor, Record, Transaction
from oncewhere.cluster import ClusterClient
from oncewhere.effects.place import UndecidedError
from oncewhere.proxy import Decision
from oncewhere.runtime import events
from oncewhere.runtime.kafka import writer
from oncewhere.runtime.settings import complete
from oncewhere.stack import KafkaServer
from oncewhere.wire import Direction
from oncewhere.wire.kafka import KafkaLink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from oncewhere.proxy import LinkName
    from oncewhere.wire import Message, Segment

pytestmark = pytest.mark.servers

SETTINGS = {
    "socket.timeout.ms": 2000,  # so an answer counts as lost after 1.8 s; with the defaults it does after 9 s
    "transaction.timeout.ms": 10_000,  # the coordinator itself ends nothing meanwhile
}
INVALID_PRODUCER_EPOCH = 47

Fault = str  # how the first EndTxn is spoilt
ANSWER_WITHHELD: Fault = "answer withheld"
REQUEST_DROPPED: Fault = "request dropped"
CUT_BEHIND: Fault = "connection cut behind the request"
CUT_BEFORE: Fault = "connection cut before the request"


class BadWire(WireThread):
    """A proxy in a thread, that spoils the first EndTxn of one kind; everything else passes.

    Args:
        address: the broker.
        fault: what becomes of it.
        committed: whether the EndTxn is one that commits, or one that aborts.

    Attributes:
        bootstrap: the address for the processor.
        lost: the bytes of the request that was dropped, to be delivered late.
        told: transactional messages as they passed, or did not: link, kind, direction and fields.
    """

    def __init__(self, address: str, fault: Fault, *, committed: bool = True) -> None:
        super().__init__(address)
        self.lost = b""
        self.told: list[tuple[str, Message]] = []
        self._fault: Fault | None = fault
        self._committed = committed
        self._withheld: set[int] = set()

    def requests(self, kind: str) -> list[tuple[str, Message]]:
        return [(link, m) for link, m in self.told if m.kind == kind and m.direction is Direction.REQUEST]

    def replies(self, kind: str) -> list[Message]:
        return [m for _, m in self.told if m.kind == kind and m.direction is Direction.REPLY]

    def deliver(self) -> int:
        """What was dropped arrives after all, byte by byte as it was sent; gives the broker's error code."""
        host, _, port = self._address.rpartition(":")
        with socket.create_connection((host, int(port)), 10) as late:
            late.sendall(self.lost)
            answer = late.recv(64)
        return int.from_bytes(answer[-2:], "big")

    async def _listen(self) -> str:
        topics: Any = {}
        host, _, port = self._address.rpartition(":")

        def advertise(host: str, port: int) -> tuple[str, int]:
            return "127.0.0.1", self._crossing._listen("kafka", host, port, link).port

        def link() -> KafkaLink:
            return _BadLink(self._takes, advertise, topics=topics)

        return "{}:{}".format(*advertise(host, int(port)))

    def _see(self, link: LinkName, message: Message) -> Decision:
        self.told.append((str(link), message))
        if self._is_victim(message) and self._fault == CUT_BEHIND:
            self._fault = None
            self._loop.call_soon(self._cut, link)  # the request has been handed to the broker's socket by then
        return Decision.FORWARD

    def _takes(self, link: KafkaLink, segment: Segment) -> bool:
        """Whether a segment disappears here."""
        message = segment.message
        if message is None or message.kind != "EndTxn":
            return False
        if message.direction is Direction.REPLY:
            return id(link) in self._withheld and message.fields["error"] == "NONE"
        if self._is_victim(message) and self._fault in {ANSWER_WITHHELD, REQUEST_DROPPED, CUT_BEFORE}:
            fault, self._fault = self._fault, None
            if fault == ANSWER_WITHHELD:
                self._withheld.add(id(link))
                return False
            self.lost = segment.data
            if fault == CUT_BEFORE:
                self._loop.call_soon(self._cut, link)
            return True
        return False

    def _is_victim(self, message: Message) -> bool:
        is_end = message.kind == "EndTxn" and message.direction is Direction.REQUEST
        return is_end and message.fields["committed"] is self._committed

    def _cut(self, which: LinkName | KafkaLink) -> None:
        for connection in tuple(self._crossing._connections):
            if which in (connection.name, connection._link):
                connection.processor.abort()


class _BadLink(KafkaLink):
    """A link that lets segments disappear."""

    def __init__(self, takes: Callable[[KafkaLink, Segment], bool], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._takes = takes

    def from_processor(self, data: bytes) -> list[Segment]:
        return [segment for segment in super().from_processor(data) if not self._takes(self, segment)]

    def from_server(self, data: bytes) -> list[Segment]:
        return [segment for segment in super().from_server(data) if not self._takes(self, segment)]


def copying(
    topics: Topics, address: str, seen: Recorder, before: Callable[[bytes], None] = bool, **settings: Any
) -> Processor:
    app = Processor(
        {"bootstrap.servers": address, **SETTINGS, **settings},
        group_id=topics.group,
        transactional_id=f"{topics.group}-0",
        on_event=seen,
    )

    @app.consume(topics.input, bytes)
    def on_record(record: Record[bytes], tx: Transaction) -> None:
        tx.produce(topics.output, record.value, key=record.key)
        before(record.value)

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


def aborts(seen: Recorder) -> list[bool]:
    return [event.unconfirmed for event in seen.of(events.TransactionAborted)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("fault", [ANSWER_WITHHELD, REQUEST_DROPPED])
def test_a_commit_without_an_answer_is_unknown_and_the_committed_offsets_decide(topics: Topics, fault: Fault) -> None:
    seen = Recorder()
    topics.send(*sent(*range(5)))
    with BadWire(topics.address, fault).open() as wire:
        app = copying(topics, wire.bootstrap, seen)
        run_until(app, lambda: topics.committed() == 5 and seen.of(events.Rewound))
    assert values(topics) == sent(*range(5))
    assert aborts(seen) == [True]
    (replaced,) = seen.of(events.ProducerReplaced)
    assert "_TIMED_OUT" in replaced.reason  # type: ignore[attr-defined]
    (rewound,) = seen.of(events.Rewound)
    assert "_TIMED_OUT" in rewound.reason  # type: ignore[attr-defined]
    _, first = wire.requests("TxnOffsetCommit")[0]
    carried = first.fields["offsets"][0]["offset"]  # type: ignore[index,call-overload]
    assert list(rewound.starts.values()) == [carried if fault == ANSWER_WITHHELD else 0]  # type: ignore[attr-defined]
    epochs = [message.fields["producer_epoch"] for _, message in wire.requests("EndTxn")]
    assert len(epochs) == len(set(epochs)), "no producer that was left without an answer has spoken again"
    read = [message for _, message in wire.requests("OffsetFetch")]
    assert all(message.fields["require_stable"] for message in read)


@pytest.mark.parametrize("fault", [CUT_BEHIND, CUT_BEFORE])
def test_a_commit_whose_connection_breaks_is_sent_again_on_another(topics: Topics, fault: Fault) -> None:
    """librdkafka does so itself, at once: what a broken connection had delivered is answered the same a second time."""
    seen = Recorder()
    topics.send(*sent(*range(5)))
    with BadWire(topics.address, fault).open() as wire:
        run_until(copying(topics, wire.bootstrap, seen), lambda: topics.committed() == 5)
        ends = [link for link, _ in wire.requests("EndTxn")]
    assert len(set(ends)) == (2 if fault == CUT_BEHIND else 1), "the request that was cut off did not pass"
    assert bool(wire.lost) is (fault == CUT_BEFORE)
    assert values(topics) == sent(*range(5))
    assert aborts(seen) == []
    assert not seen.of(events.ProducerReplaced)


class Late:
    """In the last record's handler, its output being in the open transaction: the request that was lost arrives."""

    def __init__(self, wire: BadWire, *, committed: bool) -> None:
        self.answers: list[int] = []
        self._wire = wire
        self._committed = committed
        self._failed = False

    def __call__(self, value: bytes) -> None:
        if value == b"v0" and not self._committed and not self._failed:
            self._failed = True
            self._wait_for_output()
            raise UndecidedError("there is something to abort")
        if value == b"v5" and not self.answers:
            self._wait_for_output()
            self.answers.append(self._wire.deliver())
            if self._committed:
                raise UndecidedError("what was committed too early comes again")

    def _wait_for_output(self) -> None:
        answered = len(self._wire.replies("Produce"))
        eventually(lambda: len(self._wire.replies("Produce")) > answered)


def late_end(topics: Topics, *, committed: bool) -> tuple[Recorder, list[int]]:
    """Five records of which the first EndTxn is dropped; a sixth, in whose transaction it arrives."""
    seen = Recorder()
    topics.send(*sent(*range(5)))
    with BadWire(topics.address, REQUEST_DROPPED, committed=committed).open() as wire:
        late = Late(wire, committed=committed)
        running = Running(copying(topics, wire.bootstrap, seen, late))
        try:
            eventually(lambda: running.error is not None or topics.committed() == 5)
            topics.send(*sent(5))
            eventually(lambda: running.error is not None or topics.committed() >= 6)
        finally:
            assert running.stop() is None
    return seen, late.answers


ENDS = pytest.mark.parametrize("committed", [True, False], ids=["commit", "abort"])


@ENDS
def test_an_end_that_comes_late_does_not_end_the_next_transaction(topics: Topics, committed: bool) -> None:
    seen, answers = late_end(topics, committed=committed)
    assert answers == [INVALID_PRODUCER_EPOCH], "the broker fences what the replaced producer had sent"
    assert values(topics) == sent(*range(6))
    assert len(seen.of(events.ProducerReplaced)) == 1


@ENDS
def test_without_its_limit_a_late_end_would_end_the_next_transaction(
    topics: Topics, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """The control: librdkafka sends EndTxn again, the producer lives on, and what comes late is obeyed."""
    monkeypatch.setattr(writer, "answer_limit_s", lambda settings: 60.0)
    _, answers = late_end(topics, committed=committed)
    assert answers == [0]
    assert Counter(values(topics)[5:]) == ({b"v5": 2} if committed else {}), "doubled, or lost"


def test_a_call_that_never_returns_costs_its_producer_and_not_the_run(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`send_offsets_to_transaction` (librdkafka 2.16) does not, if the group's coordinator dies at the wrong moment."""
    ends, calls = threading.Event(), Counter[str]()

    class Producer:
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            calls["made"] += 1
            self._real = confluent_kafka.Producer(*args, **kwargs)

        def __len__(self) -> int:
            return len(self._real)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        def send_offsets_to_transaction(self, *args: Any) -> None:
            calls["sent"] += 1
            if calls["sent"] == 1:
                ends.wait(60)
            else:
                self._real.send_offsets_to_transaction(*args)

    monkeypatch.setattr(writer, "Producer", Producer)
    seen = Recorder()
    topics.send(*sent(*range(5)))
    try:
        run_until(copying(topics, topics.address, seen), lambda: topics.committed() == 5)
    finally:
        ends.set()
    assert values(topics) == sent(*range(5))
    assert calls["made"] == 2
    assert len(seen.of(events.ProducerReplaced)) == 1


def test_the_limit_ends_before_librdkafka_sends_a_request_again() -> None:
    def limit_s(**given: int) -> float:
        dotted = {name.replace("_", "."): value for name, value in given.items()}
        settings = complete({"bootstrap.servers": "localhost:1", **dotted}, group_id="g", transactional_id="t")
        return writer.answer_limit_s(settings)

    assert limit_s() == pytest.approx(9.0)
    assert limit_s(socket_timeout_ms=2000) == pytest.approx(1.8)
    assert limit_s(transaction_timeout_ms=10_000) == pytest.approx(8.91)
    assert limit_s(transaction_timeout_ms=500) == pytest.approx(0.81), "librdkafka's least"


@pytest.fixture
def forgetful(tmp_path: Path, cache: Path) -> Iterator[KafkaServer]:
    """A broker that forgets a transactional.id after two seconds, instead of a week."""
    server = KafkaServer(
        tmp_path,
        cache,
        settings={
            "transactional.id.expiration.ms": "2000",
            "transaction.remove.expired.transaction.cleanup.interval.ms": "200",
        },
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()


def test_a_pause_longer_than_the_expiration_of_the_transactional_id_is_survived(forgetful: KafkaServer) -> None:
    topics = Topics(forgetful.bootstrap_servers)
    seen = Recorder()
    running = Running(copying(topics, topics.address, seen))

    async def known() -> set[str]:
        async with await ClusterClient.connect(topics.address) as cluster:
            return {entry.transactional_id for entry in await cluster.list_transactions()}

    try:
        topics.send(*sent(0))
        eventually(lambda: running.error is not None or topics.committed() == 1)
        name = f"{topics.group}-0"
        assert name in asyncio.run(known())
        eventually(lambda: name not in asyncio.run(known()))
        topics.send(*sent(1))
        eventually(lambda: running.error is not None or topics.committed() == 2)
    finally:
        assert running.stop() is None
    assert values(topics) == sent(0, 1)
    told = [event.reason for event in seen.of(events.TransactionAborted)]  # type: ignore[attr-defined]
    assert any("INVALID_PRODUCER_ID_MAPPING" in reason for reason in told), told
