"""The batch whose transaction is being ended: offsets go to it while its outputs leave, then it is committed.

Each of Kafka's calls waits for a coordinator, some milliseconds, and gives Python's lock away meanwhile: so they run in
the committer's thread, and the loop looks in from time to time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from oncewhere.effects.place import UndecidedError
from oncewhere.runtime.committer import Committer
from oncewhere.runtime.states import State

if TYPE_CHECKING:
    from oncewhere.runtime.batch import Batch
    from oncewhere.runtime.failures import Failure
    from oncewhere.runtime.kafka.session import TransactSession

LOOK_S = 0.0002  # between two looks while only outputs are still on their way: nothing tells when they have arrived


class Ending:
    """At most one batch, on its way to its commit.

    Args:
        session: Kafka.
    """

    def __init__(self, session: TransactSession) -> None:
        self._session = session
        self._committer: Committer[Failure | None] = Committer()
        self._batch: Batch | None = None

    @property
    def batch(self) -> Batch | None:
        """The one that is being ended, if any is."""
        return self._batch

    def start(self, batch: Batch) -> None:
        """Begins to end a batch; its transaction is open, and the batch before it has ended."""
        batch.ending_since = time.monotonic()
        self._batch = batch
        # Two ways at once: the offsets go to the coordinators, the outputs to their partitions' leaders.
        self._committer.submit(lambda: self._session.send_offsets(batch.ends, batch.metadata))

    def advance(self, wait_s: float) -> Batch | None:
        """Moves it on; gives the batch once it is committed.

        Args:
            wait_s: how long to wait for the next step, in seconds.

        Raises:
            UndecidedError: it was not committed, or nobody knows.
            OncewhereError: the run cannot go on.
        """
        batch = self._batch
        if batch is None:
            return None
        if not batch.with_offsets:
            if not self._ended(wait_s):
                return None
            batch.with_offsets = True
        if not batch.submitted:
            if not self._session.writer.drained(min(wait_s, LOOK_S)):
                return None
            batch.submitted = True
            self._committer.submit(self._session.commit)
        if not self._ended(wait_s):
            return None
        self._batch = None
        return batch

    def close(self) -> None:
        """Lets the thread end once its call has."""
        self._committer.close()

    def _ended(self, wait_s: float) -> bool:
        """Whether the committer's call has ended, and well."""
        try:
            ended, failure = self._committer.outcome(wait_s)
        except BaseException:
            self._batch = None
            raise
        if failure is not None:
            self._batch = None
            raise UndecidedError(str(failure), unknown=self._session.writer.state is State.SPENT)
        return ended
