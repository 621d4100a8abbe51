"""One process of a peer: a command line and a job in; its CPU, its memory and its end out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from measure.build import PEERS as FOLDER
from measure.build import Built, NotBuilt, build
from measure.peers import PEERS
from oncewhere.processes import Child, spawn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from measure.spec import Spec

GRACE_S = 8.0  # between SIGTERM and SIGKILL
TICKS_S = 1 / os.sysconf("SC_CLK_TCK")


def command(spec: Spec) -> tuple[str, ...] | NotBuilt:
    """The command line of a peer, which is built if need be.

    Raises:
        ValueError: there is no such peer.
    """
    peer = PEERS.get(spec.peer)
    if peer is None:
        raise ValueError(f"there is no peer {spec.peer!r}; there are {', '.join(PEERS)}")
    match build(peer.kind):
        case NotBuilt() as missing:
            return missing
        case Built(argv):
            if not peer.program:
                return argv
            return (*argv, str(FOLDER / peer.program) if peer.program.endswith(".py") else peer.program)


class RunningPeer:
    """A started process.

    Args:
        argv: its command line.
        environment: the job (`PEER_…`), added to ours.
        log: the file that its output is appended to.
    """

    def __init__(self, argv: tuple[str, ...], environment: Mapping[str, str], log: Path) -> None:
        self._child: Child = spawn(
            argv,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            cwd=log.parent,
            stdout=log,
            stderr=log,
        )

    def ended(self) -> bool:
        """Whether it has ended, which no peer should by itself."""
        return self._child.poll() is not None

    def cpu_s(self) -> float | None:
        """CPU seconds so far, of all its threads; None where the system does not tell."""
        return cpu_s(self._child.pid)

    def peak_bytes(self) -> int | None:
        """The most memory that it ever had resident; None where the system does not tell."""
        try:
            status = Path(f"/proc/{self._child.pid}/status").read_text()
        except OSError:
            return None
        line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
        return None if line is None else int(line.split()[1]) * 1024

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when it takes too long."""
        self._child.stop(GRACE_S)

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        self._child.kill_group()


def cpu_s(pid: int | None) -> float | None:
    """CPU seconds of a process so far; None where the system does not tell."""
    fields = _stat(pid)
    return None if fields is None else (int(fields[11]) + int(fields[12])) * TICKS_S


def tree_cpu_s(pid: int | None) -> float | None:
    """CPU seconds of a process and all that it started, ended or not; None where the system does not tell.

    One of PostgreSQL's connections is a process, and may end while it is measured.
    """
    fields = _stat(pid)
    if fields is None:
        return None
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    own = sum(map(int, fields[11:15])) * TICKS_S  # the last two: of the children that have ended
    return own + sum(tree_cpu_s(int(child)) or 0.0 for child in children)


def _stat(pid: int | None) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
