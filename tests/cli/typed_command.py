"""The command line as a user types it, in a process of its own; and what it has left running."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PAYMENTS = Path(__file__).parents[2] / "examples" / "payments"
END_LIMIT_S = 150.0
GONE_LIMIT_S = 10.0


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "oncewhere", *arguments]


def run(folder: Path, cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ONCEWHERE_CACHE": str(cache), "NO_COLOR": "1", "COLUMNS": "80"}
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=END_LIMIT_S,
        check=False,
    )


@dataclass(frozen=True)
class Typed:
    """What a command did in this very process."""

    returncode: int
    stdout: str
    stderr: str


def alive(mark: str) -> list[str]:
    """Every process that names `mark` in its arguments or its environment, but ourselves."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes()
            if arguments and mark.encode() in arguments + (entry / "environ").read_bytes():
                found.append(f"{entry.name}: {arguments[:200]!r}")
        except OSError:
            continue
    return found


def none_left(mark: str) -> None:
    deadline = time.monotonic() + GONE_LIMIT_S
    while (left := alive(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
