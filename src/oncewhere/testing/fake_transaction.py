"""A record and stand-ins for its effects come in; what the handler produced, and which effects ran, go out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from oncewhere.effects.place import Work
from oncewhere.errors import ConfigurationError, DuplicateEvent, EffectInDoubt
from oncewhere.records import Partition, Record, Records
from oncewhere.runtime.output import bytes_of
from oncewhere.runtime.subscription import Identity, identity_reader
from oncewhere.runtime.transaction import Transaction
from oncewhere.runtime.values import encode_json
from oncewhere.testing.fake_work import Book, FakeWork
from oncewhere.testing.seen import Output, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oncewhere.effects.effect import Effect
    from oncewhere.records import Message

P = ParamSpec("P")
R = TypeVar("R")

Given = Record[Any] | Records[Any]


class FakeTransaction(Transaction):
    """The transaction of one delivery of a record, for a unit test of its handler; nothing is connected to.

    The rules are the runtime's own: results pass through their declared type, a redelivered record gets what was
    recorded, a duplicate leaves the handler by `DuplicateEvent`, the same calls must be made again in the same order,
    and a policy that goes by identity needs one. A call at most once that fails is in doubt from then on. Once an
    effect has failed, whatever the handler makes of it, there are no outputs, and nothing of the delivery is recorded.
    (What a handler raises by itself is not seen here; the runtime drops what such a record left as well.)

    Args:
        record: what the handler is called with: `Record.of(value, topic=…)`, or a `Records` of such.
        effects: what runs in an effect's stead: a function of its arguments (without the connection), an exception to
            raise, or the value that it returns.
        connections: by place's name, the first argument of effects that are to run themselves.
        identity: gives the business identity of a value, as `consume(identity=…)` would: a field's name or a function.
        serializers: by output topic, what makes bytes of a value; JSON where there is none.
    """

    __slots__ = ("_arguments", "_book", "_earlier", "_failure", "_given", "_outputs", "_passed_over", "_work")

    def __init__(
        self,
        record: Given,
        *,
        effects: Mapping[Effect[..., Any], Any] | None = None,
        connections: Mapping[str, Any] | None = None,
        identity: Identity | None = None,
        serializers: Mapping[str, Callable[[Any], bytes]] | None = None,
    ) -> None:
        self._deliver(record, Book(), (effects or {}, connections or {}, identity, serializers or {}))

    def _deliver(
        self,
        record: Given,
        book: Book,
        arguments: tuple[Any, ...],
        earlier: tuple[FakeWork, ...] = (),
    ) -> None:
        effects, connections, identity, serializers = arguments
        identify = _nobody if identity is None else identity_reader(identity)
        super().__init__(encoders=_Checked(serializers))
        self._encoders = _Checked(serializers)  # type: ignore[assignment]  # it has an encoder for every topic
        self._given, self._book, self._arguments, self._earlier = record, book, arguments, earlier
        self._work = FakeWork(
            book, earlier=earlier, named=identity is not None, effects=effects, connections=connections
        )
        book.delivered.update(_position(message) for message in _messages(record))
        self._outputs: list[Output] = []
        self._passed_over = False  # by the last call, unless the handler goes on after it
        self.to(self._take)
        if isinstance(record, Records):
            places = {
                _position(m): (_partition(m), identify(value))
                for m, value in zip(record.messages, record.values, strict=True)
            }
            self.enter_many(_Everywhere(self._work), places)
        else:
            self.enter(
                _Everywhere(self._work),
                partition=_partition(record.message),
                offset=record.offset,
                identity=identify(record.value),
                key=record.key,
            )

    def run(self, effect: Effect[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """As `Transaction.run`."""
        self._passed_over = False
        try:
            return super().run(effect, *args, **kwargs)
        except (DuplicateEvent, EffectInDoubt):
            self._passed_over = True
            raise

    @property
    def outputs(self) -> list[Output]:
        """What would be produced, in order.

        Nothing where an effect failed (see `failure`), or where the handler did nothing more after a `DuplicateEvent`
        or `EffectInDoubt`, which then is taken to have left it.
        """
        return [] if self._passed_over or self.failure is not None else list(self._outputs)

    @property
    def failure(self) -> BaseException | None:
        """Why nothing of this delivery counts: what an effect raised, even if the handler caught it."""
        return self._failure

    @failure.setter
    def failure(self, error: BaseException | None) -> None:
        self._failure = error
        if error is not None:
            self._work.abandon()

    @property
    def runs(self) -> list[Run]:
        """Every effect that the handler asked for, in order, executed or recalled."""
        return list(self._work.runs)

    @property
    def executed(self) -> list[Run]:
        """Those that were executed in this delivery."""
        return [run for run in self._work.runs if not run.recalled]

    @property
    def recalled(self) -> list[Run]:
        """Those that gave the recorded result of an earlier delivery."""
        return [run for run in self._work.runs if run.recalled]

    def redelivered(self) -> Self:
        """The same record once more, as after a crash between the effect's commit and Kafka's.

        Where an effect failed: as its batch begins again.
        """
        return self._again(self._given, (*self._earlier, self._work))

    def followed_by(self, record: Given) -> Self:
        """Another record of the same processor, such as the same event at another offset.

        Raises:
            ConfigurationError: it stands where an earlier one stood, so that it would be taken for that one.
        """
        for message in _messages(record):
            position = _position(message)
            if position in self._book.delivered:
                topic, partition, offset = position
                raise ConfigurationError(
                    f"A record was delivered from {topic}[{partition}] at offset {offset} already, and no other stands "
                    "there.",
                    hint=f"Give this one its own: Record.of(…, offset={offset + 1}); or write redelivered(), for the "
                    "same record once more.",
                )
        return self._again(record, ())

    def _again(self, record: Given, earlier: tuple[FakeWork, ...]) -> Self:
        other = type(self).__new__(type(self))
        other._deliver(record, self._book, self._arguments, earlier)  # noqa: SLF001  # one of us
        return other

    def _take(  # librdkafka's produce
        self,
        topic: str,
        value: Any,
        key: bytes | str | None = None,
        partition: int = -1,
        callback: object = None,
        on_delivery: object = None,
        timestamp: int = 0,
        headers: Sequence[tuple[str, bytes | str | None]] | None = None,
    ) -> None:
        bytes_of((topic, None, key, partition, callback, on_delivery, timestamp, headers))
        self._passed_over = False
        self._outputs.append(
            Output(
                topic=topic,
                value=value,
                key=key,
                headers=tuple(headers or ()),
                partition=None if partition < 0 else partition,
                timestamp_ms=timestamp or None,
            )
        )


class _Everywhere(Mapping[str, Work]):
    """The same work at every place."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def __getitem__(self, name: str) -> Work:
        return self._work

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class _Checked(Mapping[str, "Callable[[Any], Any]"]):
    """For every topic: makes sure that a value can be encoded, and gives the value itself, which reads better."""

    def __init__(self, serializers: Mapping[str, Callable[[Any], bytes]]) -> None:
        self._serializers = serializers

    def __getitem__(self, topic: str) -> Callable[[Any], Any]:
        encode = self._serializers.get(topic, encode_json)

        def check(value: Any) -> Any:
            bytes_of((topic, encode(value), None))
            return value

        return check

    def __iter__(self) -> Iterator[str]:
        return iter(self._serializers)

    def __len__(self) -> int:
        return len(self._serializers)


def _messages(record: Given) -> Sequence[Message]:
    return record.messages if isinstance(record, Records) else [record.message]


def _position(message: Message) -> tuple[str, int, int]:
    return message.topic(), message.partition(), message.offset()


def _partition(message: Any) -> Partition:
    """Its topic's name stands for the topic's id, which only a broker gives."""
    return Partition(message.topic(), message.partition(), message.topic())


def _nobody(value: Any) -> None:
    del value
