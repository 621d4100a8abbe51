"""One small server of our own on loopback: a command in, a running child out. What Valkey and MariaDB share.

PostgreSQL and Kafka have modules of their own, as they tell more of themselves than that a port answers.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from oncewhere.errors import StackError
from oncewhere.processes import Child, spawn
from oncewhere.stack import ports
from oncewhere.stack.folders import disk_full, is_full, remove_tree, writing_to
from oncewhere.stack.patience import advice, start_limit_s
from oncewhere.stack.progress import Event, Progress, Ready, Step, silent
from oncewhere.stack.server_log import NO_SPACE, tail

if TYPE_CHECKING:
    from collections.abc import Sequence

READY_TIMEOUT_S = 30.0
START_TRIES = 5
"""A port that we chose can be lost before the server binds it."""
POLL_S = 0.005


class LocalServer(ABC):
    """A server that listens on loopback and lives no longer than we do; its data go with `stop`.

    Args:
        folder: where its data and log go.
        port: where clients connect; None: a free port.
        progress: told what takes a moment.
    """

    name: ClassVar[str]

    def __init__(self, folder: Path, *, port: int | None = None, progress: Progress = silent) -> None:
        self.folder = folder
        self.port = port or 0
        self.log = folder / "server.log"
        self._wish = port
        self._listener = progress
        self._child: Child | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._launched_at = 0.0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {ports.LOOPBACK}:{self.port} {self._child}>"

    @property
    def pid(self) -> int | None:
        """Its process, while it runs."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    @abstractmethod
    def prepare(self) -> str:
        """Makes what it needs in its folder, where it is not there yet; returns its version."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What starts it on `self.port`, with its data below `self.folder`."""

    def start(self) -> None:
        """`launch` and `wait_ready`."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Starts the server without waiting for it; after `kill`, the same one again: same port, same data.

        Raises:
            ConfigurationError: no such server is installed, a port in use, a folder that cannot be written.
            StackError: its data could not be made, or the disk is full.
        """
        if self._wish is not None and self._child is None:
            ports.claim(self._wish, self.name)
        with writing_to(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        version = self.prepare()
        self.port = self.port or ports.free_port()
        self._progress(Step(f"starting {self.name} {version}"))
        self._launched_at = time.monotonic()
        with self._lock:  # against a `stop` from another thread: it must find either no child or this one
            if self._closed:
                raise self._given_up()
            self._child = spawn(self.command(), cwd=self.folder, stdout=self.log, stderr=self.log)

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Waits until the server accepts connections.

        Args:
            timeout_s: how long it may take, in seconds; None: as long as this machine needs (`patience`).

        Raises:
            StackError: the server ended or did not answer; its log's tail is the detail.
        """
        timeout_s = start_limit_s(READY_TIMEOUT_S) if timeout_s is None else timeout_s
        deadline = time.monotonic() + timeout_s
        tries = 1
        while not (self.pid and ports.answers(self.port) and self.pid):
            if self._child is None or self._closed or time.monotonic() > deadline:
                raise self._not_up(timeout_s)
            if self._child.poll() is not None:
                if tries == START_TRIES or self._wish is not None:
                    raise self._not_up(timeout_s)
                tries, self.port = tries + 1, 0
                self.launch()
            time.sleep(POLL_S)
        self._progress(Ready(self.name, f"{ports.LOOPBACK}:{self.port}", time.monotonic() - self._launched_at))

    def kill(self) -> None:
        """SIGKILL the server, as a crash would; `launch` brings it back."""
        if self._child is not None:
            self._child.kill_group()

    def stop(self) -> None:
        """Ends the server and removes its data; calling it again is harmless."""
        with self._lock:
            self._closed = True
        try:
            self.kill()  # nothing of the data is wanted, so nothing has to be written
        finally:
            remove_tree(self.folder)

    def _progress(self, event: Event) -> None:
        if self._closed:  # every long step comes past here
            raise self._given_up()
        self._listener(event)

    def _not_up(self, timeout_s: float) -> StackError:
        if self._closed:
            return self._given_up()
        log = tail(self.log)
        if NO_SPACE in log or is_full(self.folder):
            return disk_full(self.folder, log)
        code = self._child.poll() if self._child is not None else None
        if code is None:
            return StackError(f"{self.name} was not ready within {timeout_s:g} s.", hint=advice(), detail=log)
        what = f"ended with {code} while it started"
        return StackError(f"{self.name} {what}.", hint="The end of its log is below.", detail=log)

    def _given_up(self) -> StackError:
        return StackError(f"The start of {self.name} was given up.")
