"""A version and its addresses come in; lives of a real processor go out, each ended by SIGKILL or by itself."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Mapping
from pathlib import Path

from oncewhere.masking import Secrets
from oncewhere.processes import Child, spawn

from .declaration import INSTANCE, Version
from .log_tail import tail
from .placeholders import fill, standing_values
from .stragglers import MARK, kill_marked

_OF_PASSWORDS = ".password"
"""Ends the placeholder of a place's password."""


def passwords_of(addresses: Mapping[str, str]) -> dict[str, str]:
    """Of the placeholders, those that are passwords."""
    return {name: value for name, value in addresses.items() if name.endswith(_OF_PASSWORDS)}


class Victim:
    """The processor that is drilled.

    Args:
        version: what to start.
        folder: the declaration's folder; the command starts in it.
        addresses: what `{kafka}` and `{EFFECT}` become.
        logs: the folder for the output of every life.
    """

    def __init__(self, version: Version, folder: Path, addresses: Mapping[str, str], logs: Path) -> None:
        self._processor = version.processor
        self._values = {**standing_values(), **addresses}
        self.secrets = Secrets(
            texts=[*addresses.values(), *self._processor.environment.values(), *self._processor.command],
            settings={**os.environ, **self._processor.environment, **passwords_of(addresses)},
        )
        """What must not be read in anything that is kept of it."""
        self._argv(0), self._environment(0)  # what cannot be filled in is told before anything starts
        self._folder = folder
        self._logs = logs
        self._child: Child | None = None
        self._others: list[Child] = []
        self._stopped = False
        self.mark = uuid.uuid4().hex
        self.life = 0
        self.stragglers = 0
        """Processes that had left the group, and were killed one by one."""

    def start(self) -> None:
        """Begins the next life.

        Raises:
            ConfigurationError: the program is missing or cannot be run.
        """
        self._child = self._spawn(0)

    def start_beside(self, instance: int) -> None:
        """Begins another life without ending the present one.

        Args:
            instance: what `{instance}` becomes.

        Raises:
            ConfigurationError: the program is missing or cannot be run.
        """
        if self._child is not None:
            self._others.append(self._child)
        self._child = self._spawn(instance)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the whole process group, without waiting; safe at any time."""
        if self._child is not None:
            self._child.signal_group(number)
            self._stopped = self._stopped or number is signal.SIGSTOP

    def resume(self) -> None:
        """Wakes lives that were stopped (SIGCONT)."""
        for child in self._others:
            child.signal_group(signal.SIGCONT)
        self._stopped = False

    def bury(self) -> int | None:
        """Kills every group, waits for their leaders, and says how the present life ended (negative: the signal)."""
        for other in self._others:
            other.kill_group()
        self._others.clear()
        code = None if self._child is None else self._child.kill_group()
        self.stragglers += kill_marked(self.mark)
        return code

    def exited(self) -> int | None:
        """The exit code of the present life, where it and every other that is not stopped have ended by themselves."""
        if not self._stopped and any(other.poll() is None for other in self._others):
            return None
        return self.newest_exited()

    def newest_exited(self) -> int | None:
        """The exit code of the life that began last, where it has ended by itself."""
        return None if self._child is None else self._child.poll()

    def _spawn(self, instance: int) -> Child:
        self.life += 1
        return spawn(
            self._argv(instance),
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self._environment(instance), MARK: self.mark},
            cwd=self._folder,
            stdout=self.log,
            stderr=self.log,
        )

    def _argv(self, instance: int) -> list[str]:
        values = {**self._values, INSTANCE: str(instance)}
        return [fill(part, values, "processor.command") for part in self._processor.command]

    def _environment(self, instance: int) -> dict[str, str]:
        values = {**self._values, INSTANCE: str(instance)}
        return {
            name: fill(text, values, f"processor.environment.{name}")
            for name, text in self._processor.environment.items()
        }

    @property
    def log(self) -> Path:
        """The output of the current life, standard error and standard output as they came."""
        return self._logs / f"life-{self.life}.log"

    def last_words(self) -> str:
        """The end of the current life's output."""
        try:
            text = self.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return tail(self.secrets.taken_out(text))

    def hide_secrets(self) -> None:
        """Takes the secrets that it was given, and what looks like one, out of what it said; it is dead and buried."""
        for log in self._logs.glob("life-*.log"):
            self.secrets.take_out_of_log(log)
