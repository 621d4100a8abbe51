"""The outbox: an effect's call in; in one processor a letter out, on a topic; in another the call itself, performed.

In the first processor an effect of policy `Outbox` is not executed: its arguments become a *letter*, an output of the
same Kafka transaction as everything else, so that it exists exactly when its record has been processed. The second
processor consumes the letters and performs each under the policy that was named for it. A letter's id is derived from
the event once and for all, like every key: whoever performs it, and however often, it is the same call.
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from oncewhere.effects.effect import Effect, resolved
from oncewhere.effects.idempotency import Derive, key_of
from oncewhere.effects.place import Batch, Call, OpenPlace, Start, Tally, Work
from oncewhere.effects.policy import AtMostOnce, IdempotencyKey, Outbox, Policy
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oncewhere.records import Partition

_UNBOUND = frozenset({inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD})


class Letter(msgspec.Struct, frozen=True):
    """One call to be made, as it stands on the topic, in JSON.

    Attributes:
        id: the call's key: the same for the same call of the same event.
        effect: the effect's name.
        arguments: by name, what the handler gave.
    """

    id: str
    effect: str
    arguments: msgspec.Raw


class Reply(msgspec.Struct, frozen=True):
    """What a call returned, as it stands on the topic of answers, in JSON.

    Attributes:
        id: the letter's.
        effect: the effect's name.
        answer: what the effect returned.
    """

    id: str
    effect: str
    answer: msgspec.Raw


class Posting(msgspec.Struct, frozen=True):
    """A letter on its way: what `tx.run` is to produce instead of a result.

    Attributes:
        topic: where to.
        value: the letter's bytes.
    """

    topic: str
    value: bytes


class Arguments:
    """The arguments of one effect, to and from JSON.

    Args:
        effect: whose; each parameter behind the first must have a type that msgspec can carry.

    Raises:
        ConfigurationError: one has none.
    """

    def __init__(self, effect: Effect[..., Any]) -> None:
        self._effect = effect
        self._signature = inspect.signature(effect.function)
        behind = list(self._signature.parameters.values())[1:]
        if any(parameter.kind in _UNBOUND for parameter in behind):
            raise self._refused("it takes any number of arguments")
        missing = [one.name for one in behind if one.annotation is inspect.Parameter.empty]
        if missing:
            raise self._refused(f"{', '.join(missing)} has no type")
        types = resolved(effect.name, effect.function, [one.name for one in behind])
        fields = [
            (one.name, types[one.name])
            if one.default is inspect.Parameter.empty
            else (one.name, types[one.name], one.default)
            for one in behind
        ]
        try:
            self._type = msgspec.defstruct(f"{effect.name}_arguments", fields, kw_only=True)
            self._decoder = msgspec.json.Decoder(self._type)
            msgspec.json.schema(self._type)
        except (TypeError, ValueError, NotImplementedError) as error:
            raise self._refused(str(error)) from error

    def pack(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        """What a handler gave, as JSON.

        Raises:
            ConfigurationError: it does not fit the parameters' types.
        """
        try:
            given = self._signature.bind(None, *args, **kwargs)
            own = list(given.arguments.items())[1:]
            raw = msgspec.json.encode(self._type(**dict(own)))
            self._decoder.decode(raw)
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise ConfigurationError(
                f"What effect {self._effect.name!r} is run with does not fit its parameters: {error}.",
                hint="Give it what its annotations say: it is read back by them.",
            ) from error
        return raw

    def unpack(self, raw: bytes | msgspec.Raw) -> dict[str, Any]:
        """The arguments, by name.

        Raises:
            msgspec.DecodeError: they are not of the parameters' types (any more).
        """
        return msgspec.structs.asdict(self._decoder.decode(raw))

    def _refused(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"The arguments of effect {self._effect.name!r} cannot be written down: {why}.",
            hint="Annotate each parameter with a msgspec Struct, a dataclass or a builtin type.",
        )


class OpenOutbox(OpenPlace):
    """A place whose effects become letters here; nothing of it is open.

    Args:
        policy: where the letters go.
        group_id: the consumer group.
    """

    def __init__(self, policy: Outbox, group_id: str) -> None:
        self.policy = policy
        self.group_id = group_id

    def assigned(self, starts: Mapping[Partition, Start]) -> None:
        """Nothing to read: Kafka's transaction has all of it."""

    def released(self, partitions: Iterable[Partition]) -> None:
        """Nothing to forget."""

    def begin(self, batch: Batch) -> OutboxWork:
        """Begins a batch."""
        del batch
        return OutboxWork(self)

    def close(self) -> None:
        """Nothing is open."""


class OutboxWork(Work):
    """One batch: each call becomes a letter, whether the record is redelivered or not."""

    def __init__(self, opened: OpenOutbox) -> None:
        self._opened = opened
        self._executed = 0

    def run(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Posting:
        """The letter, for `tx.run` to produce."""
        self._executed += 1
        return posting(call, self._opened.policy, self._opened.group_id, args, kwargs)

    def run_each(self, calls: Sequence[Call], values: Sequence[Any], lanes: Sequence[object]) -> list[Any]:
        """A letter for each."""
        del lanes
        return [self.run(call, (value,), {}) for call, value in zip(calls, values, strict=True)]

    def decide(self) -> Tally:
        """Kafka's transaction decides."""
        return Tally(executed=self._executed, replayed=0)

    def abandon(self) -> None:
        """The letters go with Kafka's transaction."""

    def confirmed(self) -> None:
        """Nothing is kept."""


def posting(call: Call, policy: Outbox, group_id: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Posting:
    """The letter of a call.

    Raises:
        RecordError: its id is to be made of an identity, and the record has none.
        ConfigurationError: the arguments do not fit.
    """
    derive = policy.then.derive if isinstance(policy.then, AtMostOnce | IdempotencyKey) else Derive.POSITION
    key = key_of(call, derive=derive, group_id=group_id)
    letter = Letter(key, call.effect.name, msgspec.Raw(call.effect.arguments.pack(args, kwargs)))
    return Posting(policy.topic, msgspec.json.encode(letter))


def performed_by(policy: Outbox) -> Policy:
    """The policy under which letters are performed: calls are told apart by letters' ids, wherever those stand."""
    then = policy.then
    return replace(then, derive=Derive.IDENTITY) if isinstance(then, AtMostOnce | IdempotencyKey) else then


def performing(effects: Sequence[Effect[..., Any]], place: Any) -> tuple[Effect[[Letter], bytes], frozenset[str]]:
    """The effect that performs any letter to some effects, and their names.

    Args:
        effects: whose letters there may be.
        place: where they are performed.
    """
    known = {effect.name: effect for effect in effects}

    def perform(connection: Any, letter: Letter) -> bytes:
        effect = known[letter.effect]
        result = effect.function(connection, **effect.arguments.unpack(letter.arguments))
        effect.codec.encode(result)  # it fits its annotation
        return msgspec.json.encode(result)

    return Effect("perform", place, perform), frozenset(known)
