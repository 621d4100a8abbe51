"""Folders that belong to one running process: claimed while it lives, swept by the next one when it was killed.

In: a parent folder. Out: a fresh folder inside it, locked by the kernel (flock) until its owner ends in whatever way.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from oncewhere.errors import ConfigurationError, OncewhereError, StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOCK_NAME = ".owner"
_GUARD_NAME = ".guard"
_TURN_NAME = ".turn"
_TURN_PAUSE_S = 0.02
_FULL_BELOW_BYTES = 64 * 1024
_REMOVE_TRIES = 20
_REMOVE_PAUSE_S = 0.05

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR})
FILE_SYSTEM_ERRORS = _FULL | _FORBIDDEN
"""Error numbers that only a file system gives, never a network."""


class TakenError(Exception):
    """Another living process has claimed what we asked for."""


class ClaimedFolder:
    """A fresh folder `parent/<prefix><random>` that is removed on `release`, or by the next claim after our death.

    Args:
        parent: where the folder is made; made itself when it is missing.
        prefix: the beginning of its name.
        alone: whether no other living process may have a folder of this prefix.
        on_sweep: called with each folder that a dead process left, before it is removed.

    Raises:
        TakenError: another process has one, and we want to be alone.
        ConfigurationError: the parent cannot be written.
        StackError: the disk is full.
    """

    def __init__(
        self, parent: Path, prefix: str, *, alone: bool = False, on_sweep: Callable[[Path], None] | None = None
    ) -> None:
        with writing_to(parent):
            parent.mkdir(parents=True, exist_ok=True)
            with _guard(parent):
                if _sweep(parent, prefix, on_sweep) and alone:
                    raise TakenError
                self.path = parent / f"{prefix}{secrets.token_hex(4)}"
                self.path.mkdir()
                self.path.chmod(0o711)  # others may pass (PostgreSQL's user, when we are root) but not look around
                self._lock: IO[bytes] | None = (self.path / _LOCK_NAME).open("wb")
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Remove the folder and all that is in it; calling it again is harmless."""
        if self._lock is not None:
            remove_tree(self.path)
            self._lock.close()
            self._lock = None


@contextlib.contextmanager
def one_at_a_time(folder: Path, timeout_s: float) -> Iterator[None]:
    """Let only one process or thread of this machine into the block; the others wait, and then find it done.

    Args:
        folder: what they share.
        timeout_s: how long to wait for the others, in seconds.

    Raises:
        StackError: somebody else took longer.
        ConfigurationError: the folder cannot be written.
    """
    deadline = time.monotonic() + timeout_s
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _TURN_NAME).open("wb")
    with lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StackError(
                        f"Another oncewhere has been preparing {folder} for more than {timeout_s:g} s.",
                        hint="Wait for it, or stop it.",
                    ) from None
                time.sleep(_TURN_PAUSE_S)
        yield


def remove_tree(path: Path) -> None:
    """Remove a folder, although a dying process may still write into it."""
    for _ in range(_REMOVE_TRIES):
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(_REMOVE_PAUSE_S)


def copy_tree(source: Path, target: Path) -> None:
    """Copy a folder of plain files, for this user's eyes only.

    Unlike `shutil.copytree` it ends at the first error: on a full disk that is one error and not one for each file.

    Raises:
        OSError: what the file system refused.
    """
    target.mkdir(mode=0o700)
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.is_dir():
                copy_tree(Path(entry.path), target / entry.name)
            else:
                shutil.copyfile(entry.path, target / entry.name)
                (target / entry.name).chmod(0o600)


@contextlib.contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Turn what a file system refuses into the one sentence that says what to do.

    Args:
        folder: where is being written; named in the sentence.

    Raises:
        StackError: the disk is full.
        ConfigurationError: the folder may not be written.
    """
    try:
        yield
    except OSError as error:
        raise file_system_error(folder, error) from error


def file_system_error(folder: Path, error: OSError) -> OncewhereError:
    """The error to raise for what the file system said about a folder."""
    if error.errno in _FULL:
        return disk_full(folder)
    if error.errno in _FORBIDDEN:
        return ConfigurationError(
            f"{folder} cannot be written: {os.strerror(error.errno)}.", hint="Name a folder of your own."
        )
    return StackError(f"Writing to {folder} failed: {error}.", hint="Look after the disk and try again.")


def is_full(folder: Path) -> bool:
    """Whether the disk that holds the folder has no room left, so that not even a log could say so."""
    return shutil.disk_usage(folder).free < _FULL_BELOW_BYTES


def disk_full(folder: Path, detail: str | None = None) -> StackError:
    """The error for a full disk, wherever it was noticed."""
    return StackError(
        f"The disk that holds {folder} is full.",
        hint="Free about 500 MB there, or name another place.",
        detail=detail,
    )


@contextlib.contextmanager
def _guard(parent: Path) -> Iterator[None]:
    # Held for milliseconds: without it a sweep could fall between another process's mkdir and its flock.
    with (parent / _GUARD_NAME).open("wb") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def _sweep(parent: Path, prefix: str, on_sweep: Callable[[Path], None] | None) -> int:
    """Remove what dead processes left; returns how many folders of living ones there are."""
    alive = 0
    for folder in parent.glob(f"{prefix}*/"):
        if _is_claimed(folder):
            alive += 1
        else:
            if on_sweep is not None:
                on_sweep(folder)
            remove_tree(folder)
    return alive


def _is_claimed(folder: Path) -> bool:
    try:
        with (folder / _LOCK_NAME).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
