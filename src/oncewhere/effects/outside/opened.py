"""A place without transactions, open: batches in, their works out; and how long the downstream is left alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from oncewhere.effects.outside.work import OutsideWork
from oncewhere.effects.place import Batch, OpenPlace, Start, UndecidedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oncewhere.effects.calls import CallJournal
    from oncewhere.effects.outside.means import Means
    from oncewhere.effects.outside.place import OutsidePlace
    from oncewhere.records import Partition


class OpenOutside(OpenPlace):
    """A place with its means open, owned by one running processor."""

    def __init__(self, place: OutsidePlace[Any], group_id: str, means: Means, journal: CallJournal | None) -> None:
        self.place = place
        self.group_id = group_id
        self.means = means
        self.journal = journal
        self._closed_until = 0.0

    def assigned(self, starts: Mapping[Partition, Start]) -> None:
        """Nothing to read: each call is looked for by its key."""

    def released(self, partitions: Iterable[Partition]) -> None:
        """Nothing to forget."""

    def begin(self, batch: Batch) -> OutsideWork:
        """Begins a batch."""
        del batch
        return OutsideWork(self)

    def close(self) -> None:
        """Closes the means and the journal."""
        self.means.close()
        if self.journal is not None:
            self.journal.close()

    def leave_alone(self, seconds: float) -> None:
        """The downstream asked not to be called for so long."""
        self._closed_until = time.monotonic() + seconds

    def wait_for_opening(self) -> None:
        """Waits as long as the downstream asked, within the limits.

        Raises:
            UndecidedError: that is longer than a call may take; nothing was sent.
        """
        left_s = self._closed_until - time.monotonic()
        if left_s <= 0:
            return
        time.sleep(min(left_s, self.place.limits.total_s))
        if self._closed_until > time.monotonic():
            raise UndecidedError(f"{self.place.name!r} asks to be left alone for longer than a call may take")
