"""Was the machine ours? A stretch of time in; the share of its CPU that neither we nor our processes used out.

Figures from a machine that others use are no figures: the report says how much was used elsewhere.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Sequence
from pathlib import Path

from measure.running import TICKS_S, tree_cpu_s

STAT = Path("/proc/stat")
NOTABLE_SHARE = 0.1
"""From here on the report warns."""


class Elsewhere:
    """Counts from its making on.

    Args:
        servers: process ids of the broker and of what else is ours and has not ended yet; each with its children.
    """

    def __init__(self, servers: Sequence[int | None]) -> None:
        self._servers = tuple(servers)
        self._since = time.monotonic()
        self._busy, self._ours = _busy_s(), self._ours_s()

    def share(self) -> float | None:
        """Of all cores, from 0 to 1; None where the system does not tell.

        A process of ours that still runs counts as somebody else's.
        """
        if self._busy is None:
            return None
        took = (time.monotonic() - self._since) * (os.cpu_count() or 1)
        used = (_busy_s() or 0.0) - self._busy - (self._ours_s() - self._ours)
        return min(1.0, max(0.0, used / took)) if took > 0 else None

    def _ours_s(self) -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        servers = sum(tree_cpu_s(pid) or 0.0 for pid in self._servers)
        return time.process_time() + children.ru_utime + children.ru_stime + servers


def _busy_s() -> float | None:
    """CPU seconds that all cores computed since the system's start."""
    try:
        fields = STAT.read_text().split("\n", 1)[0].split()
    except OSError:
        return None
    user, nice, system, _idle, _waiting, irq, softirq, stolen = map(int, fields[1:9])
    return (user + nice + system + irq + softirq + stolen) * TICKS_S
