"""When a life began and how far it came goes in; whether its time is over, and whether it moved, goes out. Pure.

A processor that makes progress is not stuck, however slow the machine is: so the time counts from the last progress.
"""

from __future__ import annotations

from collections import deque

LIMIT_FACTOR = 4
"""However steadily it goes on: after so many times its time a life is over."""
STARTING_SHARE = 0.25
"""Of the time: a life whose first message came later than that before the end was still starting."""
RECENT_S = 5.0
"""What is told of the pace at the end: so many inputs in that time."""


class Deadline:
    """The time of one life, or of all lives after one crash.

    Args:
        idle_s: how long nothing may be committed.
    """

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._began_s = 0.0
        self._granted_s = 0.0
        self._moved_s: float | None = None
        self._furthest: int | None = None
        self._steps: deque[tuple[float, int]] = deque()

    def begin(self, now_s: float) -> None:
        """A life begins with the whole time for itself."""
        self._began_s, self._granted_s = now_s, 0.0
        self._moved_s = self._furthest = None
        self._steps.clear()

    def grant(self, more_s: float) -> None:
        """Gives more time, for what a scenario takes of it."""
        self._granted_s += more_s

    def committed(self, count: int, now_s: float) -> None:
        """So many inputs are committed now; the first time says where this life began."""
        if self._furthest is not None and count > self._furthest:
            self._moved_s = now_s
            self._steps.append((now_s, count - self._furthest))
            while self._steps and self._steps[0][0] < now_s - RECENT_S:
                self._steps.popleft()
        self._furthest = count if self._furthest is None else max(self._furthest, count)

    def over(self, now_s: float) -> bool:
        """True when nothing came for the whole time, or the life has had `LIMIT_FACTOR` times of it."""
        since_s = max(self._began_s, self._moved_s or self._began_s)
        return now_s >= min(since_s + self._idle_s, self._began_s + LIMIT_FACTOR * self._idle_s) + self._granted_s

    def spent_s(self, now_s: float) -> float:
        """How long the life has lasted."""
        return now_s - self._began_s

    def going_on(self, now_s: float, first_s: float | None = None) -> str | None:
        """How it still went on when its time was over, such as `12 in the last 5 s`; None where nothing moved.

        Args:
            now_s: the end of its time.
            first_s: when its first message came, if one did: a life that took nearly all of its time to start has shown
                nothing yet.
        """
        if self._moved_s is None or now_s - self._moved_s >= self._idle_s:
            if first_s is not None and now_s - first_s < self._idle_s * STARTING_SHARE:
                late_s = first_s - self._began_s
                return f"its first message came {late_s:.0f} s after its start, {now_s - first_s:.0f} s before the end"
            return None
        recent = sum(count for at_s, count in self._steps if at_s >= now_s - RECENT_S)
        return f"{recent} in the last {RECENT_S:.0f} s" if recent else f"the last one {now_s - self._moved_s:.0f} s ago"
