"""What handlers make of records: seconds and bytes in, how many records to have in hand at once out.

The group takes the partitions of a member that does not come back for more within `max.poll.interval.ms`. What has been
taken from the consumer must be handled before that, so a slow handler gets few records at a time. And where outputs
wait for a place's decision, all those of a batch are kept until then, so a handler with large ones gets few, too.
"""

from __future__ import annotations

MAX_RECORDS = 1_000_000  # beyond any batch
FIRST_RECORDS = 16  # a handler of 18 s would be late with them at Kafka's default of 5 min, and is measured then
GROWTH = 4  # at most, from one measurement to the next


class Pace:
    """Begins with a few records, and goes by what was measured last.

    Args:
        within_s: in how many seconds the records that are in hand should be handled.
        within_bytes: how many bytes of outputs they should make.
    """

    def __init__(self, within_s: float, *, within_bytes: float = float("inf")) -> None:
        self._within_s = within_s
        self._within_bytes = within_bytes
        self._allowed = FIRST_RECORDS

    @property
    def allowed(self) -> int:
        """How many records may be in hand at once; at least one."""
        return self._allowed

    def handled(self, records: int, seconds: float, staged_bytes: int = 0) -> None:
        """Notes how long the handlers of so many records took, and what of their outputs waits."""
        manageable = self._allowed * GROWTH
        for spent, within in ((seconds, self._within_s), (staged_bytes, self._within_bytes)):
            if spent * manageable > within * records:
                manageable = int(within * records / spent)
        self._allowed = max(1, min(manageable, MAX_RECORDS))
