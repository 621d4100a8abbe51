"""What makes a broker's JVM start in half the time: a Java, jars and options in, the options for its AOT cache out.

The first broker of the `drill` profile on a machine is also a training run (JEP 514): at its clean end the JVM writes
down the classes that it loaded and linked, and later brokers map them in.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING

from oncewhere.errors import ConfigurationError, StackError
from oncewhere.stack.folders import ClaimedFolder, TakenError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oncewhere.processes import Child
    from oncewhere.stack.java import Java

TRAINING_GRACE_S = 120.0
"""How long a clean end may take that also writes the AOT cache; 6 s is usual."""
CACHES_KEPT = 2
_MADE = "kafka.aot"
_EXIT_CODE_SIGTERM = 143
_QUIET = "-Xlog:disable"  # a refused cache costs time and nothing else


class AotCache:
    """The AOT cache of one Java, one set of jars and one set of options; used where it exists, made where it does not.

    Args:
        store: where it is kept, in the user's cache.
        java: the Java that reads and writes it.
        jars: the class path, in its order.
        options: the JVM options that the broker runs with.
    """

    def __init__(self, store: Path, java: Java, jars: Sequence[Path], options: Sequence[str]) -> None:
        # The JVM refuses a cache of other jars (by size and time) or another JVM; so those are the key.
        parts = [java.build, *options]
        parts += [f"{file} {file.stat().st_mtime_ns}" for file in (java.program, *jars)]
        self.path = store / f"kafka-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:16]}.aot"
        self.in_use = False
        self._damaged = False
        self._training: ClaimedFolder | None = None

    def options(self, *, train: bool) -> list[str]:
        """The JVM options of the next start.

        Args:
            train: whether this broker may be the training run, if one is needed.
        """
        self.in_use = self.path.exists() and not self._damaged
        if self.in_use:
            return [f"-XX:AOTCache={self.path}", _QUIET]
        if self._training is None and train:
            # One trains for all; and into a cache that cannot be written nobody trains.
            with contextlib.suppress(TakenError, ConfigurationError, StackError, OSError):
                self._training = ClaimedFolder(self.path.parent, "training-", alone=True)
        return [] if self._training is None else [f"-XX:AOTCacheOutput={self._training.path / _MADE}", _QUIET]

    def discard(self) -> bool:
        """Remove a cache that the JVM accepted and then crashed with; returns whether one was in use."""
        used, self.in_use = self.in_use, False
        if used:
            self._damaged = True
            with contextlib.suppress(OSError):  # where it cannot be removed, this broker does without it
                self.path.unlink()
        return used

    @property
    def is_training(self) -> bool:
        """Whether a clean end of this broker would make the cache."""
        return self._training is not None

    def finish(self, child: Child) -> None:
        """End a training run cleanly and keep what it made."""
        if self._training is None:
            return
        made = self._training.path / _MADE
        code = child.stop(TRAINING_GRACE_S)
        if code == _EXIT_CODE_SIGTERM and made.exists():
            with contextlib.suppress(OSError):  # without it the next start is only slower
                made.replace(self.path)
                for old in sorted(self.path.parent.glob("*.aot"), key=os.path.getmtime)[:-CACHES_KEPT]:
                    old.unlink()

    def release(self) -> None:
        """Give up training; calling it again is harmless."""
        if self._training is not None:
            self._training.release()
            self._training = None
