"""Bytes and values: a consumed value's bytes in, a typed value out; and back.

JSON by msgspec unless a type or a (de)serializer says otherwise. Everything here is resolved once, before the first
record: what is left for each record is one call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from oncewhere.errors import ConfigurationError

Decode = Callable[[bytes], Any]
"""A value's bytes in, the value out; raises for bytes that are not of its type."""

Encode = Callable[[Any], bytes]
"""A value in, its bytes out."""

Deserializer = Callable[[bytes, Any], Any]
"""confluent-kafka's form of one: the bytes and a `SerializationContext` in."""

Serializer = Callable[[Any, Any], bytes | None]
"""confluent-kafka's form of one: the value and a `SerializationContext` in."""


def decoder(topic: str, value_type: Any) -> Decode | None:
    """How the values of a topic are decoded; None to leave them as bytes.

    Args:
        topic: the topic's name, for sentences.
        value_type: a msgspec Struct, a dataclass or a builtin type (JSON, by msgspec), a Pydantic model (JSON, by
            Pydantic), or `bytes`.

    Raises:
        ConfigurationError: nothing decodes to that type.
    """
    if value_type is bytes:
        return None
    if (validate := getattr(value_type, "model_validate_json", None)) is not None:
        return validate  # type: ignore[no-any-return]  # a Pydantic model's own
    try:
        decode = msgspec.json.Decoder(value_type).decode
        msgspec.json.schema(value_type)  # a custom class passes the decoder's constructor
    except (TypeError, NotImplementedError) as error:
        msg = f"Values of topic {topic!r} cannot be decoded to {value_type!r}."
        hint = "Declare a msgspec Struct, a dataclass, a builtin type, a Pydantic model or bytes, or a deserializer=…"
        raise ConfigurationError(msg, hint=hint, detail=str(error)) from error
    return decode


def _beyond_msgspec(value: Any) -> Any:
    """What msgspec does not know, in a form that it does."""
    dump = getattr(value, "model_dump", None)
    if dump is not None:  # a Pydantic model
        return dump(mode="json")
    raise TypeError(f"a {type(value).__name__} cannot be encoded as JSON; give bytes, or serializers={{topic: …}}")


encode_json: Encode = msgspec.json.Encoder(enc_hook=_beyond_msgspec).encode
"""Any value that msgspec or Pydantic knows, as JSON."""
