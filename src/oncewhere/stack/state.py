"""Where a running stack tells how to reach it: `root/stack/state.json`, and a lock that only a living owner holds.

In: a project's folder. Out: the `State` of the stack that runs there, or None. The kernel releases the lock (flock)
when its owner ends, so a file that a killed owner left is never mistaken for a running stack, whoever has its pid now.
"""

from __future__ import annotations

import fcntl
import os
from typing import IO, TYPE_CHECKING, Self

import msgspec

from oncewhere.errors import ConfigurationError
from oncewhere.stack.folders import writing_to

if TYPE_CHECKING:
    from pathlib import Path

_STATE = "state.json"
_LOCK = ".up"


class State(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A stack that is up."""

    pid: int
    """The process that owns the servers; SIGTERM makes it stop them."""
    bootstrap_servers: str
    """For `bootstrap.servers`."""
    postgres: str
    """The DSN of the database `postgres`, password included."""
    kafka_pid: int
    postgres_pid: int


def read_state(root: Path) -> State | None:
    """The state of the stack that runs for this project, or None when none is up (or it is still starting)."""
    if not is_up(root):
        return None
    try:
        return msgspec.json.decode((root / "stack" / _STATE).read_bytes(), type=State)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def is_up(root: Path) -> bool:
    """Whether a process owns this project's stack now."""
    try:
        with (root / "stack" / _LOCK).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


class Ownership:
    """The right to be *the* stack of a project; a context manager that holds the lock and the state file.

    Args:
        root: the project's `.oncewhere` folder.

    Raises:
        ConfigurationError: another process has it, or the folder cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "stack"
        with writing_to(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock: IO[bytes] = (self._folder / _LOCK).open("wb")
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._lock.close()
                raise ConfigurationError(
                    f"A stack is up already (or starting) for {root}.",
                    hint="'oncewhere stack status' tells its addresses, 'oncewhere stack down' stops it.",
                ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        (self._folder / _STATE).unlink(missing_ok=True)
        self._lock.close()

    def publish(self, state: State) -> None:
        """Write the state file, whole or not at all, and readable for this user only (it holds a password)."""
        draft = self._folder / f".{_STATE}.{os.getpid()}"
        with writing_to(self._folder):
            draft.touch(mode=0o600)
            draft.write_bytes(msgspec.json.format(msgspec.json.encode(state)) + b"\n")
            draft.replace(self._folder / _STATE)
