"""The shared memory of a server that was killed: its data folder in, one segment fewer out.

PostgreSQL guards a data folder with 56 bytes of System V shared memory, which no process's end gives back. The kernel
has few such segments (4096 on Linux, 32 on macOS), so what SIGKILL left is removed when the folder is.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT_S = 5.0


def release_shared_memory(data: Path) -> None:
    """Remove the segment that `data/postmaster.pid` names; nothing happens when its server ended in order.

    A segment counts as its own only when number and key agree, for the number alone may belong to somebody else by now.
    """
    try:
        key, number = map(int, (data / "postmaster.pid").read_text().splitlines()[6].split())
    except (OSError, ValueError, IndexError):
        return  # ended in order, or killed before it had one
    ipcs, ipcrm = shutil.which("ipcs"), shutil.which("ipcrm")
    if ipcs is None or ipcrm is None:
        return
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        listing = subprocess.run([ipcs, "-m"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True).stdout
        for words in map(str.split, listing.splitlines()):
            keys = [int(word, 16) for word in words if word.startswith("0x")]
            if str(number) in words and key in keys:
                subprocess.run([ipcrm, "-m", str(number)], capture_output=True, timeout=_TIMEOUT_S, check=False)
