"""The instances under test, as processes: kills, stops and starts go in, exits come out."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from oncewhere.processes import spawn
from soak.instance import FENCED, RESTARTABLE, Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oncewhere.processes import Child

TESTS = Path(__file__).parents[1]
RESTART_PAUSE_S = 0.5
STOP_LIMIT_S = 30.0
_KILLED = -signal.SIGKILL


@dataclass(slots=True)
class Instance:
    """One instance over all its lives.

    Attributes:
        work: what it is told; `life` is filled in for each life.
        folder: where its output goes.
        exits: how often it ended by itself, by what it said last.
        crashes: exits that no supervisor should see: mistakes in the runtime.
        start_at: when it is to be started again, on the clock of the soak; None while it runs.
        resume_at: when it is to go on; None while its clock runs.
    """

    work: Work
    folder: Path
    lives: int = 0
    exits: dict[str, int] = field(default_factory=dict)
    crashes: list[str] = field(default_factory=list)
    start_at: float | None = 0.0
    resume_at: float | None = None
    _child: Child | None = None
    _told_before: int = 0

    @property
    def up(self) -> bool:
        """Whether this life of it has told anything yet: before that it has not even taken over its signals."""
        return self.runs and self.log.exists() and self.log.stat().st_size > self._told_before

    @property
    def runs(self) -> bool:
        """Whether it is alive and its clock is not stopped."""
        return self._child is not None and self.start_at is None and self.resume_at is None

    @property
    def log(self) -> Path:
        """The runtime's events, one JSON line each, over all lives."""
        return self.folder / f"{self.work.name}.jsonl"

    @property
    def errors(self) -> Path:
        """What it wrote to its standard error."""
        return self.folder / f"{self.work.name}.err"

    def tick(self, now: float) -> None:
        """Does what is due: starts, resumes, notices an end."""
        if self.start_at is not None:
            if now >= self.start_at:
                self.start()
        elif self.resume_at is not None:
            if now >= self.resume_at:
                self.resume()
        elif self._child is not None and (code := self._child.poll()) is not None:
            self._ended(code)
            self.start_at = now + RESTART_PAUSE_S

    def start(self) -> None:
        """Begins a new life."""
        self.lives += 1
        self.start_at = self.resume_at = None
        self._told_before = self.log.stat().st_size if self.log.exists() else 0
        work = msgspec.structs.replace(self.work, life=f"{self.work.name}.{self.lives}")
        path = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH"))))
        self._child = spawn(
            [sys.executable, "-m", "soak.instance", msgspec.json.encode(work).decode()],
            env={**os.environ, "PYTHONPATH": path},
            stdout=self.log,
            stderr=self.errors,
        )

    def kill(self, start_at: float) -> None:
        """SIGKILL, and a new life at that time."""
        if self._child is not None:
            self._child.kill_group()
        self.start_at, self.resume_at = start_at, None

    def pause(self, resume_at: float) -> None:
        """SIGSTOP until that time: a zombie, if that is later than the session timeout."""
        if self._child is not None:
            self._child.signal_group(signal.SIGSTOP)
        self.resume_at = resume_at

    def resume(self) -> None:
        """SIGCONT."""
        self.resume_at = None
        if self._child is not None:
            self._child.signal_group(signal.SIGCONT)

    def stop(self) -> None:
        """SIGTERM, as a deployment does; an end that is not clean is a crash."""
        if self._child is None:
            return
        self.resume()
        code = self._child.stop(STOP_LIMIT_S)
        if code != 0:
            self._ended(code)
            self.crashes.append(f"{self.work.name} ended with {code} when it was asked to stop")

    def told(self) -> Iterator[str]:
        """The names of the runtime's events, over all lives."""
        for line in self.log.read_bytes().splitlines() if self.log.exists() else ():
            if line.endswith(b"}"):  # a kill may cut the last line of a life short
                yield str(msgspec.json.decode(line[line.rindex(b'{"at"') :])["event"])

    def _ended(self, code: int) -> None:
        lines = self.errors.read_text(errors="replace").splitlines() if self.errors.exists() else []
        said = lines[-1] if lines else f"exit code {code}"
        if code in {FENCED, RESTARTABLE}:
            name = said if said.startswith("OncewhereError") else said.partition(":")[0]
            self.exits[name] = self.exits.get(name, 0) + 1
        elif code != _KILLED:
            self.crashes.append(f"{self.work.name} ended with {code}: {said}")
