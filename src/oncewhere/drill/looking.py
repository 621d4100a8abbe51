"""A version and its lane come in; what is found at every place goes out, and the inputs as they were written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .blind_counts import keeps_one, plain_count
from .checks import InputSeen, PlaceSeen
from .declaration import Version
from .history import History, read
from .identity import Identity
from .inputs import Input
from .lane import Lane
from .worlds import Keyed

OUTWAITED_S: Final = 20.0
"""The longest `transaction.timeout.ms` that is outwaited, in seconds: Kafka Streams has 10, most clients 60."""

TIMED_OUT_WITHIN_S: Final = 11.0
"""Brokers look for transactions past their timeout every 10 seconds by default; those of ours every second."""


async def look(version: Version, lane: Lane, history: Path, transaction_timeout_s: float | None) -> list[PlaceSeen]:
    """Reads every place: the output topics, then the effects; where an effect cannot be asked, the trial's history.

    Args:
        version: what was drilled.
        lane: where.
        history: the trial's.
        transaction_timeout_s: the longest that a producer of the processor asked for. What a dead one left open hides
            outputs until then, unless its successor has the same transactional.id.
    """
    identity = Identity.parse(version.processor.identity)
    compare = compared_field(version)
    timeout_s = transaction_timeout_s or 0.0
    outwait_s = timeout_s + TIMED_OUT_WITHIN_S if timeout_s <= OUTWAITED_S else 0.0
    topics = [
        await asyncio.to_thread(lane.kafka.outputs, topic, identity, compare, outwait_s=outwait_s)
        for topic in lane.kafka.output_topics
    ]
    return [*topics, *[await asyncio.to_thread(world.seen, read(history)) for world in lane.worlds]]


async def write_unique_keys(lane: Lane, history: History) -> None:
    """Writes down which unique keys the tables of each database have: what a duplicate would be refused by."""
    for world in lane.worlds:
        if isinstance(world, Keyed):
            history.happened("unique-keys", place=world.name, tables=await asyncio.to_thread(world.unique_keys))


async def write_blind_counts(version: Version, lane: Lane, history: History) -> None:
    """Writes down which places are asked by a count that cannot be above one."""
    for world in lane.worlds:
        effect = version.effects[world.name]
        if isinstance(world, Keyed) and (counted := plain_count(effect)) is not None:
            table, column = counted
            if keeps_one(await asyncio.to_thread(world.unique_keys), table, column):
                history.happened("counted-blindly", place=world.name, table=table, column=column)


def compared_field(version: Version) -> Identity | None:
    """Where the value stands in an output that is to agree with an effect; the first effect that says so counts."""
    named = next((effect.compare for effect in version.effects.values() if effect.compare), None)
    return Identity.parse(named) if named else None


def compared_places(version: Version) -> tuple[tuple[str, str], ...]:
    """Pairs of an effect and an output topic whose values are to agree."""
    effects = [name for name, effect in version.effects.items() if effect.compare]
    return tuple((name, topic) for name in effects[:1] for topic in version.processor.output)


def written(version: Version, positions: Sequence[tuple[int, int]], inputs: Sequence[Input]) -> tuple[InputSeen, ...]:
    """Every input with its identity and where it stands: partition and offset."""
    return tuple(
        InputSeen(identity=identity, partition=partition, offset=offset, key=record.key)
        for identity, record, (partition, offset) in zip(identities(version, inputs), inputs, positions, strict=True)
    )


def identities(version: Version, inputs: Sequence[Input]) -> tuple[str, ...]:
    """The business identity of each."""
    identity = Identity.parse(version.processor.identity)
    return tuple(
        str(
            identity.of(
                None if record.key is None else record.key.encode(),
                bytes(record.value),
                [(name, text.encode()) for name, text in record.headers.items()],
            )
        )
        for record in inputs
    )
