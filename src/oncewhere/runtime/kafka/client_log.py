"""librdkafka's own log lines come in; each goes on to `logging`, and one that repeats itself only now and then.

A broker that is away makes librdkafka say so for every attempt to connect, several hundred times in 15 s.
"""

from __future__ import annotations

import logging
import time

REPEAT_PAUSE_S = 10.0
"""A line is not let through again within this time."""
REMEMBERED_LINES = 100

logger = logging.getLogger("oncewhere.librdkafka")


class Repeats(logging.Filter):
    """Lets a line through when it has not been said within `REPEAT_PAUSE_S`."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """True for news; how long an attempt took makes none."""
        text = record.getMessage().partition(" (after ")[0]
        now = time.monotonic()
        if now - self._said.get(text, -REPEAT_PAUSE_S) < REPEAT_PAUSE_S:
            return False
        if len(self._said) >= REMEMBERED_LINES:
            self._said.clear()
        self._said[text] = now
        return True


logger.addFilter(Repeats())
