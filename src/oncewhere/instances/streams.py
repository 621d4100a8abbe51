"""What an instance writes: bytes in at a pipe, whole lines with its number in front out.

A thread per stream, so that a slow terminal delays its writers (through the pipe, as it would without us) and never
the supervisor.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import BinaryIO

READ_BYTES = 65_536
MAX_LINE_BYTES = 65_536
"""A longer line is written in parts, each with the number in front."""
END_LIMIT_S = 2.0
"""How long the rest of an ended instance's output is waited for."""


class Sink:
    """A standard stream of ours that several instances write to, line by line.

    Args:
        out: where to.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._closed = False

    def write(self, line: bytes) -> None:
        """Writes one line at once; drops it when our own reader has gone, for no instance should die of that."""
        with self._lock:
            if self._closed:
                return
            try:
                self._out.write(line)
                self._out.flush()
            except (OSError, ValueError):
                self._closed = True


class Stream:
    """One stream of one process.

    Args:
        prefix: in front of each line.
        sink: where they go.
    """

    def __init__(self, prefix: bytes, sink: Sink) -> None:
        self._prefix = prefix
        self._sink = sink
        self._read, self._write = os.pipe()
        self._thread = threading.Thread(target=self._pump, name="oncewhere-stream", daemon=True)

    @property
    def path(self) -> Path:
        """Where the process is to write: the pipe's other end, by name (`spawn` takes files)."""
        return Path(f"/dev/fd/{self._write}")

    def start(self) -> None:
        """To be called once the process has the pipe, or never will: then it ends with the process."""
        os.close(self._write)
        self._thread.start()

    def join(self) -> None:
        """Waits for the end of the output; a stray grandchild that still holds the pipe is not waited for."""
        self._thread.join(END_LIMIT_S)

    def _pump(self) -> None:
        rest = b""
        with os.fdopen(self._read, "rb", buffering=0) as pipe:
            while part := pipe.read(READ_BYTES):
                *lines, rest = (rest + part).split(b"\n")
                for line in lines:
                    self._line(line)
                while len(rest) >= MAX_LINE_BYTES:
                    self._line(rest[:MAX_LINE_BYTES])
                    rest = rest[MAX_LINE_BYTES:]
        if rest:
            self._line(rest)

    def _line(self, line: bytes) -> None:
        self._sink.write(b"%b%b\n" % (self._prefix, line))
