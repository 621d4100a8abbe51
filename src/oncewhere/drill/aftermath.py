"""A killed processor comes in; what the cluster knows of it goes out, and its dead group member is gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from oncewhere.cluster import ClusterClient
from oncewhere.proxy import Crossing

from .history import History
from .kafka_world import KafkaWorld
from .result import Crash
from .trap import Sprung

POLL_S = 0.01
DECIDED_LIMIT_S = 2.0
EVICTIONS_LIMIT = 20
"""Rounds of eviction: a request of the dead processor may still be on its way and join once more."""


class Aftermath:
    """What is asked and done between two lives.

    Args:
        kafka: the world of the trial.
        cluster: its cluster.
        history: where every answer is written down.
    """

    def __init__(self, kafka: KafkaWorld, cluster: ClusterClient, history: History) -> None:
        self._kafka = kafka
        self._cluster = cluster
        self._history = history

    async def of(self, sprung: Sprung, crossing: Crossing, transactional_ids: Iterable[str]) -> Crash:
        """Hears the servers out, asks the cluster about the transactions, and evicts the dead member.

        Args:
            sprung: where the processor was killed or told to stop; it is dead and buried.
            crossing: frozen by this, if it is not yet; open for the next life when this returns.
            transactional_ids: those that were seen on the wire.
        """
        await self.hear_out(crossing)
        states = await self._transactions(transactional_ids)  # first: markers that are being written pass meanwhile
        stable = await self._offsets_stable()
        evicted = await self.evict()
        return Crash(
            message=sprung.message.kind,
            outcome=sprung.outcome,
            action=sprung.step.action,
            effects_before=sprung.effects_before,
            effects_on_their_way=sprung.effects_on_their_way,
            transactions=states,
            offsets_stable=stable,
            evicted=evicted,
        )

    async def hear_out(self, crossing: Crossing) -> None:
        """Waits for the answers to what had left, and writes down which never came.

        Args:
            crossing: frozen by this, if it is not yet; open for the next life when this returns.
        """
        for request in await crossing.reset():
            self._history.happened("unanswered", link=str(request.link), kind=request.message.kind)

    async def evict(self) -> int:
        """Makes every member of the group leave; returns how many there were."""
        group, evicted = self._kafka.group, 0
        for _ in range(EVICTIONS_LIMIT):
            members = await self._cluster.describe_group(group)
            if not members:
                break
            evicted += await self._cluster.evict_members(group, members)
        self._history.happened("evicted", members=evicted)
        return evicted

    async def _transactions(self, transactional_ids: Iterable[str]) -> dict[str, str]:
        """Their states, once no coordinator is in the middle of writing markers (EndTxn is answered before that)."""
        deadline = time.monotonic() + DECIDED_LIMIT_S
        names = list(transactional_ids)
        while True:
            described = await self._cluster.describe_transactions(names)
            states = {name: found.state for name, found in described.items()}
            if not any(state.startswith("Prepare") for state in states.values()) or time.monotonic() > deadline:
                break
            await asyncio.sleep(POLL_S)
        self._history.happened("transactions", states=states)
        return states

    async def _offsets_stable(self) -> bool:
        kafka = self._kafka
        found = await self._cluster.committed_offsets(kafka.group, {kafka.input_topic: list(kafka.ends)})
        stable = all(isinstance(offset, int) for offset in found.values())
        self._history.happened(
            "committed", stable=stable, offsets={f"{t}-{p}": offset for (t, p), offset in found.items()}
        )
        return stable
