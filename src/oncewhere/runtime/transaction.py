"""What a handler gets beside its record: effects to run come in, outputs are buffered until every place has decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

from oncewhere.effects.place import Call, Work
from oncewhere.errors import ConfigurationError, DuplicateEvent
from oncewhere.runtime.values import Key, output

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oncewhere.effects.effect import Effect
    from oncewhere.records import Output, Partition

P = ParamSpec("P")
R = TypeVar("R")


class Transaction:
    """The transaction that a record is handled in. Use it inside the handler only, from the handler's thread.

    Nothing that it does is visible to anybody before the whole batch is: outputs wait in memory until each place has
    committed its effects, and appear in Kafka together with the consumed offsets.
    """

    __slots__ = ("_calls", "_failure", "_identity", "_offset", "_outputs", "_partition", "_works")

    def __init__(self, outputs: list[Output]) -> None:
        self._works: Mapping[str, Work] = {}
        self._outputs = outputs
        self._partition: Partition | None = None
        self._offset = -1
        self._identity: str | None = None
        self._calls: dict[str, int] = {}
        self._failure: BaseException | None = None

    def run(self, effect: Effect[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs an effect once, ever, for this record; gives its recorded result when the record is redelivered.

        A handler that sees the same record again must ask for the same effects in the same order.

        Args:
            effect: what `@effect(place)` declared.
            args: its arguments after the connection.
            kwargs: its keyword arguments.

        Returns:
            What the effect returned, in the form in which it is recorded.

        Raises:
            DuplicateEvent: the same event was done at another position (policy `DedupeTable`). Let it pass: the runtime
                drops this record's outputs and goes on.
            ReplayError: the record is redelivered, and this call was not recorded.
            ConfigurationError: the handler is not known to use this effect.
            Exception: whatever the effect raises; the batch is lost then, even if the handler catches it.
        """
        work = self._works.get(effect.place.name)
        if work is None or self._partition is None:
            raise ConfigurationError(
                f"{effect!r} is not among the effects that this handler is known to use.",
                hint="Name them: @app.consume(topic, type, effects=[…]).",
            )
        nth = self._calls.get(effect.name, 0)
        self._calls[effect.name] = nth + 1
        call = Call(effect, self._partition, self._offset, nth, self._identity)
        try:
            result: R = work.run(call, args, kwargs)
        except DuplicateEvent:
            raise
        except BaseException as error:
            self._failure = error
            raise
        return result

    def produce(
        self,
        topic: str,
        value: object,
        *,
        key: Key = None,
        headers: Iterable[tuple[str, bytes | str | None]] = (),
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> None:
        """Buffers one output; the value is encoded now.

        Args:
            topic: the topic's name.
            value: bytes as they are, None for a tombstone, anything else as JSON (msgspec).
            key: bytes, text (UTF-8) or None.
            headers: pairs of name and value, in order.
            partition: the partition's number; by key when None.
            timestamp_ms: milliseconds since the epoch; the time of producing when None.

        Raises:
            TypeError: the key is neither bytes nor text, or the value cannot be encoded.
        """
        self._outputs.append(
            output(topic, value, key=key, headers=headers, partition=partition, timestamp_ms=timestamp_ms),
        )

    def enter(self, partition: Partition, offset: int, identity: str | None, works: Mapping[str, Work]) -> None:
        """The runtime's: the next record, and the places that its handler uses."""
        self._works = works
        self._partition = partition
        self._offset = offset
        self._identity = identity
        self._failure = None
        if self._calls:
            self._calls = {}

    @property
    def failure(self) -> BaseException | None:
        """The runtime's: what an effect of this record raised, whether or not the handler let it pass."""
        return self._failure
