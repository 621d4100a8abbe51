"""Child processes that cannot outlive us, however we end.

In: an argument vector, an environment, a folder, files for the output. Out: a `Child` that leads its own process group.

How nothing is left behind:

- every child leads a session and a process group of its own; killing means the *group*, so grandchildren go too;
- a *keeper* (one small process per oncewhere process, in its own session) holds the read end of a pipe whose only
  lasting write end is ours. Our death, SIGKILL included, closes it; then the keeper sends SIGKILL to every group that
  is registered;
- a child registers *itself* (`_leash.py`) before it execs its program, so there is no moment at which it is unknown.

Not used, and why: `preexec_fn` is unsafe in a program with threads; Linux's PR_SET_PDEATHSIG fires when the *thread*
that started the child ends, and is forgotten when the child changes its user.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

from oncewhere.errors import ConfigurationError, StackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_LEASH = Path(__file__).with_name("_leash.py")
_KEEPER = Path(__file__).with_name("_keeper.py")
# -I: no environment, no user site; -S: no site-packages. A start costs about 10 ms and cannot be diverted.
_PYTHON = (sys.executable, "-I", "-S")

REAP_TIMEOUT_S = 10.0
"""How long a group may take to die of SIGKILL (only uninterruptible I/O delays it)."""


class Child:
    """One started program and its process group.

    Whenever the leader is found to have ended, what is left of its group is killed as well.
    """

    def __init__(self, process: subprocess.Popen[bytes], argv: Sequence[str]) -> None:
        self._process = process
        self._ended = threading.Event()
        self.argv = tuple(argv)
        self.pid = process.pid

    def __repr__(self) -> str:
        code = self._process.returncode
        return f"<Child {self.argv[0]} pid={self.pid} {'running' if code is None else f'ended {code}'}>"

    def poll(self) -> int | None:
        """The exit code (negative: the signal), or None while the program runs."""
        code = self._process.poll()
        if code is not None:
            self._leave_nothing()
        return code

    def wait(self, timeout_s: float) -> int:
        """Wait for the end of the program.

        Args:
            timeout_s: how long to wait, in seconds.

        Returns:
            The exit code (negative: the signal).

        Raises:
            TimeoutError: it still runs.
        """
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as expired:
            raise TimeoutError(f"{self.argv[0]} (pid {self.pid}) still runs after {timeout_s:g} s") from expired
        self._leave_nothing()
        return code

    def finish(self, timeout_s: float) -> int | None:
        """The exit code of a program that ends by itself; None when it did not in time, and was killed.

        Args:
            timeout_s: how long it may take, in seconds.
        """
        try:
            return self.wait(timeout_s)
        except TimeoutError:
            self.kill_group()
            return None

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the whole group; nothing happens when the program has ended."""
        if self.poll() is None:
            self._signal(number)

    def kill_group(self) -> int:
        """SIGKILL the whole group and reap the leader; calling it again is harmless.

        Returns:
            The exit code (negative: the signal).

        Raises:
            StackError: the kernel did not end the leader within `REAP_TIMEOUT_S`.
        """
        self.signal_group(signal.SIGKILL)
        try:
            return self.wait(REAP_TIMEOUT_S)
        except TimeoutError as stuck:
            raise StackError(
                f"{self.argv[0]} (pid {self.pid}) did not die of SIGKILL within {REAP_TIMEOUT_S:g} s.",
                hint="It hangs in the kernel (a stalled disk or network file system?).",
            ) from stuck

    def stop(self, grace_s: float, sig: signal.Signals = signal.SIGTERM) -> int:
        """Ask the leader to end, and kill the group when it has not done so in time.

        Args:
            grace_s: how long it may take, in seconds.
            sig: the signal that asks.

        Returns:
            The exit code (negative: the signal).
        """
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, sig)
        with contextlib.suppress(TimeoutError):
            return self.wait(grace_s)
        return self.kill_group()

    def _signal(self, number: signal.Signals) -> None:
        # macOS answers EPERM instead of ESRCH for a group in which only zombies are left.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _leave_nothing(self) -> None:
        if self._ended.is_set():
            return
        self._ended.set()
        # The leader's pid is free from here on, but while a member of the group lives the kernel does not give the
        # number away, and a number just freed is the last one to be used again.
        self._signal(signal.SIGKILL)
        _keeper.deregister(self.pid)


class _Keeper:
    """Our end of the keeper's pipe; the keeper is started with the first child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pipe: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def pipe(self) -> int:
        """The write end of the pipe of a keeper that lives."""
        with self._lock:
            if self._pipe is None:
                self._pipe, self._process = _start_keeper()
            elif self._process is not None and self._process.poll() is not None:
                raise StackError(
                    "The process that guards our children was killed.",
                    hint="Stop this run and start it again.",
                )
            return self._pipe

    def deregister(self, group: int) -> None:
        with self._lock, contextlib.suppress(OSError):
            if self._pipe is not None:
                os.write(self._pipe, b"-%d\n" % group)

    def forget(self) -> None:
        """In a forked copy of us: the children belong to the original, and so does the keeper."""
        self._lock = threading.Lock()
        if self._pipe is not None:
            os.close(self._pipe)
        self._pipe = self._process = None


def _start_keeper() -> tuple[int, subprocess.Popen[bytes]]:
    read_end, write_end = os.pipe()
    try:
        process = subprocess.Popen(
            [*_PYTHON, os.fspath(_KEEPER)],
            stdin=read_end,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a terminal's Ctrl-C must not reach it
            cwd="/",  # it must not hold a folder that is to be removed
        )
    finally:
        os.close(read_end)
    return write_end, process


_keeper = _Keeper()
os.register_at_fork(after_in_child=_keeper.forget)


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdout: Path | None = None,
    stderr: Path | None = None,
) -> Child:
    """Start a program as the leader of a process group that ends with us at the latest.

    Args:
        argv: the program (looked up in PATH when it has no slash) and its arguments.
        env: its whole environment; None: ours.
        cwd: the folder it starts in; None: ours.
        stdout: the file its output is appended to; None: nowhere.
        stderr: likewise for its standard error; the same path as `stdout` merges the two.

    Returns:
        The running child.

    Raises:
        ConfigurationError: the program or the folder is not there, or may not be run.
        StackError: the operating system could not start a process.
    """
    if not argv:
        raise ConfigurationError("The command is empty.", hint="Name a program to run.")
    if cwd is not None and not cwd.is_dir():
        raise ConfigurationError(f"There is no folder {cwd} to run {argv[0]} in.", hint="Create it or name another.")
    keeper_fd = _keeper.pipe()
    status_read, status_write = os.pipe()
    try:
        try:
            with _open_output(stdout, stderr) as (out, err):
                process = subprocess.Popen(
                    [*_PYTHON, os.fspath(_LEASH), str(keeper_fd), str(status_write), *argv],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env=None if env is None else dict(env),
                    cwd=cwd,
                    pass_fds=(keeper_fd, status_write),
                    start_new_session=True,
                )
        finally:
            os.close(status_write)
        child = Child(process, argv)
        status = os.read(status_read, 16)  # ends at exec, which closes the other end
    except OSError as error:
        raise StackError(
            f"{argv[0]} could not be started: {error.strerror}.", hint="Free some memory or processes and try again."
        ) from error
    finally:
        os.close(status_read)
    if status:
        child.kill_group()
        raise _exec_error(argv[0], int(status))
    return child


@contextlib.contextmanager
def _open_output(stdout: Path | None, stderr: Path | None) -> Iterator[tuple[IO[bytes] | int, IO[bytes] | int]]:
    with contextlib.ExitStack() as files:
        out: IO[bytes] | int = subprocess.DEVNULL
        err: IO[bytes] | int = subprocess.DEVNULL
        if stdout is not None:
            out = files.enter_context(stdout.open("ab"))
        if stderr is not None:
            err = subprocess.STDOUT if stderr == stdout else files.enter_context(stderr.open("ab"))
        yield out, err


def _exec_error(program: str, number: int) -> ConfigurationError:
    if number == errno.ENOENT:
        return ConfigurationError(
            f"The program {program!r} was not found.", hint="Install it, or name it with its whole path."
        )
    if number == errno.ENOEXEC:
        return ConfigurationError(
            f"{program!r} is not a program.", hint="Name the interpreter first, as in: python processor.py."
        )
    return ConfigurationError(
        f"The program {program!r} could not be run: {os.strerror(number)}.", hint="Make it executable."
    )
