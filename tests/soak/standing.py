"""What stands in Kafka when all should be done: topics and a group in, reasons why not everything is known out."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from oncewhere.cluster import ClusterClient
from soak.hanging import hanging

LIMIT_S = 20.0
"""How long markers and offsets may take to appear; the transaction of a killed instance times out sooner."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run takes place.

    Attributes:
        bootstrap: the cluster.
        input: the topic that is consumed; it holds no transactions.
        output: the topic that is produced to.
        group: the consumer group.
        partitions: how many both topics have.
        brokers: how many brokers, and so how many partitions of `__consumer_offsets`.
    """

    bootstrap: str
    input: str
    output: str
    group: str
    partitions: int
    brokers: int


def unknown(place: Place) -> list[str]:
    """Why not everything is known: inputs that nobody has committed, records that no reader may see. Empty is good."""
    return asyncio.run(_unknown(place))


async def _unknown(place: Place) -> list[str]:
    numbers = range(place.partitions)
    deadline = time.monotonic() + LIMIT_S
    async with await ClusterClient.connect(place.bootstrap) as cluster:
        ends = await cluster.list_offsets({place.input: numbers}, isolation_level="read_uncommitted")
        while True:
            stable = await cluster.list_offsets({place.output: numbers})
            written = await cluster.list_offsets({place.output: numbers}, isolation_level="read_uncommitted")
            committed = await cluster.committed_offsets(place.group, {place.input: numbers})
            done = stable == written and committed == ends
            if done or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)
    if done:
        return []
    said: list[str] = []
    if committed != ends:
        left = {number: (committed[place.input, number], ends[place.input, number]) for number in numbers}
        said.append(f"stuck: inputs that nobody has committed (partition: committed, end): {left}")
    if stable != written:
        left = {number: (stable[place.output, number], written[place.output, number]) for number in numbers}
        said.append(f"records that no reader may see (partition: last stable offset, high watermark): {left}")
    said += await hanging(place.bootstrap, {place.output: place.partitions, "__consumer_offsets": place.brokers})
    return said
