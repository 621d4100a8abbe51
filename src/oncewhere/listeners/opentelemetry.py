"""Traces and metrics by OpenTelemetry: handlers and events in, spans and instruments out.

Needs `oncewhere[opentelemetry]`, which is the API alone. Which SDK, exporter and propagator there are is the
application's business; where there is no SDK, all of this only passes the sender's context on.

What a span says, and what it does not: it stands for *one handling* of a record. A batch that does not commit is
redelivered and handled again, which makes a second span under the same parent: that is what happened. That an effect
happened once is not to be read off traces; the place where it happened knows that.

Names and attributes follow the messaging conventions of version 1.44.0. They are not stable (1.45 renames some), so
the tracer names that version in its schema URL, by which a backend can translate them. Neither keys nor payloads are
attributes, and of an error only its type: its text may show either.

Do not wrap confluent-kafka with OpenTelemetry's own instrumentation beside this: it hides `init_transactions`.
"""

from __future__ import annotations

import functools
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from opentelemetry import context, metrics, propagate, trace
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

from oncewhere.errors import DuplicateEvent
from oncewhere.listeners.metrics import BUCKETS_S, METRICS, Kind, Samples
from oncewhere.records import Headers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from opentelemetry.metrics import Counter, Histogram, MeterProvider
    from opentelemetry.metrics import _Gauge as Gauge
    from opentelemetry.trace import SpanContext, Tracer, TracerProvider

    from oncewhere.records import Record
    from oncewhere.runtime.events import Event

T = TypeVar("T")
X = TypeVar("X")  # the transaction; what stands above the runtime need not know its class
P = ParamSpec("P")
R = TypeVar("R")

Attributes = dict[str, str | int | bool]

SCOPE = "oncewhere"
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
MAX_LINKS = 128
"""Links of one batch's span: the SDK's own default limit, beyond which it would drop the first ones."""


def instrument(
    handler: Callable[[Record[T], X], None],
    *,
    topic: str,
    group_id: str,
    tracer_provider: TracerProvider | None = None,
) -> Callable[[Record[T], X], None]:
    """Wraps a handler so that each record is handled in a span, in the trace of whoever sent it.

    The sender's context is taken from the record's headers by the configured propagator (W3C `traceparent` unless you
    choose another), and what the handler produces carries the context on: trace headers that it copied from its input
    are replaced. Each effect that it runs gets a span of its own below.

    Outputs get no span of their own: they leave when the batch commits, long after `tx.produce` has returned.

    Args:
        handler: takes a record and a transaction.
        topic: the topic that it handles.
        group_id: the consumer group.
        tracer_provider: None takes the global one.

    Returns:
        A handler. Its effects are still found by reading the original one (`__wrapped__`).
    """
    tracer = _tracer(tracer_provider)
    name, fixed = _name_and_attributes(topic, group_id)

    @functools.wraps(handler)
    def traced(record: Record[T], tx: X) -> None:
        attributes = {
            **fixed,
            "messaging.destination.partition.id": str(record.partition),
            "messaging.kafka.offset": record.offset,
        }
        if record.value is None and record.message.value() is None:
            attributes["messaging.kafka.message.tombstone"] = True
        token = context.attach(propagate.extract(record.headers, getter=_FROM_HEADERS))
        try:
            with _span(tracer, name, kind=SpanKind.CONSUMER, attributes=attributes):
                handler(record, cast("X", TracedTransaction(tx, tracer)))
        finally:
            context.detach(token)

    return traced


def instrument_batch(
    handler: Callable[[Sequence[Record[T]], X], None],
    *,
    topic: str,
    group_id: str,
    tracer_provider: TracerProvider | None = None,
) -> Callable[[Sequence[Record[T]], X], None]:
    """Wraps a batch handler: one span per batch, linked to the spans of those who sent its records.

    A batch has many senders and a span one parent, so the span begins a trace of its own; what the handler produces
    carries that one on.

    Args:
        handler: takes the records of a batch and a transaction.
        topic: the topic that it handles.
        group_id: the consumer group.
        tracer_provider: None takes the global one.

    Returns:
        A batch handler, as `instrument` returns a handler.
    """
    tracer = _tracer(tracer_provider)
    name, fixed = _name_and_attributes(topic, group_id)

    @functools.wraps(handler)
    def traced(records: Sequence[Record[T]], tx: X) -> None:
        attributes: Attributes = {**fixed, "messaging.batch.message_count": len(records)}
        token = context.attach(context.Context())
        try:
            with _span(tracer, name, kind=SpanKind.CONSUMER, attributes=attributes, links=_links(records)):
                handler(records, cast("X", TracedTransaction(tx, tracer)))
        finally:
            context.detach(token)

    return traced


class TracedTransaction:
    """A transaction whose outputs carry the current trace context, and whose effects have spans.

    A letter of an outbox carries the context of its effect's span. Everything else is the transaction's own.

    Args:
        tx: the runtime's `Transaction`.
        tracer: makes the spans.
    """

    __slots__ = ("_tracer", "_tx")

    def __init__(self, tx: Any, tracer: Tracer) -> None:
        self._tx = tx
        self._tracer = tracer
        tx.carried = _context_alone

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    @property
    def carried(self) -> Any:
        """The runtime's own; a handler that is wrapped twice has it set through the outer one."""
        return self._tx.carried

    @carried.setter
    def carried(self, carried: Any) -> None:
        self._tx.carried = carried

    def run(self, effect: Any, /, *args: Any, **kwargs: Any) -> Any:
        """As `Transaction.run`; the span covers a recorded result as well, which is quick."""
        with _span(self._tracer, f"effect {effect.name}", attributes=_effect_attributes(effect)):
            return self._tx.run(effect, *args, **kwargs)

    def run_each(self, effect: Any, /, records: Any, values: Iterable[Any] | None = None) -> Any:
        """As `Transaction.run_each`; one span for all of them, as they may be executed together."""
        attributes = {**_effect_attributes(effect), "messaging.batch.message_count": len(records)}
        with _span(self._tracer, f"effect {effect.name}", attributes=attributes):
            return self._tx.run_each(effect, records, values)

    def produce(
        self,
        topic: str,
        value: object,
        key: bytes | str | None = None,
        headers: Iterable[tuple[str, bytes | str | None]] | None = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> None:
        """As `Transaction.produce`."""
        self._tx.produce(topic, value, key, _carrying_context(headers), partition, timestamp_ms)

    def produce_batch(
        self,
        topic: str,
        values: Iterable[object],
        keys: Iterable[bytes | str | None],
    ) -> None:
        """As `Transaction.produce_batch`: whatever is refused is, before the first of them is produced."""
        carried = _context_alone()
        if carried is None:
            self._tx.produce_batch(topic, values, keys)
            return
        raws, names = self._tx.columns(topic, values, keys)
        headers = list(carried)
        for raw, key in zip(raws, names, strict=True):
            self._tx.send(topic, raw, key, -1, None, None, 0, headers)


class OpenTelemetryListener:
    """Hands `oncewhere.listeners.metrics.METRICS` to a meter, under their dotted names.

    Args:
        meter_provider: None takes the global one.
    """

    def __init__(self, meter_provider: MeterProvider | None = None) -> None:
        meter = metrics.get_meter(SCOPE, version(SCOPE), meter_provider, SCHEMA_URL)
        self._samples = Samples()
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for metric in METRICS:
            if metric.kind is Kind.COUNTER:
                self._counters[metric.name] = meter.create_counter(metric.dotted, metric.unit, metric.help)
            elif metric.kind is Kind.GAUGE:
                self._gauges[metric.name] = meter.create_gauge(metric.dotted, metric.unit, metric.help)
            else:
                self._histograms[metric.name] = meter.create_histogram(
                    metric.dotted,
                    metric.unit,
                    metric.help,
                    explicit_bucket_boundaries_advisory=BUCKETS_S,
                )

    def __call__(self, event: Event) -> None:
        """Takes one event of the runtime."""
        for sample in self._samples.of(event):
            name = sample.metric.name
            attributes = dict(zip(sample.metric.labels, sample.labels, strict=True))
            match sample.metric.kind:
                case Kind.COUNTER:
                    self._counters[name].add(sample.value, attributes)
                case Kind.GAUGE:
                    self._gauges[name].set(sample.value, attributes)
                case Kind.HISTOGRAM:
                    self._histograms[name].record(sample.value, attributes)


class _FromHeaders(Getter[Headers]):
    """Reads a propagator's fields out of a record's headers."""

    def get(self, carrier: Headers, key: str) -> list[str] | None:
        """All values of a header; one that is null or no UTF-8 was not written by a propagator."""
        return [text for name, value in carrier if name == key and (text := _text(value)) is not None] or None

    def keys(self, carrier: Headers) -> list[str]:
        """The names of all headers."""
        return [name for name, _ in carrier]


_FROM_HEADERS = _FromHeaders()


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _effect_attributes(effect: Any) -> Attributes:
    return {"oncewhere.effect": effect.name, "oncewhere.place": effect.place.name}


def _context_alone() -> Iterable[tuple[str, bytes | str | None]] | None:
    return _carrying_context(None)


def _carrying_context(
    headers: Iterable[tuple[str, bytes | str | None]] | None,
) -> Iterable[tuple[str, bytes | str | None]] | None:
    """The headers with the current context; a copied one of the input would contradict it."""
    fields: dict[str, str] = {}
    propagate.inject(fields)
    if not fields:
        return headers
    ours = propagate.get_global_textmap().fields
    kept = [(name, value) for name, value in headers or () if name not in ours]
    return [*kept, *((name, value.encode()) for name, value in fields.items())]


def _links(records: Sequence[Record[Any]]) -> list[Link]:
    """The distinct spans of those who sent the records, in order, `MAX_LINKS` at most."""
    found: dict[tuple[int, int], SpanContext] = {}
    for record in records:
        headers = record.headers
        if not headers:
            continue
        sender = trace.get_current_span(propagate.extract(headers, getter=_FROM_HEADERS)).get_span_context()
        if sender.is_valid:
            found.setdefault((sender.trace_id, sender.span_id), sender)
            if len(found) == MAX_LINKS:
                break
    return [Link(sender) for sender in found.values()]


def _tracer(provider: TracerProvider | None) -> Tracer:
    return trace.get_tracer(SCOPE, version(SCOPE), provider, SCHEMA_URL)


def _name_and_attributes(topic: str, group_id: str) -> tuple[str, Attributes]:
    return f"process {topic}", {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": topic,
        "messaging.consumer.group.name": group_id,
    }


@contextmanager
def _span(
    tracer: Tracer,
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Mapping[str, str | int | bool],
    links: Sequence[Link] = (),
) -> Iterator[None]:
    """A current span that says of an error only its type, and that a suppressed duplicate is none."""
    with tracer.start_as_current_span(
        name,
        kind=kind,
        attributes=attributes,
        links=links,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except DuplicateEvent:
            span.set_attribute("oncewhere.duplicate", value=True)
            raise
        except Exception as error:
            cls = type(error)
            span.set_attribute("error.type", f"{cls.__module__}.{cls.__qualname__}".removeprefix("builtins."))
            span.set_status(Status(StatusCode.ERROR))
            raise
