"""When a run ends: signals and `stop` in, two questions answered: should it end, and should it have ended by now?"""

from __future__ import annotations

import logging
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

logger = logging.getLogger("oncewhere.runtime")

SHORTEST_ALARM_S = 0.001  # a timer that is set to nothing never rings


class DrainExpiredError(BaseException):
    """A handler still runs although the time to finish is over; raised in the middle of it, from a timer's signal."""


class Lifecycle:
    """One run's end.

    Args:
        drain_timeout_s: how long finishing may take, in seconds.
    """

    def __init__(self, drain_timeout_s: float) -> None:
        self._drain_timeout_s = drain_timeout_s
        self._asked = threading.Event()
        self._deadline = float("inf")

    def stop(self) -> None:
        """Asks the run to end."""
        if not self._asked.is_set():
            self._deadline = time.monotonic() + self._drain_timeout_s
            self._asked.set()

    def stopping(self) -> bool:
        """True when the run should end: nothing new is begun."""
        return self._asked.is_set()

    def expired(self) -> bool:
        """True when the run should have ended by now: nothing is waited for any more."""
        return time.monotonic() > self._deadline

    @contextmanager
    def running(self) -> Iterator[None]:
        """One run: SIGTERM and SIGINT ask it to end, if this is the main thread; a second SIGINT ends it at once.

        What is still in a handler when the time is over is interrupted; the run then ends as it does after an abort.
        The time counts from when it was first asked to end.
        """
        self._asked.clear()
        self._deadline = float("inf")
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        signalled = False

        def on_signal(number: int, frame: FrameType | None) -> None:
            nonlocal signalled
            del frame
            if self._asked.is_set() and number == signal.SIGINT:
                raise KeyboardInterrupt
            self.stop()
            if not signalled:  # a second SIGTERM must not give it more time
                signalled = True
                signal.setitimer(signal.ITIMER_REAL, max(self._deadline - time.monotonic(), SHORTEST_ALARM_S))

        def on_alarm(number: int, frame: FrameType | None) -> None:
            del number, frame
            raise DrainExpiredError

        before: Mapping[int, Any] = {n: signal.signal(n, on_signal) for n in (signal.SIGTERM, signal.SIGINT)}
        alarm = signal.signal(signal.SIGALRM, on_alarm)
        try:
            yield
        except DrainExpiredError:
            logger.warning(
                "A handler was still running %.0f s after the signal; its batch is given up, and will be redelivered.",
                self._drain_timeout_s,
            )
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, alarm)
            for number, handler in before.items():
                signal.signal(number, handler)
