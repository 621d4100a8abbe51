"""The stack's events come in; downloads with their bytes and steps go to standard error."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from oncewhere.stack.progress import Event, Fetching, Ready, Step


class StackProgress:
    """Shows what the stack does: a live block on a terminal, plain lines elsewhere.

    Args:
        console: where it goes; standard error.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._live: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._done: dict[str, tuple[int, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Takes the live block away; what comes later is printed as plain lines."""
        with self._lock:
            if self._live is not None:
                self._live.stop()
                self._live = None

    def __call__(self, event: Event) -> None:
        """Hears one event; from any thread."""
        with self._lock:
            match event:
                case Step(text=text):
                    self._say(text)
                case Ready(name=name, address=address, took_s=took_s):
                    self._say(f"{name} is ready at {address} ({took_s:.1f} s)")
                case Fetching(name=name, done_bytes=done, total_bytes=total):
                    self._fetching(name, done, total)

    def _say(self, text: str) -> None:
        (self._live.console if self._live is not None else self._console).print(text, markup=False, style="dim")

    def _fetching(self, name: str, done: int, total: int) -> None:
        if not self._console.is_terminal:
            self._count(name, done, total)
            return
        if self._live is None:
            self._live = Progress(
                TextColumn("fetching {task.description}"),
                BarColumn(bar_width=24),
                DownloadColumn(),
                TransferSpeedColumn(),
                console=self._console,
                transient=True,
            )
            self._tasks = {}
            self._live.start()
        if name not in self._tasks:
            self._tasks[name] = self._live.add_task(name, total=total)
        self._live.update(self._tasks[name], completed=done)

    def _count(self, name: str, done: int, total: int) -> None:
        """Without a terminal: one line for every tenth of a download."""
        tenths = 10 * done // total if total else 10
        if self._done.get(name, (-1, 0))[0] != tenths:
            self._done[name] = (tenths, total)
            self._say(f"fetching {name}: {done / 1e6:.0f} of {total / 1e6:.0f} MB")
