"""A group's committed positions come in, asked for when there may be news; whether the input is finished goes out."""

from __future__ import annotations

import time

from oncewhere.cluster import ClusterClient
from oncewhere.proxy import Crossing
from oncewhere.proxy.crossing import ANSWER_LIMIT_S

from .checks import ProgressSeen
from .kafka_world import KafkaWorld
from .trap import Trap

PROGRESS_POLL_S = 0.25
"""How often committed positions are asked for when no commit was seen on the wire (another path than the proxy)."""
QUIET_S = 0.15
"""After the last commit the wire must be quiet for this long: a processor may commit first and work later.

A request that is not answered yet is no quiet: it is waited for, as long as a dead processor's are (`ANSWER_LIMIT_S`).
"""


class Progress:
    """Asks how far the group came: when a commit was seen on the wire, and now and then in any case."""

    def __init__(self, cluster: ClusterClient, kafka: KafkaWorld, trap: Trap, crossing: Crossing) -> None:
        self._crossing = crossing
        self._cluster = cluster
        self._kafka = kafka
        self._trap = trap
        self._asked_at_commits = -1
        self._asked_at_s = 0.0
        self._complete_since_s: float | None = None
        self.committed: int | None = None
        """How many inputs were committed when it was last asked; None before."""

    @property
    def complete(self) -> bool:
        """True once every input was found committed."""
        return self._complete_since_s is not None

    async def finished(self) -> bool:
        """True when every input is committed, every request answered, and the wire has been quiet for `QUIET_S`."""
        now = time.monotonic()
        news = self._trap.kafka_commits_answered != self._asked_at_commits
        if self._complete_since_s is not None and not news:
            quiet_s = now - max(self._complete_since_s, self._trap.last_boundary_s)
            return quiet_s >= (ANSWER_LIMIT_S if self._crossing.awaits_answers else QUIET_S)
        if not news and now - self._asked_at_s < PROGRESS_POLL_S:
            return False
        # Also when it was complete before: without fencing, a later commit may set positions back.
        self._asked_at_commits, self._asked_at_s = self._trap.kafka_commits_answered, now
        self._complete_since_s = now if (await self.seen()).complete else None
        return False

    def again(self) -> None:
        """Something has happened since that may have changed everything: asks anew."""
        self._complete_since_s = None
        self._asked_at_commits = -1
        self._asked_at_s = 0.0
        self.committed = None

    async def seen(self) -> ProgressSeen:
        """The committed positions against where the inputs stand."""
        ends = self._kafka.ends
        found = await self._cluster.committed_offsets(self._kafka.group, {self._kafka.input_topic: list(ends)})
        why = None
        positions: dict[int, int] = {}
        for (topic, partition), offset in found.items():
            if isinstance(offset, int):
                positions[partition] = max(0, offset)
            else:
                why = f"the offset of {topic}-{partition} is pending in an open transaction"
        # By records and not by offsets: what was aborted and the markers of transactions take offsets, too.
        inputs = self._kafka.written[-1]
        self.committed = committed = sum(offset < positions.get(partition, 0) for partition, offset in inputs)
        return ProgressSeen(committed=committed, total=len(inputs), why=why, positions=positions)
