"""What a handler produces: a topic, a value and a key come in, encoded, and go where the loop says.

Where outputs go is the loop's choice, made once per batch: straight into the open Kafka transaction where the handler
has no effects outside Kafka, and into a list (*staged*) where they must wait: for a place to decide, or for the
previous transaction to end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from itertools import repeat
from operator import length_hint
from typing import TYPE_CHECKING, Any

from oncewhere.effects.place import UndecidedError
from oncewhere.errors import ConfigurationError, OncewhereError
from oncewhere.runtime.values import encode_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oncewhere.runtime.values import Encode

Send = Callable[..., Any]
"""librdkafka's produce, or what stands in for it: topic, value, key, partition, callback, on_delivery,
timestamp, headers."""

HeadersOut = Iterable[tuple[str, bytes | str | None]] | None
"""Headers of an output: pairs of name and value, in order."""

_ENCODED = frozenset({bytes, type(None)})


def _anything(topic: str, partition: int = -1) -> None:
    del topic, partition


def _nowhere(*arguments: object) -> None:
    del arguments
    raise ConfigurationError("tx.produce was called outside a handler.", hint="Produce inside the handler only.")


class Producing:
    """Takes the outputs of one handler after the other.

    Args:
        expect: makes sure that a topic exists, the first time that it is produced to, and that it has a partition
            that is asked for by number.
        trouble: told of what `produce` of the client raised, with the arguments; raises, or has sent it after all.
        encoders: by topic, for those that a serializer was given for.
    """

    __slots__ = ("_encode", "_encoders", "_expect", "_send", "_serializers", "_topic", "_trouble", "failure", "sent")

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
        self.sent = 0  # since the loop last began to count
        self.failure: BaseException | None = None

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
        if value.__class__ is not bytes and value is not None:
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


def _raise(error: Exception, arguments: tuple[Any, ...]) -> None:
    del arguments
    raise error
