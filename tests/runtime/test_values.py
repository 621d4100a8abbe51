"""What a handler gets and gives: every kind of value, with its key, headers and time, through a real broker."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pydantic
import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from scene import Running, Topics, eventually, read_committed

from oncewhere import (
    ConfigurationError,
    DeadLetter,
    DeserializationError,
    HandlerError,
    Processor,
    Record,
    Records,
    Transaction,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.servers


@dataclass
class AsDataclass:
    name: str
    amount: int


class AsStruct(msgspec.Struct):
    name: str
    amount: int


class AsModel(pydantic.BaseModel):
    name: str
    amount: int


RAW = '{"name":"Zoë","amount":7}'.encode()


def send(topics: Topics, value: bytes | None, **more: Any) -> None:
    producer = Producer({"bootstrap.servers": topics.address, "linger.ms": 0})
    producer.produce(topics.input, value, **more)
    assert producer.flush(20) == 0


def processor(topics: Topics, **more: Any) -> Processor:
    return Processor(
        {"bootstrap.servers": topics.address}, group_id=topics.group, transactional_id=topics.group, **more
    )


def run_one(app: Processor, topics: Topics) -> Any:
    """Runs until the first record is done; gives its output."""
    running = Running(app)
    eventually(lambda: running.error is not None or topics.committed() == 1)
    assert running.stop() is None
    (message,) = topics.messages()
    return message


@pytest.mark.parametrize("value_type", [AsDataclass, AsStruct, AsModel, dict[str, Any]])
def test_json_becomes_the_declared_type_and_json_again(topics: Topics, value_type: type[Any]) -> None:
    app = processor(topics)
    seen: list[Any] = []

    @app.consume(topics.input, value_type)
    def handle(record: Record[Any], tx: Transaction) -> None:
        seen.append(record.value)
        tx.produce(topics.output, record.value)

    send(topics, RAW)
    output = run_one(app, topics)
    assert isinstance(seen[0], dict if value_type not in {AsDataclass, AsStruct, AsModel} else value_type)
    assert json.loads(output.value()) == {"name": "Zoë", "amount": 7}


def test_bytes_stay_as_they_are(topics: Topics) -> None:
    app = processor(topics)

    @app.consume(topics.input, bytes)
    def handle(record: Record[bytes], tx: Transaction) -> None:
        tx.produce(topics.output, record.value)

    send(topics, b"\x00\xff{")
    assert run_one(app, topics).value() == b"\x00\xff{"


@pytest.mark.parametrize("value_type", [bytes, AsStruct])
def test_a_tombstone_without_a_key_passes(topics: Topics, value_type: type[Any]) -> None:
    app = processor(topics)
    seen: list[tuple[Any, Any]] = []

    @app.consume(topics.input, value_type)
    def handle(record: Record[Any], tx: Transaction) -> None:
        seen.append((record.value, record.key))
        tx.produce(topics.output, record.value, record.key)

    send(topics, None)
    output = run_one(app, topics)
    assert seen == [(None, None)]
    assert (output.value(), output.key()) == (None, None)


def test_key_headers_and_time_arrive_and_can_be_passed_on(topics: Topics) -> None:
    app = processor(topics)
    headers = [("trace", b"1"), ("trace", b"2"), ("nothing", None)]
    seen: list[Any] = []

    @app.consume(topics.input, bytes)
    def handle(record: Record[bytes], tx: Transaction) -> None:
        seen.append((record.topic, record.partition, record.offset, record.key, record.headers, record.timestamp_ms))
        tx.produce(topics.output, record.value, "Zoë", headers=record.headers, timestamp_ms=record.timestamp_ms)

    send(topics, b"v", key=b"k\xff", headers=headers, timestamp=1_700_000_000_123)
    output = run_one(app, topics)
    assert seen == [(topics.input, 0, 0, b"k\xff", headers, 1_700_000_000_123)]
    assert output.key() == "Zoë".encode()
    assert output.headers() == headers
    assert output.timestamp()[1] == 1_700_000_000_123


def test_schema_registry_serializers_are_used_where_they_are_given(topics: Topics) -> None:
    registry = SchemaRegistryClient.new_client({"url": "mock://values"})
    schema = json.dumps(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "title": "Payment",
            "type": "object",
            "properties": {"name": {"type": "string"}, "amount": {"type": "integer"}},
            "required": ["name", "amount"],
        },
    )

    def to_dict(value: AsDataclass, context: Any) -> dict[str, Any]:
        del context
        return asdict(value)

    def from_dict(value: dict[str, Any], context: Any) -> AsDataclass:
        del context
        return AsDataclass(**value)

    serialize: Callable[..., Any] = JSONSerializer(schema, registry, to_dict)
    deserialize: Callable[..., Any] = JSONDeserializer(schema, from_dict)
    app = processor(topics, serializers={topics.output: serialize})
    seen: list[Any] = []

    @app.consume(topics.input, AsDataclass, deserializer=deserialize)
    def handle(record: Record[AsDataclass], tx: Transaction) -> None:
        seen.append(record.value)
        tx.produce(topics.output, AsDataclass(record.value.name, record.value.amount + 1))

    framed = app_bytes(serialize, topics.input, AsDataclass("Zoë", 7))
    assert framed.startswith(b"\x00"), "the registry's own frame: magic byte and schema id"
    send(topics, framed)
    output = run_one(app, topics)
    assert seen == [AsDataclass("Zoë", 7)]
    assert output.value() == app_bytes(serialize, topics.output, AsDataclass("Zoë", 8))


def app_bytes(serialize: Callable[..., Any], topic: str, value: Any) -> bytes:
    from confluent_kafka.serialization import MessageField, SerializationContext  # noqa: PLC0415

    raw = serialize(value, SerializationContext(topic, MessageField.VALUE))
    assert isinstance(raw, bytes)
    return raw


def test_a_value_that_cannot_be_encoded_is_refused_by_its_name(topics: Topics) -> None:
    app = processor(topics)

    @app.consume(topics.input, bytes)
    def handle(record: Record[bytes], tx: Transaction) -> None:
        tx.produce(topics.output, object())

    send(topics, b"v")
    error = Running(app).wait()
    assert isinstance(error.__cause__, TypeError)  # type: ignore[union-attr]
    assert "object cannot be encoded as JSON" in str(error.__cause__)  # type: ignore[union-attr]
    assert topics.messages() == []


def test_a_type_that_nothing_decodes_to_is_refused_at_once() -> None:
    app = Processor({"bootstrap.servers": "127.0.0.1:1"}, group_id="g", transactional_id="t")
    with pytest.raises(ConfigurationError, match="cannot be decoded"):
        app.consume("payments", Processor)(lambda record, tx: None)


@pytest.mark.parametrize(("value", "key"), [(b"", b""), (b"", None), (None, b"")])
def test_nothing_and_empty_are_told_apart(topics: Topics, value: bytes | None, key: bytes | None) -> None:
    app = processor(topics)
    seen: list[Any] = []

    @app.consume(topics.input, bytes)
    def handle(record: Record[bytes], tx: Transaction) -> None:
        seen.append((record.value, record.key))
        tx.produce(topics.output, record.value, record.key)

    send(topics, value, key=key)
    output = run_one(app, topics)
    assert seen == [(value, key)]
    assert (output.value(), output.key()) == (value, key)


def test_a_tombstone_goes_by_every_serializer(topics: Topics) -> None:
    def never(value: Any, context: Any) -> Any:
        raise AssertionError("a tombstone has no value to be (de)serialised")

    app = processor(topics, serializers={topics.output: never})
    seen: list[Any] = []

    @app.consume_batch(topics.input, AsStruct, deserializer=never)
    def handle(records: Records[AsStruct], tx: Transaction) -> None:
        seen.extend(records.values)
        tx.produce_batch(topics.output, records.values, records.keys)

    send(topics, None, key=b"k")
    output = run_one(app, topics)
    assert seen == [None]
    assert (output.value(), output.key()) == (None, b"k")


def test_columns_of_a_batch_go_through_their_serializers(topics: Topics) -> None:
    def from_comma(value: bytes, context: Any) -> AsStruct:
        assert context.topic == topics.input
        name, amount = value.decode().split(",")
        return AsStruct(name, int(amount))

    def to_comma(value: AsStruct, context: Any) -> bytes:
        assert context.topic == topics.output
        return f"{value.name},{value.amount}".encode()

    app = processor(topics, serializers={topics.output: to_comma})

    @app.consume_batch(topics.input, AsStruct, deserializer=from_comma)
    def handle(records: Records[AsStruct], tx: Transaction) -> None:
        tx.produce_batch(topics.output, [AsStruct(v.name, v.amount + 1) for v in records.values], records.keys)

    send(topics, "Zoë,7".encode(), key=b"k")
    output = run_one(app, topics)
    assert (output.value(), output.key()) == ("Zoë,8".encode(), b"k")


def test_a_deserializer_that_fails_leaves_the_bytes_in_the_letter(topics: Topics) -> None:
    letters = topics.another("rejected")
    schema = json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "title": "P", "type": "object"})
    deserialize: Callable[..., Any] = JSONDeserializer(schema)
    app = processor(topics)

    @app.consume(topics.input, dict, deserializer=deserialize, on_error=DeadLetter(letters))
    def handle(record: Record[Any], tx: Transaction) -> None:
        raise AssertionError("it has no value")

    send(topics, b"not framed")
    running = Running(app)
    eventually(lambda: running.error is not None or topics.committed() == 1)
    assert running.stop() is None
    (letter,) = read_committed(topics.address, letters)
    assert letter.value() == b"not framed"
    assert dict(letter.headers())["oncewhere.error.class"] == b"confluent_kafka.serialization.SerializationError"


def test_the_record_of_a_batch_that_is_of_another_type_is_named(topics: Topics) -> None:
    app = processor(topics)
    app.consume_batch(topics.input, AsStruct)(lambda records, tx: None)
    topics.send(RAW, RAW, b'{"name":"secret"}', RAW)
    error = Running(app).wait()
    assert isinstance(error, DeserializationError)
    assert error.offset == 2
    assert "secret" not in str(error)


def test_a_batch_handlers_own_error_is_no_error_of_decoding(topics: Topics) -> None:
    app = processor(topics)

    @app.consume_batch(topics.input, AsStruct)
    def handle(records: Records[AsStruct], tx: Transaction) -> None:
        msgspec.json.decode(b"{", type=AsStruct)

    topics.send(RAW)
    error = Running(app).wait()
    assert isinstance(error, HandlerError)
    assert isinstance(error.__cause__, msgspec.DecodeError)


def test_a_serializer_that_gives_nothing_does_not_make_a_tombstone(topics: Topics) -> None:
    app = processor(topics, serializers={topics.output: lambda value, context: None})
    app.consume(topics.input, AsStruct)(lambda record, tx: tx.produce(topics.output, record.value))
    send(topics, RAW)
    error = Running(app).wait()
    assert isinstance(error, HandlerError)
    assert "gave nothing for a AsStruct" in str(error.__cause__)
    assert topics.messages() == []


def test_a_model_that_does_not_validate_is_not_handled(topics: Topics) -> None:
    app = processor(topics)
    app.consume(topics.input, AsModel)(lambda record, tx: tx.produce(topics.output, record.value))
    send(topics, b'{"name":"Zo","amount":"many"}')
    error = Running(app).wait()
    assert isinstance(error, DeserializationError)
    assert isinstance(error.__cause__, pydantic.ValidationError)
    assert "many" not in str(error)
