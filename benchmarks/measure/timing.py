"""The cost of one step: a function over many records in; microseconds a record out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

TRIES = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step costs.

    Attributes:
        step: what was done.
        wall_us: microseconds a record by the clock.
        own_us: of which the calling thread computed.
        others_us: microseconds a record that all other threads (librdkafka's) computed meanwhile.
    """

    step: str
    wall_us: float
    own_us: float
    others_us: float

    def line(self) -> str:
        """As a row of a Markdown table."""
        return f"| {self.step} | {self.wall_us:.2f} | {self.own_us:.2f} | {self.others_us:.2f} |"


def timed(step: str, records: int, function: Callable[[], T]) -> tuple[T, Cost]:
    """Runs a function once.

    Args:
        step: what it does, for the table.
        records: how many records it does it for.
        function: does it.
    """
    others, wall, own = _other_threads_s(), time.perf_counter(), time.thread_time()
    result = function()
    own_s, wall_s = time.thread_time() - own, time.perf_counter() - wall
    others_s = max(0.0, _other_threads_s() - others)
    return result, Cost(step, wall_s / records * 1e6, own_s / records * 1e6, others_s / records * 1e6)


def best(step: str, records: int, function: Callable[[], object]) -> Cost:
    """Runs a function that needs nobody else `TRIES` times, and takes the quickest: the others were disturbed."""
    return min((timed(step, records, function)[1] for _ in range(TRIES)), key=lambda cost: cost.wall_us)


def _other_threads_s() -> float:
    """CPU seconds of all threads of this process but the calling one."""
    return time.process_time() - time.thread_time()
