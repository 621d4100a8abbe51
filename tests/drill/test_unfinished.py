"""Why a clean run did not finish: topics and groups that are not the declared ones are named, and nothing else is."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from oncewhere.drill.checks import ProgressSeen
from oncewhere.drill.declaration import Processor, Settings, Version
from oncewhere.drill.effect import Effect
from oncewhere.drill.history import Wire
from oncewhere.drill.inputs import Input
from oncewhere.drill.observation import Declared
from oncewhere.drill.trial import Trial
from oncewhere.drill.unfinished import lacking, reasons
from oncewhere.project.writing import sample_inputs

DECLARED = Declared(input_topic="order-placed", output_topics=("points-granted",), group="loyalty", effects={})


def sent(kind: str, direction: str = "request", **fields: Any) -> Wire:
    return Wire(
        t=0.1,
        life=1,
        link="kafka#1",
        interval=1,
        system="kafka",
        kind=kind,
        direction=direction,
        sequence=1,
        boundary=False,
        outcome="forwarded",
        fields=fields,
    )


def missing(*topics: str) -> Wire:
    return sent("Metadata", "reply", missing=list(topics))


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([missing("orders-placed")], "It asked Kafka for orders-placed, which the declaration does not name"),
        ([missing("orders-placed")], "processor.input is order-placed"),
        ([missing("points")], "processor.output is points-granted"),
        ([sent("Fetch", topics=["orders-placed"])], "It reads orders-placed and never order-placed"),
        ([sent("JoinGroup", group="loyality")], "It joined group loyality, but processor.group is loyalty"),
        ([sent("ConsumerGroupHeartbeat", group="x")], "It joined group x"),
        ([sent("OffsetCommit", group="x")], "Positions were committed for x, but processor.group is loyalty"),
        ([sent("Produce", partitions=[{"topic": "points", "records": 3}])], "3 records went to topic points"),
        ([sent("opaque", reason="SASL tokens")], "A connection to kafka could not be read to its end: SASL tokens."),
    ],
)
def test_what_is_not_as_declared_is_named_beside_what_is_declared(events: list[Wire], says: str) -> None:
    assert says in " ".join(reasons(events, DECLARED))


def answered(t: float, **fields: Any) -> Wire:
    wire = sent("write", "reply", **fields)
    return msgspec.structs.replace(wire, t=t, link="bank#1", system="postgresql", place="bank")


def test_a_database_that_refused_the_last_statement_is_a_reason_and_one_that_went_on_is_none() -> None:
    declared = dataclasses.replace(
        DECLARED, effects={"bank": Effect(system="postgresql", policy="none", observe="select 1, 1")}
    )
    error = {"status": "E", "sqlstate": "23502", "error": "integrity constraint violation", "table": "account"}
    (told,) = reasons([answered(0.2, status="T"), answered(0.3, **error)], declared)
    assert told.startswith(
        "The last that bank answered is SQLSTATE 23502 (integrity constraint violation, table account): do the inputs"
    )
    assert told.endswith("does effects.bank.schema make its tables?")
    assert reasons([answered(0.2, **error), answered(0.3, status="T")], declared) == ()


def test_the_same_group_is_told_once() -> None:
    told = reasons([sent("JoinGroup", group="x"), sent("OffsetCommit", group="x")], DECLARED)
    assert len(told) == 1


@pytest.mark.parametrize(
    "events",
    [
        [],
        [missing("order-placed"), missing("points-granted")],
        [missing("loyalty-store-changelog")],
        [sent("Fetch", topics=["order-placed", "loyalty-store-changelog"])],
        [sent("JoinGroup", group="loyalty"), sent("JoinGroup", group="another")],
        [sent("Produce", partitions=[{"topic": "points-granted", "records": 3}])],
    ],
)
def test_what_is_as_declared_or_of_kafka_streams_is_no_reason(events: list[Wire]) -> None:
    assert reasons(events, DECLARED) == ()


def version(identity: str = "event_id", **effects: str | None) -> Version:
    processor = Processor(command=["x"], input="i", output=["o"], group="g", identity=identity)
    places = {
        name: Effect(system="postgresql", observe="select 1, 1", schema=schema) for name, schema in effects.items()
    }
    settings = Settings(inputs="inputs.jsonl")
    return Version(name="v", about="", processor=processor, effects=places, settings=settings, expect={})


@pytest.mark.parametrize("identity", ["event_id", "key", "header:id"])
def test_the_inputs_that_init_wrote_are_told_from_those_with_fields_of_their_own(identity: str) -> None:
    written = msgspec.json.Decoder(Input)
    sample = [written.decode(line) for line in sample_inputs(identity).splitlines()]
    (told,) = lacking(version(identity), sample)
    assert f"no more than {identity} and number: put the fields that your processor reads into inputs.jsonl." in told
    for own in ('{"event_id": "e", "amount": 3}', '{"event_id": "e"}', '"text"'):
        assert lacking(version(identity), [*sample, written.decode(f'{{"value": {own}}}')]) == ()
    assert lacking(version(identity), []) == ()


def test_a_database_without_a_schema_is_said_to_be_empty() -> None:
    (told,) = lacking(version(refunds=None, bank="schema.sql"), [])
    assert told.startswith("effects.refunds.schema is not declared, so its database begins empty")


@pytest.mark.parametrize(("schema", "told"), [(None, True), ("schema.sql", False)])
def test_a_processor_that_hangs_is_told_it_too(schema: str | None, *, told: bool) -> None:
    trial: Any = SimpleNamespace(_reasons=tuple, _version=version(refunds=schema), _inputs=[])
    crossing: Any = SimpleNamespace(counters={"kafka": SimpleNamespace(connections=1)})
    hint = Trial._why_unfinished(trial, crossing, ProgressSeen(committed=0, total=1))
    assert ("effects.refunds.schema is not declared" in hint) is told
    assert "Give it more time (--deadline SECONDS" in hint


def test_one_that_was_still_going_on_is_told_what_time_it_has() -> None:
    trial: Any = SimpleNamespace(_reasons=tuple, _version=version(), _inputs=[])
    crossing: Any = SimpleNamespace(counters={"kafka": SimpleNamespace(connections=1)})
    progress = ProgressSeen(committed=5, total=9, going_on="2 in the last 5 s")
    hint = Trial._why_unfinished(trial, crossing, progress)
    assert hint.startswith("It has 30 s without progress, and 4 times that in all.")
    assert "(--deadline 120)" in hint
