"""Transactions that Kafka itself forgot to end: a cluster goes in, the ones whose marker was never written come out.

A lone broker (4.3.1) that is killed between its answer to EndTxn and the writing of the markers may come back with the
transaction complete and a marker missing: the last stable offset stands still for ever (KIP-664 calls it a *hanging
transaction*). No client can cause or mend that, so a run that meets it is neither a pass nor a failure: unknown.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from oncewhere.cluster import ClusterClient

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDED = frozenset({"CompleteCommit", "CompleteAbort", "Empty", "Dead"})
_LOOK_AGAIN_S = 3.0
"""A marker that is only late is written meanwhile."""

_Open = tuple[str, int, int, int]  # topic, partition, producer id, first offset


async def hanging(bootstrap: str, partitions: Mapping[str, int]) -> list[str]:
    """Sentences about transactions that are over for their coordinator and still open in a partition.

    Args:
        bootstrap: the cluster.
        partitions: by topic, how many partitions it has; those of `__consumer_offsets` matter too.
    """
    async with await ClusterClient.connect(bootstrap) as cluster:
        first = await _open(cluster, partitions)
        if not first:
            return []
        await asyncio.sleep(_LOOK_AGAIN_S)
        still = first.keys() & (await _open(cluster, partitions)).keys()
    return [
        f"hanging transaction of producer {producer} ({first[topic, number, producer, offset]}): "
        f"{topic}[{number}] waits at offset {offset} for a marker that never comes"
        for topic, number, producer, offset in sorted(still)
    ]


async def _open(cluster: ClusterClient, partitions: Mapping[str, int]) -> dict[_Open, str]:
    """What is open in a partition, and how its coordinator describes it, where that says that it is over."""
    found: dict[_Open, str] = {}
    for topic, count in partitions.items():
        for (name, number), producers in (await cluster.describe_producers(topic, range(count))).items():
            for producer in producers:
                if producer.transaction_start_offset is not None:
                    found[name, number, producer.producer_id, producer.transaction_start_offset] = "known to nobody"
    if not found:
        return {}
    listed = {entry.producer_id: entry for entry in await cluster.list_transactions()}
    for place in tuple(found):
        entry = listed.get(place[2])
        if entry is not None and entry.state in _ENDED:
            found[place] = f"{entry.transactional_id}, {entry.state}"
        elif entry is not None:
            del found[place]
    return found
