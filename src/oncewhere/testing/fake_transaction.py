"""A record and stand-ins for its effects come in; what the handler produced, and which effects ran, go out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from oncewhere.effects.place import Work
from oncewhere.errors import ConfigurationError
from oncewhere.records import Partition, Record, Records
from oncewhere.runtime.subscription import Identity, identity_reader
from oncewhere.runtime.transaction import Transaction
from oncewhere.runtime.values import encode_json
from oncewhere.testing.fake_work import Book, FakeWork
from oncewhere.testing.seen import Output, Run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from oncewhere.effects.effect import Effect
    from oncewhere.records import Message

Given = Record[Any] | Records[Any]


class FakeTransaction(Transaction):
    """The transaction of one delivery of a record, for a unit test of its handler; nothing is connected to.

    The rules are the runtime's own: results pass through their declared type, a redelivered record gets what was
    recorded, a duplicate leaves the handler by `DuplicateEvent`, the same calls must be made again in the same order,
    and a policy that goes by identity needs one.

    Args:
        record: what the handler is called with: `Record.of(value, topic=…)`, or a `Records` of such.
        effects: what runs in an effect's stead: a function of its arguments (without the connection), an exception to
            raise, or the value that it returns.
        connections: by place's name, the first argument of effects that are to run themselves.
        identity: gives the business identity of a value, as `consume(identity=…)` would: a field's name or a function.
        serializers: by output topic, what makes bytes of a value; JSON where there is none.
    """

    __slots__ = ("_arguments", "_book", "_given", "_work", "outputs")

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

    def _deliver(self, record: Given, book: Book, arguments: tuple[Any, ...], *, redelivery: bool = False) -> None:
        effects, connections, identity, serializers = arguments
        identify = _nobody if identity is None else identity_reader(identity)
        super().__init__(encoders=_Checked(serializers))
        self._encoders = _Checked(serializers)  # type: ignore[assignment]  # it has an encoder for every topic
        self._given, self._book, self._arguments = record, book, arguments
        self._work = FakeWork(
            book, redelivery=redelivery, named=identity is not None, effects=effects, connections=connections
        )
        book.delivered.update(_position(message) for message in _messages(record))
        self.outputs: list[Output] = []
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
        """The same record once more, as after a crash between the effect's commit and Kafka's."""
        return self._again(self._given, redelivery=True)

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
        return self._again(record, redelivery=False)

    def _again(self, record: Given, *, redelivery: bool) -> Self:
        other = type(self).__new__(type(self))
        other._deliver(record, self._book, self._arguments, redelivery=redelivery)  # noqa: SLF001  # one of us
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
        headers: Iterable[tuple[str, bytes | str | None]] | None = None,
    ) -> None:
        del callback, on_delivery
        if key is not None and not isinstance(key, bytes | str):
            raise TypeError(f"a key is bytes, text or None, not {type(key).__name__}")
        self.outputs.append(
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
            encode(value)
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
