"""A place without transactions, open: batches in, their works out; and how long the downstream is left alone."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from oncewhere.effects.outside.work import OutsideWork
from oncewhere.effects.place import Batch, OpenPlace, Start, UndecidedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oncewhere.effects.calls import CallJournal
    from oncewhere.effects.outside.means import Means
    from oncewhere.effects.outside.place import OutsidePlace
    from oncewhere.errors import NotDone, OutcomeUnknown
    from oncewhere.records import Partition


class OpenOutside(OpenPlace):
    """A place with its means open, owned by one running processor."""

    def __init__(self, place: OutsidePlace[Any], group_id: str, means: Means, journal: CallJournal | None) -> None:
        self.place = place
        self.group_id = group_id
        self.means = means
        self.journal = journal
        self.settled = 0  # calls of batches that began again, and were not told of: their claims stay settled
        self._lock = threading.Lock()
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

    def heed(self, told: NotDone | OutcomeUnknown) -> None:
        """Takes note of how long the downstream asks not to be called, if it does: by whatever call, from now on."""
        if told.retry_after_s is not None:
            with self._lock:
                self._closed_until = max(self._closed_until, time.monotonic() + told.retry_after_s)

    def wait_for_opening(self, *, until: float) -> None:
        """Waits as long as the downstream asked; another call may hear of more meanwhile.

        Args:
            until: when the call's time is up, by the monotonic clock. All its waits share it: what one of them took the
                next one does not have.

        Raises:
            UndecidedError: that is later; nothing was sent.
        """
        while (left_s := self._closed_until - time.monotonic()) > 0:
            if (may_s := until - time.monotonic()) <= 0:
                raise UndecidedError(f"{self.place.name!r} asks to be left alone for longer than a call may take")
            time.sleep(min(left_s, may_s))
