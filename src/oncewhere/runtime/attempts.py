"""How often in a row a batch has begun again: reasons in; a pause, or the end of the run, out."""

from __future__ import annotations

import time

from oncewhere.errors import NoProgressError

MAX_ATTEMPTS = 20  # of one batch in a row; with the pauses between them about half a minute
FIRST_PAUSE_S = 0.05  # before the second attempt; doubled each time
LONGEST_PAUSE_S = 2.0


class Attempts:
    """Counts attempts since the last commit."""

    def __init__(self) -> None:
        self._count = 0

    def again(self, reason: str) -> None:
        """One more; pauses before it, unless it is the first.

        Raises:
            NoProgressError: there were too many.
        """
        self._count += 1
        if self._count > MAX_ATTEMPTS:
            raise NoProgressError(f"{MAX_ATTEMPTS} attempts in a row did not commit. The last reason: {reason}.")
        if self._count > 1:
            time.sleep(min(FIRST_PAUSE_S * 2 ** (self._count - 2), LONGEST_PAUSE_S))

    def forget(self) -> None:
        """A batch was committed, or the next attempt is not the same one."""
        self._count = 0
