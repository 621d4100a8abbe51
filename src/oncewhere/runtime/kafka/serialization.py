"""confluent-kafka's (de)serialisers, as the runtime calls them: bytes in, a value out; and back.

They take a `SerializationContext` beside the value: the topic, and that it is the value and not the key. Those of the
Schema Registry need no more than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka.serialization import MessageField, SerializationContext

if TYPE_CHECKING:
    from oncewhere.runtime.values import Decode, Deserializer, Encode, Serializer


def decode_with(deserializer: Deserializer, topic: str) -> Decode:
    """A deserialiser, for the values of one topic."""
    context = SerializationContext(topic, MessageField.VALUE)

    def decode(value: bytes) -> Any:
        return deserializer(value, context)

    return decode


def encode_with(serializer: Serializer, topic: str) -> Encode:
    """A serialiser, for the values of one topic.

    Raises:
        TypeError: (when called) it gave nothing for a value that is no tombstone.
    """
    context = SerializationContext(topic, MessageField.VALUE)

    def encode(value: Any) -> bytes:
        raw = serializer(value, context)
        if raw is None:
            raise TypeError(f"the serializer of topic {topic!r} gave nothing for a {type(value).__name__}")
        return raw

    return encode
