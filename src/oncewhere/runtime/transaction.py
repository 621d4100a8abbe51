"""What a handler gets beside its record: effects to run and outputs come in, in the transaction of its batch.

Where outputs go is the loop's choice, made once per batch: straight into the open Kafka transaction where the handler
has no effects outside Kafka, and into a list (*staged*) where they must wait: for a place to decide, or for the
previous transaction to end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import repeat
from operator import length_hint
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from oncewhere.effects.outbox import Posting
from oncewhere.effects.place import Call, UndecidedError, Work
from oncewhere.errors import ConfigurationError, DuplicateEvent, EffectInDoubt, OncewhereError
from oncewhere.records import Ran
from oncewhere.runtime.values import encode_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oncewhere.effects.effect import Effect
    from oncewhere.records import Message, Partition, Records
    from oncewhere.runtime.values import Encode

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")

Send = Callable[..., Any]
"""librdkafka's produce, or what stands in for it: topic, value, key, partition, callback, on_delivery,
timestamp, headers."""

HeadersOut = Iterable[tuple[str, bytes | str | None]] | None
"""Headers of an output: pairs of name and value, in order."""


_ENCODED = frozenset({bytes, type(None)})


def _none() -> HeadersOut:
    return None


def _anything(topic: str, partition: int = -1) -> None:
    del topic, partition


def _nowhere(*arguments: object) -> None:
    del arguments
    raise ConfigurationError("tx.produce was called outside a handler.", hint="Produce inside the handler only.")


class Transaction:
    """The transaction that a record is handled in. Use it inside the handler only, from the handler's thread.

    Nothing that it does is visible to anybody before the whole batch is: outputs appear in Kafka together with the
    consumed offsets, after each place outside Kafka has committed its effects.

    Args:
        expect: makes sure that a topic exists, the first time that it is produced to, and that it has a partition
            that is asked for by number.
        trouble: told of what `produce` of the client raised, with the arguments; raises, or has sent it after all.
        encoders: by topic, for those that a serializer was given for.
    """

    __slots__ = (
        "_calls",
        "_each_calls",
        "_encode",
        "_encoders",
        "_expect",
        "_identity",
        "_key",
        "_offset",
        "_partition",
        "_positions",
        "_send",
        "_serializers",
        "_topic",
        "_trouble",
        "_works",
        "carried",
        "failure",
        "passed",
        "sent",
    )

    def __init__(
        self,
        *,
        expect: Callable[..., object] = _anything,
        trouble: Callable[[Exception, tuple[Any, ...]], None] | None = None,
        encoders: Mapping[str, Encode] | None = None,
    ) -> None:
        self._expect = expect
        self._trouble = trouble or _raise
        self._serializers = dict(encoders or {})
        self._encoders: dict[str, Encode] = {}
        self._topic: str | None = None
        self._encode: Encode = encode_json
        self._send: Send = _nowhere
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
        self.sent = 0
        self.failure: BaseException | None = None

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

    # One of the two places that cost something for each record (the other is `Streaming._each`). Nothing is
    # keyword-only, since Python is slower to call a function that has such arguments, whatever it is given; and the
    # ordinary case is told from the others by one comparison.
    def produce(
        self,
        topic: str,
        value: object,
        key: bytes | str | None = None,
        headers: HeadersOut = None,
        partition: int | None = None,
        timestamp_ms: int | None = None,
    ) -> None:
        """Produces one output in the transaction; the value is encoded now.

        Args:
            topic: the topic's name.
            value: bytes as they are, None for a tombstone, anything else by the topic's serializer, or as JSON.
            key: bytes, text (UTF-8) or None.
            headers: pairs of name and value, in order.
            partition: the partition's number; by key when None.
            timestamp_ms: milliseconds since the epoch; the time of producing when None.

        Raises:
            TypeError: the key is neither bytes nor text, the value cannot be encoded, or a header is no pair.
            ConfigurationError: the topic does not exist.
            ValueError: the topic has no such partition; or the output waits for its transaction, and is larger than
                `message.max.bytes`.
            confluent_kafka.KafkaException: librdkafka refuses it, since it is that large or for another reason.
        """
        if topic is not self._topic:
            self._turn_to(topic)
        if type(value) is not bytes and value is not None:
            encode = self._encode
            value = encode(value)
        if headers is None and partition is None and timestamp_ms is None:
            send = self._send
            try:
                send(topic, value, key)
            except Exception as error:  # noqa: BLE001 - it is raised again, or was mended
                self._mend(error, (topic, value, key))
        else:
            number = -1 if partition is None else self._there(topic, partition)
            carried = list(headers) if headers else None
            self._send_all((topic, value, key, number, None, None, timestamp_ms or 0, carried))
        self.sent += 1

    def produce_batch(
        self,
        topic: str,
        values: Iterable[object],
        keys: Iterable[bytes | str | None],
    ) -> None:
        """Produces many outputs, in order; for batch handlers, which have their values and keys in columns.

        Args:
            topic: the topic's name.
            values: see `produce`.
            keys: one for each value.

        Raises:
            ValueError: there are more values than keys, or the reverse; nothing has been produced.
            TypeError: a value cannot be encoded; nothing has been produced. Or a key is neither bytes nor text.
            ConfigurationError: see `produce`.
        """
        raws, names = self.columns(topic, values, keys)
        self.sent += len(raws)
        rest = iter(raws)
        sending = map(self._send, repeat(topic), rest, names)  # no bytecode runs for each of them
        while True:
            try:
                deque(sending, maxlen=0)
            except Exception as error:  # noqa: BLE001 - it is raised again, or was mended
                nth = len(raws) - length_hint(rest) - 1
                self._mend(error, (topic, raws[nth], names[nth]))
            else:
                return

    def _send_all(self, arguments: tuple[Any, ...]) -> None:
        try:
            self._send(*arguments)
        except Exception as error:  # noqa: BLE001 - it is raised again, or was mended
            self._mend(error, arguments)

    def _mend(self, error: Exception, arguments: tuple[Any, ...]) -> None:
        try:
            self._trouble(error, arguments)
        except (UndecidedError, OncewhereError) as raised:
            self.failure = raised  # it is no fault of the record's, whatever the handler makes of it
            raise

    def _there(self, topic: str, partition: int) -> int:
        try:
            self._expect(topic, partition)
        except OncewhereError as error:
            self.failure = error
            raise
        return partition

    def _turn_to(self, topic: str) -> None:
        """Outputs mostly go to the topic that the one before went to."""
        self._encode = self._encoders.get(topic) or self._meet(topic)
        self._topic = topic

    def _meet(self, topic: str) -> Encode:
        try:
            self._expect(topic)
        except BaseException as error:
            self.failure = error  # a handler that swallows it must not commit without its output
            raise
        encode = self._encoders[topic] = self._serializers.get(topic, encode_json)
        return encode

    # The runtime's own.

    def to(self, send: Send = _nowhere) -> None:
        """Where outputs go from now on; without it there is no batch that they could belong to."""
        self._send = send

    @property
    def destination(self) -> Send:
        """Where outputs go now."""
        return self._send

    def send(self, *arguments: Any) -> None:
        """An output that is encoded already, as arguments of librdkafka's produce; it is counted."""
        if arguments[0] not in self._encoders:
            self._meet(arguments[0])
        self._send_all(arguments)
        self.sent += 1

    def columns(
        self,
        topic: str,
        values: Iterable[object],
        keys: Iterable[bytes | str | None],
    ) -> tuple[list[Any], list[bytes | str | None]]:
        """The values of many outputs, encoded, and their keys, as many; see `produce_batch`. Nothing is produced."""
        encode = self._encoders.get(topic) or self._meet(topic)
        raws: list[Any] = list(values)
        if not _ENCODED.issuperset(map(type, raws)):
            raws = [value if type(value) is bytes or value is None else encode(value) for value in raws]
        names = keys if isinstance(keys, list) else list(keys)
        if len(raws) != len(names):
            raise ValueError(f"there are {len(raws)} values and {len(names)} keys")
        return raws, names

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


def _raise(error: Exception, arguments: tuple[Any, ...]) -> None:
    del arguments
    raise error
