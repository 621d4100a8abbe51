"""A trace goes through Kafka: from a sender's record into a letter of the outbox, and on to whoever performs it."""

from __future__ import annotations

from functools import partial

import pytest
from confluent_kafka import Producer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from scene import Running, Topics, eventually

from oncewhere import AtLeastOnce, Function, Outbox, Processor, Record, Transaction, effect
from oncewhere.listeners.opentelemetry import instrument, instrument_batch

pytestmark = pytest.mark.servers

TRACE, SENDER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_a_letter_of_an_outbox_is_performed_in_the_trace_of_its_sender(topics: Topics) -> None:
    letters = topics.another("letters")
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traced = {"group_id": topics.group, "tracer_provider": provider}
    gateway = Function("gateway", policy=Outbox(letters, then=AtLeastOnce(acknowledged="a test")))
    performed: list[str] = []

    @effect(gateway)
    def capture(key: str, payment: str) -> None:
        performed.append(payment)

    first = Processor({"bootstrap.servers": topics.address}, group_id=topics.group, transactional_id=topics.group)

    def on_payment(record: Record[str], tx: Transaction) -> None:
        tx.run(capture, record.value)

    handler = instrument(on_payment, topic=topics.input, **traced)  # type: ignore[arg-type]
    first.consume(topics.input, str, identity=str, effects=[capture])(handler)
    second = first.outbox(
        gateway,
        transactional_id=f"{topics.group}-letters",
        around=partial(instrument_batch, topic=letters, **traced),  # type: ignore[arg-type]
    )
    producer = Producer({"bootstrap.servers": topics.address, "linger.ms": 0})
    producer.produce(topics.input, b'"e1"', headers=[("traceparent", f"00-{TRACE}-{SENDER}-01".encode())])
    assert producer.flush(20) == 0
    running = [Running(first), Running(second)]
    eventually(lambda: performed or any(one.error for one in running))
    assert [one.stop() for one in running] == [None, None]
    spans = exporter.get_finished_spans()
    letter = next(
        span
        for span in spans
        if span.name == "effect capture" and span.parent and span.parent.trace_id == int(TRACE, 16)
    )
    (performing,) = [span for span in spans if span.name == f"process {letters}"]
    (link,) = performing.links
    assert f"{link.context.trace_id:032x}" == TRACE
    assert link.context.span_id == letter.context.span_id, "from the very effect that it performs"
    (call,) = [span for span in spans if span.parent and span.parent.span_id == performing.context.span_id]
    assert (call.name, call.attributes["messaging.batch.message_count"]) == ("effect perform", 1)  # type: ignore[index]
