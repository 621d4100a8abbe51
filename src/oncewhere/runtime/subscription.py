"""One topic with its type, its identity and its handler: declared by `consume`, resolved before the first record."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from oncewhere.errors import ConfigurationError
from oncewhere.records import Record, Records
from oncewhere.runtime.discovery import effects_of
from oncewhere.runtime.rejection import OnError, Stop
from oncewhere.runtime.transaction import Transaction
from oncewhere.runtime.values import Decode, decoder
from oncewhere.spelling import nearest

if TYPE_CHECKING:
    from oncewhere.effects.effect import Effect
    from oncewhere.effects.place import Place

Handler = Callable[[Record[Any], Transaction], None]
BatchHandler = Callable[[Records[Any], Transaction], None]
Identity = str | Callable[[Any], object]
"""The business identity of an event: a field's name, or a function of the value."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Subscription:
    """What one topic is for.

    Attributes:
        topic: the topic's name.
        value_type: what its values decode to.
        decode: decodes them; None to leave them as bytes.
        identity: gives the business identity of a value as text; None where none was named.
        identity_name: how the identity was named, for the declaration.
        handler: the user's function.
        batch: True when it takes a list of records.
        on_error: what becomes of a record that cannot be processed.
        named_effects: the effects that `consume` names; None to find them by reading the handler.
    """

    topic: str
    value_type: Any
    decode: Decode | None
    identity: Callable[[Any], str | None] | None
    identity_name: str | None
    handler: Callable[[Any, Transaction], None]
    batch: bool
    on_error: OnError
    named_effects: tuple[Effect[Any, Any], ...] | None

    def effects(self) -> list[Effect[Any, Any]]:
        """The effects that its handler uses.

        Raises:
            ConfigurationError: two of them have one name at one place, or one needs an identity and none is named.
        """
        effects = list(self.named_effects) if self.named_effects is not None else effects_of(self.handler)
        by_name: dict[tuple[str, str], Effect[Any, Any]] = {}
        for effect in effects:
            if by_name.setdefault((effect.place.name, effect.name), effect) is not effect:
                msg = f"Two effects at {effect.place.name!r} are called {effect.name!r}."
                raise ConfigurationError(msg, hint="Name one of them: @effect(place, name=…).")
            if effect.place.policy.needs_identity and self.identity is None:
                policy = effect.place.policy.name
                raise ConfigurationError(
                    f"Effect {effect.name!r} at {effect.place.name!r} has policy {policy}, which tells events apart "
                    f"by identity, and topic {self.topic!r} names none.",
                    hint=f"Write @app.consume({self.topic!r}, …, identity='event_id'), or a function of the value.",
                )
        return effects

    def places(self) -> dict[str, Place[Any]]:
        """The places that its handler uses, by name."""
        return {effect.place.name: effect.place for effect in self.effects()}


def subscription(
    topic: str,
    value_type: Any,
    handler: Handler | BatchHandler,
    *,
    identity: Identity | None = None,
    effects: Sequence[Effect[Any, Any]] | None = None,
    batch: bool = False,
    on_error: OnError | None = None,
    deserializer: Callable[[bytes], Any] | None = None,
) -> Subscription:
    """Declares a subscription.

    Args:
        topic: the topic's name.
        value_type: what its values decode to.
        handler: the user's function.
        identity: see `Identity`.
        effects: the effects that it uses, where they cannot be found by reading its code.
        batch: True when the handler takes a list of records.
        on_error: what becomes of a record that cannot be processed; `Stop()` when None.
        deserializer: decodes a value's bytes, instead of JSON.

    Raises:
        ConfigurationError: the type cannot be decoded to, or has no field of the identity's name.
    """
    return Subscription(
        topic=topic,
        value_type=value_type,
        decode=deserializer or decoder(topic, value_type),
        identity=None if identity is None else _identity(topic, value_type, identity),
        identity_name=identity if isinstance(identity, str) else getattr(identity, "__name__", None),
        handler=handler,
        batch=batch,
        on_error=on_error or Stop(),
        named_effects=None if effects is None else tuple(effects),
    )


def _identity(topic: str, value_type: Any, identity: Identity) -> Callable[[Any], str | None]:
    """The identity as a function, checked against the fields of the type."""
    if isinstance(identity, str):
        fields = _fields(value_type)
        if fields is not None and identity not in fields:
            near = nearest(identity, fields)
            msg = f"{value_type!r} (topic {topic!r}) has no field {identity!r} to take the identity from."
            raise ConfigurationError(msg, hint=f"Did you mean {near!r}?" if near else f"It has {', '.join(fields)}.")
    return identity_reader(identity)


def identity_reader(identity: Identity) -> Callable[[Any], str | None]:
    """A function of a value: its identity, text as it is, numbers and UUIDs as text, None for a tombstone.

    It raises `TypeError` where the identity is bytes or a float.
    """

    def text(value: Any) -> str | None:
        if value is None:
            return None
        if callable(identity):
            found = identity(value)
        else:
            found = value[identity] if isinstance(value, dict) else getattr(value, identity)
        if found is None or isinstance(found, str):
            return found
        if isinstance(found, bytes | float):
            # Bytes have no one spelling as text, and a float no exact one.
            raise TypeError(f"an event identity is text, a whole number or a UUID, not {type(found).__name__}")
        return str(found)

    return text


def _fields(value_type: Any) -> list[str] | None:
    """The fields of a Struct or dataclass; None where the type does not say."""
    if hasattr(value_type, "__struct_fields__"):
        return list(value_type.__struct_fields__)
    if hasattr(value_type, "model_fields"):  # a Pydantic model
        return list(value_type.model_fields)
    if dataclasses.is_dataclass(value_type):
        return [field.name for field in dataclasses.fields(value_type)]
    return None
