"""A version and its lane come in; what is found at every place goes out, and the inputs as they were written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from .checks import InputSeen, PlaceSeen
from .declaration import Version
from .history import History, read
from .identity import Identity
from .inputs import Input
from .lane import Lane
from .worlds import Keyed


async def look(version: Version, lane: Lane, history: Path) -> list[PlaceSeen]:
    """Reads every place: the output topics, then the effects; where an effect cannot be asked, the trial's history."""
    identity = Identity.parse(version.processor.identity)
    compare = compared_field(version)
    topics = [
        await asyncio.to_thread(lane.kafka.outputs, topic, identity, compare) for topic in lane.kafka.output_topics
    ]
    return [*topics, *[await asyncio.to_thread(world.seen, read(history)) for world in lane.worlds]]


async def write_unique_keys(lane: Lane, history: History) -> None:
    """Writes down which unique keys the tables of each database have: what a duplicate would be refused by."""
    for world in lane.worlds:
        if isinstance(world, Keyed):
            history.happened("unique-keys", place=world.name, tables=await asyncio.to_thread(world.unique_keys))


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
