"""An output topic and where it ends come in; its records go out, and what they show of the place.

Blocking calls, to the real broker and never through the proxy.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from oncewhere.errors import InconclusiveError

from .checks import OutputSeen, PlaceSeen
from .identity import Identity

CALL_LIMIT_S = 10.0
READ_LIMIT_S = 20.0
GROUP = "oncewhere-drill"
"""Nothing is ever committed for it."""


class OutputReader:
    """Reads topics with `isolation.level=read_committed`.

    Args:
        settings: how the brokers are spoken to.
    """

    def __init__(self, settings: Mapping[str, str | int | float | bool]) -> None:
        self._settings = settings
        self._next = self._new()  # which takes half a second to connect: it does so while a trial runs

    def read(self, topic: str, ends: Mapping[int, int]) -> Iterator[Message[bytes, bytes]]:
        """The records from the beginning to the end.

        Args:
            topic: which.
            ends: by partition, its last stable offset.

        Raises:
            InconclusiveError: it cannot be read, or not in time.
        """
        wanted = {p: end for p, end in ends.items() if end > 0}
        if not wanted:
            return
        reader, self._next = self._next, self._new()
        try:
            reader.list_topics(topic, timeout=CALL_LIMIT_S)  # else the leaders are only asked for after half a second
            reader.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in wanted])
            open_partitions = set(wanted)
            deadline = time.monotonic() + READ_LIMIT_S
            while open_partitions:
                if time.monotonic() > deadline:
                    raise InconclusiveError(f"{topic} could not be read to its end within {READ_LIMIT_S:.0f} s.")
                for message in reader.consume(1000, 0.02):
                    problem = message.error()
                    if problem is None:
                        yield message
                    elif problem.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # its public name
                        open_partitions.discard(message.partition())
                    else:
                        raise InconclusiveError(f"{topic} could not be read: {problem.str()}.")
        finally:
            reader.close()

    def close(self) -> None:
        """Closes it."""
        self._next.close()

    def _new(self) -> Consumer:
        return Consumer(
            {
                **self._settings,
                "group.id": GROUP,
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                # Else it may go back by itself when leaders move (see `runtime/kafka/reader`), and accuse a processor.
                "auto.offset.reset": "error",
                "enable.partition.eof": True,  # the end of a partition may be a control record that is never handed out
                "fetch.wait.max.ms": 10,
            }
        )


def hidden(topic: str, stable: Mapping[int, int], ends: Mapping[int, int]) -> str | None:
    """What an open transaction hides of a topic, in a sentence; None where the LSO has come to the high watermark."""
    behind = next(((p, stable[p], end) for p, end in ends.items() if stable[p] < end), None)
    if behind is None:
        return None
    partition, lso, end = behind
    return (
        f"an open transaction hides records: the last stable offset of {topic}-{partition} is {lso}, "
        f"its high watermark {end}"
    )


def seen_in(
    topic: str,
    messages: Iterable[Message[bytes, bytes]],
    identity: Identity,
    compare: Identity | None,
    *,
    hidden: str | None,
) -> PlaceSeen:
    """Counts the identities of records.

    Args:
        topic: where they stand.
        messages: all that can be read of it.
        identity: where the business identity stands in them.
        compare: where the value stands that is to agree with an effect, if one is compared.
        hidden: see `hidden`.
    """
    counts: Counter[str] = Counter()
    unidentified = 0
    records: list[OutputSeen] = []
    values: dict[str, str] = {}
    for message in messages:
        key, value, headers = message.key(), message.value(), _headers(message)
        found = identity.of(key, value, headers)
        if found is None:
            unidentified += 1
            continue
        counts[found] += 1
        partition, offset = message.partition(), message.offset()
        records.append(OutputSeen(identity=found, partition=partition or 0, offset=offset or 0, key=_text(key)))
        said = compare.of(key, value, headers) if compare is not None else None
        if said is not None:
            values.setdefault(found, said)
    return PlaceSeen(
        place=topic,
        system="kafka",
        counts=dict(counts),
        unidentified=unidentified,
        hidden=hidden,
        records=tuple(sorted(records, key=lambda record: (record.partition, record.offset))),
        values=values,
    )


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode(errors="replace")


def _headers(message: Message[bytes, bytes]) -> list[tuple[str, bytes | None]]:
    found = message.headers() or []
    pairs = found.items() if isinstance(found, dict) else found
    return [(name, value.encode() if isinstance(value, str) else value) for name, value in pairs]
