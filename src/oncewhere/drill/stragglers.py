"""A life that was killed comes in; what it had started in sessions of its own is killed as well.

SIGKILL goes to the whole process group in the instant of the crash. A program may have put a child into a group of its
own (setsid): it would go on working beside the next life, and be taken for it. Each life has a mark in its environment,
which its children inherit; where the system lets us read environments (Linux), whoever still bears it is killed too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

MARK = "ONCEWHERE_LIFE"
"""The environment variable that bears the mark."""

PROCESSES = Path("/proc")
ROUNDS_LIMIT = 10
"""Rounds of looking and killing: one that is being forked meanwhile is found in the next."""
PAUSE_S = 0.005


def kill_marked(mark: str) -> int:
    """Kills every process that bears a mark; returns how many there were. Nobody where environments cannot be read.

    Args:
        mark: the life's, which no other has.
    """
    killed: set[int] = set()
    for _ in range(ROUNDS_LIMIT):
        found = marked(mark)
        if not found:
            break
        for pid in found:
            killed.add(pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(PAUSE_S)
    return len(killed)


def marked(mark: str) -> list[int]:
    """The processes that bear a mark."""
    wanted = f"{MARK}={mark}".encode()
    return [pid for pid in _others() if _bears(pid, wanted)]


def _others() -> list[int]:
    try:
        pids = [int(entry.name) for entry in PROCESSES.iterdir() if entry.name.isdigit()]
    except OSError:
        return []
    return [pid for pid in pids if pid != os.getpid()]


def _bears(pid: int, wanted: bytes) -> bool:
    """A process that is dead and not yet reaped has no environment any more."""
    try:
        return wanted in (PROCESSES / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
