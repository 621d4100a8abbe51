"""A version and its addresses come in; lives of a real processor go out, each ended by SIGKILL or by itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

from oncewhere.processes import Child, spawn

from .declaration import Version, fill, standing_values

LOG_TAIL_CHARACTERS = 4_000


class Victim:
    """The processor that is drilled.

    Args:
        version: what to start.
        folder: the declaration's folder; the command starts in it.
        addresses: what `{kafka}` and `{EFFECT}` become.
        logs: the folder for the output of every life.
    """

    def __init__(self, version: Version, folder: Path, addresses: Mapping[str, str], logs: Path) -> None:
        values = {**standing_values(), **addresses}
        self._argv = [fill(part, values, "processor.command") for part in version.processor.command]
        self._environment = {
            name: fill(text, values, f"processor.environment.{name}")
            for name, text in version.processor.environment.items()
        }
        self._folder = folder
        self._logs = logs
        self._child: Child | None = None
        self.life = 0

    def start(self) -> None:
        """Begins the next life.

        Raises:
            ConfigurationError: the program is missing or cannot be run.
        """
        self.life += 1
        self._child = spawn(
            self._argv,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self._environment},
            cwd=self._folder,
            stdout=self.log,
            stderr=self.log,
        )

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the whole process group, without waiting; safe at any time."""
        if self._child is not None:
            self._child.signal_group(number)

    def bury(self) -> int | None:
        """Kills the group, waits for the leader's end, and says how it ended (negative: the signal)."""
        return None if self._child is None else self._child.kill_group()

    def exited(self) -> int | None:
        """The exit code of a life that ended by itself; None while it goes on."""
        return None if self._child is None else self._child.poll()

    @property
    def log(self) -> Path:
        """The output of the current life, standard error and standard output as they came."""
        return self._logs / f"life-{self.life}.log"

    def last_words(self) -> str:
        """The end of the current life's output."""
        try:
            return self.log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL_CHARACTERS:].strip()
        except OSError:
            return ""
