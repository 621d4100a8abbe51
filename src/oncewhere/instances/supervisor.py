"""Runs N processes as one: a command per number in; an exit code out once all have ended, and nothing left behind.

SIGTERM and SIGINT are passed on once, both as SIGTERM; the instances then finish what is open. What has not ended by
the deadline, or by a second SIGINT, is killed, which is safe and only slow: what a killed instance left open is ended
by its successor. If we are killed ourselves, so are they (`oncewhere.processes`): no instance runs on without somebody
who restarts it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from oncewhere.errors import OncewhereError, StackError
from oncewhere.instances.endings import Decision, Limits, Then, decide, describe, shell_code
from oncewhere.instances.streams import Sink, Stream
from oncewhere.processes import Child, spawn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import FrameType

logger = logging.getLogger("oncewhere.instances")

POLL_S = 0.1
"""How often the supervisor looks after its processes."""
ENDED_BY_US = frozenset({0, 130, -signal.SIGTERM})
"""Exit codes of an instance that did as it was told; the last two when it was told before it ran, with nothing open."""


class Instance:
    """One numbered place, and the process in it.

    Attributes:
        number: from 0.
        child: the process; None while there is none.
        code: how the last process ended; None while the first one runs.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.child: Child | None = None
        self.code: int | None = None
        self.started_at_s = 0.0
        self.start_at_s: float | None = 0.0
        self.restarts = 0
        self.streams: tuple[Stream, ...] = ()

    @property
    def over(self) -> bool:
        """True when no process runs, and none is to be started."""
        return self.child is None and self.start_at_s is None


class Supervisor:
    """Starts the instances, restarts those that crash, and ends them together.

    Args:
        count: how many.
        command: an instance's argument vector, by its number.
        environment: an instance's whole environment, by its number.
        limits: how patient to be.
        out: where the instances' standard output goes; ours when None.
        err: likewise for their standard error.
    """

    def __init__(
        self,
        count: int,
        *,
        command: Callable[[int], Sequence[str]],
        environment: Callable[[int], Mapping[str, str]],
        limits: Limits | None = None,
        out: BinaryIO | None = None,
        err: BinaryIO | None = None,
    ) -> None:
        self._instances = [Instance(number) for number in range(count)]
        self._command = command
        self._environment = environment
        self._limits = limits or Limits()
        self._sinks = (Sink(out or sys.stdout.buffer), Sink(err or sys.stderr.buffer))
        self._signal: int | None = None
        self._again = False
        self._stop_by_s: float | None = None
        self._code: int | None = None

    def run(self) -> int:
        """Supervises until every instance is over. Call it in the main thread, for it handles signals.

        Returns:
            0 when all ended cleanly; else the code of the one that ended all, or of the first that did not end well. A
            crash whose restart was still to come when a signal did is none of them: it would have been mended.

        Raises:
            OncewhereError: some did not end in time when told to, and were killed.
            KeyboardInterrupt: a second SIGINT; all were killed.
            ConfigurationError: the command is no program.
        """
        with self._signals():
            try:
                while not all(instance.over for instance in self._instances):
                    self._follow_signals()
                    self._look_after()
                    time.sleep(POLL_S)
            finally:
                self._leave_nothing()
        bad = [instance.code for instance in self._instances if instance.code not in {None, 0}]
        return shell_code(next((code for code in (self._code, *bad) if code is not None), 0))

    # Beginning and end of one process.

    def _look_after(self) -> None:
        now_s = time.monotonic()
        for instance in self._instances:
            if instance.child is not None and (code := instance.child.poll()) is not None:
                self._ended(instance, code)
            elif instance.start_at_s is not None and now_s >= instance.start_at_s:
                self._start(instance)

    def _start(self, instance: Instance) -> None:
        prefix = b"[%d] " % instance.number
        instance.streams = out, err = tuple(Stream(prefix, sink) for sink in self._sinks)
        instance.start_at_s = None
        instance.started_at_s = time.monotonic()
        try:
            instance.child = spawn(
                self._command(instance.number),
                env=self._environment(instance.number),
                stdout=out.path,
                stderr=err.path,
            )
        except StackError as error:
            logger.warning("instance %d could not be started: %s", instance.number, error)
            self._ended(instance, error.exit_code)
        else:
            logger.info("instance %d started, pid %d", instance.number, instance.child.pid)
        finally:
            for stream in instance.streams:
                stream.start()

    def _ended(self, instance: Instance, code: int) -> None:
        instance.child, instance.code = None, code
        if self._stop_by_s is not None:
            if code in ENDED_BY_US:
                instance.code = 0
            logger.info("instance %d %s", instance.number, describe(code))
            return
        lived_s = time.monotonic() - instance.started_at_s
        found = decide(code, lived_s=lived_s, restarts=instance.restarts, limits=self._limits)
        logger.log(logging.INFO if code == 0 else logging.WARNING, "instance %d %s", instance.number, found.why)
        self._follow(instance, found)

    def _follow(self, instance: Instance, found: Decision) -> None:
        if found.then is Then.AGAIN:
            instance.restarts = found.restarts
            instance.start_at_s = time.monotonic() + found.pause_s
        elif found.then is Then.END_ALL:
            self._code = instance.code
            self._end_all()

    # The end of all.

    def _follow_signals(self) -> None:
        if self._again:
            raise KeyboardInterrupt
        if self._signal is not None and self._stop_by_s is None:
            self._end_all()
        if self._stop_by_s is not None and time.monotonic() > self._stop_by_s:
            late = [str(instance.number) for instance in self._instances if instance.child is not None]
            if late:
                raise OncewhereError(
                    f"Instance {', '.join(late)} did not end within {self._limits.drain_s:g} s and was killed.",
                    hint="What it left open is ended when it is started again; raise --drain-limit if batches take "
                    "that long.",
                )

    def _end_all(self) -> None:
        self._stop_by_s = time.monotonic() + self._limits.drain_s
        for instance in self._instances:
            if instance.start_at_s is not None:
                instance.start_at_s, instance.code = None, 0
            if instance.child is not None and instance.child.poll() is None:
                # The leader alone: it knows in which order its own children are to end. And never SIGINT, which a
                # Python that is still importing answers with a traceback and any exit code.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(instance.child.pid, signal.SIGTERM)
        running = sum(instance.child is not None for instance in self._instances)
        if running:
            logger.info("stopping; still running: %d, with %g s to end", running, self._limits.drain_s)

    def _leave_nothing(self) -> None:
        for instance in self._instances:
            if instance.child is not None:
                instance.child.kill_group()
        for instance in self._instances:
            for stream in instance.streams:
                stream.join()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def on_signal(number: int, frame: FrameType | None) -> None:
            del frame
            self._again = self._again or (self._signal is not None and number == signal.SIGINT)
            self._signal = self._signal or number

        before: Mapping[int, Any] = {n: signal.signal(n, on_signal) for n in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
