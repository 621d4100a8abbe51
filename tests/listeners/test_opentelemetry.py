"""Handlers and events in, the SDK's own in-memory exporters out: what a backend would get."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from oncewhere import testing
from oncewhere.errors import DuplicateEvent
from oncewhere.listeners.metrics import METRICS
from oncewhere.listeners.opentelemetry import (
    MAX_LINKS,
    OpenTelemetryListener,
    instrument,
    instrument_batch,
)
from oncewhere.records import Headers, Partition, Record, Records
from oncewhere.runtime import events
from oncewhere.runtime.discovery import effects_of

TRACE, SENDER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT: tuple[str, bytes | None] = ("traceparent", f"00-{TRACE}-{SENDER}-01".encode())


class Place:
    name = "bank"


class Effect:
    """What the wrapper looks at of an effect."""

    name = "settle"
    place = Place()


class FakeTransaction:
    """Plumbing: it keeps what it is asked for, as the runtime's transaction would."""

    sent = 7

    def __init__(self, outcome: Any = "settled") -> None:
        self.outcome = outcome
        self.produced: list[tuple[Any, ...]] = []
        self.ran: list[tuple[Any, ...]] = []

    def run(self, effect: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.ran.append((effect, args, kwargs))
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    def run_each(self, effect: Any, records: Any, values: Any = None) -> Any:
        return self.run(effect, records, values)

    def produce(
        self, topic: str, value: object, key: Any = None, headers: Any = None, partition: Any = None, when: Any = None
    ) -> None:
        assert partition is when is None
        self.produced.append((topic, value, {"key": key, "headers": headers}))


class Spans:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def all(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.exporter.get_finished_spans()}

    def handle(self, handler: Any, record: Record[Any], tx: FakeTransaction) -> None:
        instrument(handler, topic="payment", group_id="g", tracer_provider=self.provider)(record, tx)

    def handle_batch(self, handler: Any, records: list[Record[Any]], tx: FakeTransaction) -> None:
        instrument_batch(handler, topic="payment", group_id="g", tracer_provider=self.provider)(records, tx)


@pytest.fixture
def spans() -> Spans:
    return Spans()


def record(*headers: tuple[str, bytes | None], value: Any = "v") -> Record[Any]:
    return Record.of(value, topic="payment", partition=3, offset=42, key=b"SECRET", headers=list(headers))


def passes_on(record: Record[Any], tx: Any) -> None:
    tx.produce("settled", record.value, key=b"k", headers=record.headers)


def test_a_span_stands_for_the_handling_of_a_record_in_its_senders_trace(spans: Spans) -> None:
    spans.handle(passes_on, record(PARENT), FakeTransaction())
    span = spans.all()["process payment"]
    assert span.kind is SpanKind.CONSUMER
    assert span.parent is not None
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, SENDER)
    assert dict(span.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "payment",
        "messaging.destination.partition.id": "3",
        "messaging.kafka.offset": 42,
        "messaging.consumer.group.name": "g",
    }
    assert span.instrumentation_scope is not None
    assert span.instrumentation_scope.schema_url == "https://opentelemetry.io/schemas/1.44.0"


def test_an_output_carries_the_span_on_and_no_second_context(spans: Spans) -> None:
    tx = FakeTransaction()
    spans.handle(passes_on, record(("a", b"1"), PARENT, ("tracestate", b"x=1"), ("a", None)), tx)
    span = spans.all()["process payment"]
    ((topic, value, options),) = tx.produced
    assert (topic, value, options["key"]) == ("settled", "v", b"k")
    assert options["headers"] == [
        ("a", b"1"),
        ("a", None),
        ("traceparent", f"00-{TRACE}-{span.context.span_id:016x}-01".encode()),
        ("tracestate", b"x=1"),
    ]


def test_a_tombstone_is_said_to_be_one(spans: Spans) -> None:
    spans.handle(lambda record, tx: None, record(value=None), FakeTransaction())
    attributes = spans.all()["process payment"].attributes
    assert attributes is not None
    assert attributes["messaging.kafka.message.tombstone"] is True


def test_baggage_travels_with_the_record(spans: Spans) -> None:
    tx = FakeTransaction()
    spans.handle(lambda record, tx: tx.produce("settled", b""), record(PARENT, ("baggage", b"tenant=7")), tx)
    assert ("baggage", b"tenant=7") in tx.produced[0][2]["headers"]


def test_a_record_without_a_context_begins_a_trace_whatever_surrounds_the_loop(spans: Spans) -> None:
    with spans.provider.get_tracer("app").start_as_current_span("main"):
        spans.handle(passes_on, record(), FakeTransaction())
    assert spans.all()["process payment"].parent is None


@pytest.mark.parametrize("value", [None, b"\xff\xfe", b"", b"00-0-0-01", b"x" * 10_000])
def test_a_broken_context_is_no_context(spans: Spans, value: bytes | None) -> None:
    spans.handle(passes_on, record(("traceparent", value)), FakeTransaction())
    assert spans.all()["process payment"].parent is None


def test_an_effect_has_a_span_below_the_records(spans: Spans) -> None:
    tx, effect, results = FakeTransaction(), Effect(), []
    spans.handle(lambda record, tx: results.append(tx.run(effect, 1, two=2)), record(PARENT), tx)
    found = spans.all()
    assert results == ["settled"]
    assert tx.ran == [(effect, (1,), {"two": 2})]
    parent = found["effect settle"].parent
    assert parent is not None
    assert parent.span_id == found["process payment"].context.span_id
    assert dict(found["effect settle"].attributes or {}) == {"oncewhere.effect": "settle", "oncewhere.place": "bank"}


def test_an_effect_of_a_batch_has_one_span_below_the_batchs(spans: Spans) -> None:
    tx = FakeTransaction(outcome=["settled", "settled"])
    spans.handle_batch(lambda records, tx: tx.run_each(Effect(), records), [numbered(1), numbered(2)], tx)
    effect, batch = spans.all()["effect settle"], spans.all()["process payment"]
    assert effect.parent is not None
    assert effect.parent.span_id == batch.context.span_id
    assert dict(effect.attributes or {}) == {
        "oncewhere.effect": "settle",
        "oncewhere.place": "bank",
        "messaging.batch.message_count": 2,
    }
    assert [len(records) for _, (records, values), _ in tx.ran if values is None] == [2]


def test_an_error_is_told_by_its_type_and_nothing_else(spans: Spans) -> None:
    tx = FakeTransaction(ValueError("SECRET"))
    with pytest.raises(ValueError, match="SECRET"):
        spans.handle(lambda record, tx: tx.run(Effect()), record(PARENT), tx)
    for span in spans.all().values():
        assert span.status.status_code is StatusCode.ERROR
        assert (span.attributes or {})["error.type"] == "ValueError"
        assert "SECRET" not in span.to_json()


def test_a_suppressed_duplicate_is_no_error(spans: Spans) -> None:
    tx = FakeTransaction(DuplicateEvent())
    with pytest.raises(DuplicateEvent):
        spans.handle(lambda record, tx: tx.run(Effect()), record(PARENT), tx)
    for span in spans.all().values():
        assert span.status.status_code is StatusCode.UNSET
        assert (span.attributes or {})["oncewhere.duplicate"] is True


def test_nothing_stays_behind_when_a_handler_fails(spans: Spans) -> None:
    with pytest.raises(ZeroDivisionError):
        spans.handle(lambda record, tx: 1 / 0, record(PARENT), FakeTransaction())
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.mark.parametrize("kind", ["each", "batch"])
def test_a_handler_that_is_instrumented_twice_carries_the_inner_span_on(spans: Spans, kind: str) -> None:
    tx: Any = FakeTransaction()
    letters: list[Any] = []
    given = record(PARENT)

    def handler(given: Any, its_tx: Any) -> None:
        its_tx.produce("settled", b"v")
        its_tx.run(Effect())
        letters.append(tx.carried())  # as the runtime asks, for a letter of an outbox

    if kind == "batch":
        inner: Any = instrument_batch(handler, topic="payment", group_id="g", tracer_provider=spans.provider)
        spans.handle_batch(inner, [given], tx)
    else:
        inner = instrument(handler, topic="payment", group_id="g", tracer_provider=spans.provider)
        spans.handle(inner, given, tx)
    (_, _, told), *rest = tx.produced
    assert not rest
    (context,) = told["headers"]
    assert letters == [[context]]
    innermost = spans.exporter.get_finished_spans()[2]  # after both of the effect
    assert innermost.name == "process payment"
    assert f"{innermost.context.span_id:016x}" in context[1].decode()


def test_everything_else_of_a_transaction_is_its_own(spans: Spans) -> None:
    seen = []
    spans.handle(lambda record, tx: seen.append(tx.sent), record(), FakeTransaction())
    assert seen == [7]


def test_effects_are_still_found_by_reading_the_handler() -> None:
    assert effects_of(instrument(passes_on, topic="payment", group_id="g")) == effects_of(passes_on)
    assert instrument(passes_on, topic="payment", group_id="g").__wrapped__ is passes_on  # type: ignore[attr-defined]


def test_without_an_sdk_the_senders_context_passes_through() -> None:
    tx = FakeTransaction()
    instrument(passes_on, topic="payment", group_id="g")(record(PARENT), tx)
    assert tx.produced[0][2]["headers"] == [PARENT]


def test_without_a_context_headers_are_left_as_they_are() -> None:
    tx = FakeTransaction()
    instrument(passes_on, topic="payment", group_id="g")(record(("a", b"1")), tx)
    assert tx.produced[0][2]["headers"] == [("a", b"1")]


def numbered(number: int, *headers: tuple[str, bytes | None]) -> Record[Any]:
    context: Headers = [("traceparent", f"00-{TRACE}-{number:016x}-01".encode())] if number else []
    return record(*context, *headers)


def test_a_batch_has_one_span_linked_to_each_sender_once(spans: Spans) -> None:
    def handler(records: list[Record[Any]], tx: Any) -> None:
        for one in records:
            tx.produce("settled", one.value)

    tx = FakeTransaction()
    spans.handle_batch(handler, [numbered(n) for n in (1, 2, 2, 0)], tx)
    (span,) = spans.all().values()
    assert (span.name, span.kind, span.parent) == ("process payment", SpanKind.CONSUMER, None)
    assert [link.context.span_id for link in span.links] == [1, 2]
    assert (span.attributes or {})["messaging.batch.message_count"] == 4
    carried = {dict(options["headers"])["traceparent"].decode().rpartition("-")[0] for _, _, options in tx.produced}
    assert carried == {f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}"}


def test_columns_that_a_batch_produces_carry_its_span_on_too(spans: Spans) -> None:
    given = numbered(1)
    tx = testing.FakeTransaction(Records([given.value], [given.message]))
    spans.handle_batch(lambda records, tx: tx.produce_batch("settled", [b"1", [2]], [b"k", None]), [given], tx)
    assert [(output.value, output.key) for output in tx.outputs] == [(b"1", b"k"), ([2], None)]
    assert tx.sent == 2
    span_id = f"{spans.all()['process payment'].context.span_id:016x}".encode()
    assert all(span_id in dict(output.headers)["traceparent"] for output in tx.outputs)  # type: ignore[operator]


@pytest.mark.parametrize(("values", "keys"), [([1, 2, object()], [None] * 3), ([1, 2, 3], [None] * 2)])
def test_columns_that_are_refused_leave_nothing_that_a_handler_could_produce_twice(
    spans: Spans, values: list[object], keys: list[None]
) -> None:
    def handler(records: Any, tx: Any) -> None:
        with contextlib.suppress(TypeError, ValueError):
            tx.produce_batch("settled", iter(values), iter(keys))
        tx.produce_batch("settled", [1, 2, 3], [None] * 3)

    given = numbered(1)
    tx = testing.FakeTransaction(Records([given.value], [given.message]))
    spans.handle_batch(handler, [given], tx)
    assert [output.value for output in tx.outputs] == [1, 2, 3]


def test_links_are_limited(spans: Spans) -> None:
    spans.handle_batch(lambda records, tx: None, [numbered(n) for n in range(1, MAX_LINKS + 50)], FakeTransaction())
    assert [link.context.span_id for link in spans.all()["process payment"].links] == [*range(1, MAX_LINKS + 1)]


def test_a_meter_gets_the_same_metrics_under_dotted_names() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    listener = OpenTelemetryListener(provider)
    one = Partition("payment", 0, "id")
    for event in (
        events.Assigned({one: 0}),
        events.BatchDecided("bank", 3, 2),
        events.TransactionCommitted(5, 4, {one: 5}, handle_s=0.03, commit_s=0.004),
    ):
        listener(event)
    data = reader.get_metrics_data()
    provider.shutdown()
    assert data is not None
    (scope,) = data.resource_metrics[0].scope_metrics
    found = {
        (metric.name, metric.unit, *sorted((point.attributes or {}).items())): getattr(point, "value", None)
        or getattr(point, "sum", None)
        for metric in scope.metrics
        for point in metric.data.data_points
    }
    assert found == {
        ("oncewhere.assigned_partitions", "{partition}"): 1,
        ("oncewhere.rebalances", "{rebalance}", ("kind", "assigned")): 1,
        ("oncewhere.effects", "{effect}", ("kind", "executed"), ("place", "bank")): 3,
        ("oncewhere.effects", "{effect}", ("kind", "replayed"), ("place", "bank")): 2,
        ("oncewhere.records", "{record}"): 5,
        ("oncewhere.outputs", "{record}"): 4,
        ("oncewhere.transactions", "{transaction}", ("outcome", "committed")): 1,
        ("oncewhere.handle", "s"): 0.03,
        ("oncewhere.commit", "s"): 0.004,
    }
    assert len({metric.dotted for metric in METRICS}) == len(METRICS)
