"""How fast the handlers are: records and seconds in, how many records to have in hand at once out.

The group takes the partitions of a member that does not come back for more within `max.poll.interval.ms`. What has been
taken from the consumer must be handled before that, so a slow handler gets few records at a time.
"""

from __future__ import annotations

MAX_RECORDS = 1_000_000  # beyond any batch
FIRST_RECORDS = 16  # a handler of 18 s would be late with them at Kafka's default of 5 min, and is measured then
GROWTH = 4  # at most, from one measurement to the next


class Pace:
    """Begins with a few records, and goes by what was measured last.

    Args:
        within_s: in how many seconds the records that are in hand should be handled.
    """

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._allowed = FIRST_RECORDS

    @property
    def allowed(self) -> int:
        """How many records may be in hand at once; at least one."""
        return self._allowed

    def handled(self, records: int, seconds: float) -> None:
        """Notes how long the handlers of so many records took."""
        manageable = self._allowed * GROWTH
        if seconds * manageable > self._within_s * records:
            manageable = int(self._within_s * records / seconds)
        self._allowed = max(1, min(manageable, MAX_RECORDS))
