"""What a handler gets beside its record: effects to run and outputs come in, in the transaction of its batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from oncewhere.effects.outbox import Posting
from oncewhere.effects.place import Call, Work
from oncewhere.errors import ConfigurationError, DuplicateEvent, EffectInDoubt
from oncewhere.records import Ran
from oncewhere.runtime.producing import HeadersOut, Producing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from oncewhere.effects.effect import Effect
    from oncewhere.records import Message, Partition, Records

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")


def _none() -> HeadersOut:
    return None


class Transaction(Producing):
    """The transaction that a record is handled in. Use it inside the handler only, from the handler's thread.

    Nothing that it does is visible to anybody before the whole batch is: outputs appear in Kafka together with the
    consumed offsets, after each place outside Kafka has committed its effects.

    Args:
        producing: see `Producing`.
    """

    __slots__ = (
        "_calls",
        "_each_calls",
        "_identity",
        "_key",
        "_offset",
        "_partition",
        "_positions",
        "_works",
        "carried",
        "passed",
    )

    def __init__(self, **producing: Any) -> None:
        super().__init__(**producing)
        self._works: Mapping[str, Work] = {}
        self._partition: Partition | None = None
        self._offset = -1
        self._identity: str | None = None
        self._key: bytes | None = None
        self._calls: dict[str, int] = {}
        self._positions: Mapping[tuple[str, int, int], tuple[Partition, str | None]] = {}
        self._each_calls: dict[tuple[str, int, int, str], int] = {}
        self.carried: Callable[[], HeadersOut] = _none  # what letters of an outbox have as headers: a trace's context
        self.passed: list[tuple[Message, DuplicateEvent | EffectInDoubt]] = []

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
            EffectInDoubt: it may have happened before a crash, and is never repeated (policy `AtMostOnce`). Let it
                pass, and the record gives no output; or catch it by name, and give another one.
            ReplayError: the record is redelivered, and this call was not recorded.
            ConfigurationError: the handler is not known to use this effect.
            Exception: whatever the effect raises; the batch is lost then, even if the handler catches it.
        """
        try:
            work, call = self._call(effect)
            result: R = work.run(call, args, kwargs)
        except (DuplicateEvent, EffectInDoubt):
            raise
        except BaseException as error:
            self.failure = error
            raise
        return self._post(result, self._key) if result.__class__ is Posting else result

    def run_each(self, effect: Effect[[V], R], records: Records[Any], values: Iterable[V] | None = None) -> Ran[R]:
        """Runs an effect once, ever, for each of many records; for batch handlers.

        An effect that `@effect_many` declared is executed for all of them at once; one of `@effect` for one after the
        other, or, at a place that allows it, for several at a time, with the order of each key kept.

        Args:
            effect: what to run.
            records: the handler's records, or some of them, each at most once in a call.
            values: what the effect is run with, one for each record; the records' own values when None.

        Returns:
            The results, each with its record. A record that turns out to be an upstream duplicate, or whose effect is
            in doubt, is not among them.

        Raises:
            ValueError: there are more values than records, or the reverse.
            ReplayError: see `run`.
            ConfigurationError: see `run`.
            Exception: see `run`.
        """
        try:
            given = list(records.values if values is None else values)
            work, calls = self._call_each(effect, records, len(given))
            found = work.run_each(calls, given, records.keys)
        except BaseException as error:
            self.failure = error
            raise
        for nth, (one, key) in enumerate(zip(found, records.keys, strict=True)):
            if one.__class__ is Posting:
                found[nth] = self._post(one, key)
        kept = [nth for nth, one in enumerate(found) if not isinstance(one, DuplicateEvent | EffectInDoubt)]
        if len(kept) < len(found):
            self.passed += [
                (message, one)
                for message, one in zip(records.messages, found, strict=True)
                if isinstance(one, DuplicateEvent | EffectInDoubt)
            ]
        return Ran(records.pick(kept), [found[nth] for nth in kept])

    def _work_of(self, effect: Effect[..., Any]) -> Work:
        work = self._works.get(effect.place.name)
        if work is None:
            raise unknown_effect(effect)
        return work

    def _call(self, effect: Effect[..., Any]) -> tuple[Work, Call]:
        work = self._work_of(effect)
        if effect.many or self._partition is None:
            raise ConfigurationError(
                f"tx.run belongs to a handler of one record and an effect of one value; {effect!r} is run otherwise.",
                hint="Write tx.run_each(effect, records), in a batch handler.",
            )
        nth = self._calls.get(effect.name, 0)
        self._calls[effect.name] = nth + 1
        return work, Call(effect, self._partition, self._offset, nth, self._identity)

    def _call_each(self, effect: Effect[..., Any], records: Records[Any], values: int) -> tuple[Work, list[Call]]:
        work = self._work_of(effect)
        if values != len(records):
            raise ValueError(f"there are {values} values and {len(records)} records")
        calls = []
        for message in records.messages:
            position = (message.topic(), message.partition(), message.offset())
            partition, identity = self._positions[position]
            counted = (*position, effect.name)
            nth = self._each_calls.get(counted, 0)
            self._each_calls[counted] = nth + 1
            calls.append(Call(effect, partition, message.offset(), nth, identity))
        return work, calls

    def _post(self, posting: Any, key: bytes | None) -> Any:
        """Produces a letter of an outbox, in the order of its record's key."""
        self.produce(posting.topic, posting.value, key, self.carried())

    # The runtime's own.

    def enter(
        self,
        works: Mapping[str, Work],
        *,
        partition: Partition | None = None,
        offset: int = -1,
        identity: str | None = None,
        key: bytes | None = None,
    ) -> None:
        """The next record, and the places that its handler uses."""
        self._works = works
        self._partition = partition
        self._offset = offset
        self._identity = identity
        self._key = key
        self.failure = None
        if self._calls:
            self._calls = {}

    def enter_many(
        self,
        works: Mapping[str, Work],
        positions: Mapping[tuple[str, int, int], tuple[Partition, str | None]],
    ) -> None:
        """The next records of a batch handler, and the places that it uses.

        Args:
            works: by place.
            positions: the partition and identity of each record, by topic, partition number and offset.
        """
        self.enter(works)
        self._positions = positions
        self._each_calls = {}
        self.passed = []

    @property
    def ran(self) -> bool:
        """True when the record has asked for an effect, or one of the records."""
        return bool(self._calls or self._each_calls)


def unknown_effect(effect: Effect[..., Any]) -> ConfigurationError:
    """An effect whose place was not told of this batch."""
    return ConfigurationError(
        f"{effect!r} is not among the effects that this handler is known to use.",
        hint="Name them: @app.consume(topic, type, effects=[…]).",
    )
