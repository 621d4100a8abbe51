"""A stack that stays: the process that owns the servers, in the foreground or detached.

In: a `Request`. Out: events while it starts, then a `State`; then it waits until it is told to stop. Detached, the same
code runs in a process of its own (`python -m oncewhere.stack.supervisor`) and says the same things as JSON lines on its
standard output until it is ready. Whoever owns the servers, they end with it: see `oncewhere.processes`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec

from oncewhere.errors import ConfigurationError, OncewhereError, StackError
from oncewhere.stack import patience
from oncewhere.stack.folders import writing_to
from oncewhere.stack.kafka_aot import TRAINING_GRACE_S
from oncewhere.stack.local import Stack
from oncewhere.stack.progress import Fetching, Progress, Ready, Step, silent
from oncewhere.stack.server_log import tail
from oncewhere.stack.state import Ownership, State, is_up, read_state

if TYPE_CHECKING:
    import types
    from collections.abc import Callable

WATCH_S = 0.5
"""How often it looks whether the servers still run."""
DOWN_TIMEOUT_S = TRAINING_GRACE_S + 30.0
"""How long a stack may take to stop; usually 0.1 s, once 6 s."""
_POLL_S = 0.05


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What `oncewhere stack up` was asked for; its paths are absolute, for a process in another folder."""

    root: Path
    cache: Path
    kafka_port: int | None = None
    postgres_port: int | None = None
    java: Path | None = None
    start_limit_s: float | None = None
    """How long each server may take to start, in seconds; None: as long as the machine needs (`patience`)."""


class Failure(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why a detached stack did not come up, as its error said it."""

    configuration: bool
    message: str
    hint: str | None
    detail: str | None


class Terminated(BaseException):
    """SIGTERM or SIGHUP came: stop in order."""


def serve(request: Request, *, progress: Progress = silent, on_ready: Callable[[State], None]) -> None:
    """Own a stack until SIGTERM (which `down` sends) or Ctrl-C; must run in the main thread.

    Args:
        request: what to start, and for which project.
        progress: told what takes a moment.
        on_ready: told once how to reach it.

    Raises:
        KeyboardInterrupt: Ctrl-C ended it, in order.
        ConfigurationError: a stack is up already.
        StackError: the servers did not start, or one of them ended by itself.
    """
    if request.start_limit_s is not None:
        patience.allow(request.start_limit_s)
    before = {number: signal.signal(number, _terminate) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with Ownership(request.root) as ownership, _stack(request, progress) as stack:
            state = State(
                pid=os.getpid(),
                bootstrap_servers=stack.bootstrap_servers,
                postgres=stack.dsn(),
                kafka_pid=stack.kafka.pid or 0,
                postgres_pid=stack.postgres.pid or 0,
            )
            ownership.publish(state)
            on_ready(state)
            _watch(stack)
    except Terminated:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def up(request: Request, progress: Progress = silent) -> State:
    """Start a detached stack, and wait until it is ready; one that is up already is taken when its ports fit.

    Args:
        request: what to start, and for which project.
        progress: told what takes a moment.

    Raises:
        OncewhereError: what the detached process ran into.
    """
    if (running := read_state(request.root)) is not None:
        return _fitting(running, request)
    log = request.root / "stack" / "supervisor.log"
    with writing_to(log.parent):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as errors:
            process = subprocess.Popen(
                # -P: nothing in the current folder may be imported instead of us.
                [sys.executable, "-P", "-m", __spec__.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                cwd=request.root,
            )
    try:
        state = _follow(process, request, progress, log)
    except BaseException:  # Ctrl-C too
        process.terminate()
        try:
            process.wait(DOWN_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
        raise
    process.returncode = 0  # it stays, on purpose: not a child that somebody forgot to wait for
    return state


def down(root: Path) -> bool:
    """Stop the project's stack.

    Returns:
        Whether one was up.

    Raises:
        StackError: it did not stop within `DOWN_TIMEOUT_S`.
    """
    deadline = time.monotonic() + DOWN_TIMEOUT_S
    asked = False
    while is_up(root):
        state = read_state(root)
        if state is not None and not asked:
            with contextlib.suppress(ProcessLookupError):
                os.kill(state.pid, signal.SIGTERM)
            asked = True
        if time.monotonic() > deadline:
            raise StackError(
                f"The stack did not stop within {DOWN_TIMEOUT_S:g} s.",
                hint=f"Kill its process{f' ({state.pid})' if state else ''}: the servers end with it.",
            )
        time.sleep(_POLL_S)
    return asked


def _stack(request: Request, progress: Progress) -> Stack:
    return Stack(
        request.root,
        request.cache,
        kafka_port=request.kafka_port,
        postgres_port=request.postgres_port,
        java=request.java,
        progress=progress,
    )


def _terminate(_number: int, _frame: types.FrameType | None) -> NoReturn:
    raise Terminated


def _watch(stack: Stack) -> NoReturn:
    while True:
        for server in stack.servers:
            if server.pid is None:
                raise StackError(
                    f"{server.name} ended by itself.", hint="The end of its log is below.", detail=tail(server.log)
                )
        time.sleep(WATCH_S)


def _fitting(running: State, request: Request) -> State:
    for wish, address in (
        (request.kafka_port, running.bootstrap_servers),
        (request.postgres_port, running.postgres.partition("@")[2].partition("/")[0]),
    ):
        if wish is not None and not address.endswith(f":{wish}"):
            raise ConfigurationError(
                f"A stack is up already, at {address} and not at port {wish}.",
                hint="Stop it with 'oncewhere stack down' first.",
            )
    return running


_Line = Step | Fetching | Ready | State | Failure


def _follow(process: subprocess.Popen[bytes], request: Request, progress: Progress, log: Path) -> State:
    """Hand the request over, pass the events on, and return what the detached process says at last."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("both ends are pipes")
    lines = msgspec.json.Decoder(_Line)
    with contextlib.suppress(BrokenPipeError), process.stdin as request_pipe:
        request_pipe.write(msgspec.json.encode(request, enc_hook=os.fspath))
    with process.stdout as answers:
        for line in answers:
            match lines.decode(line):
                case State() as state:
                    return state
                case Failure(configuration=configuration, message=message, hint=hint, detail=detail):
                    kind = ConfigurationError if configuration else StackError
                    raise kind(message, hint=hint, detail=detail)
                case event:
                    progress(event)
    raise StackError("The process that was to own the servers ended.", hint="It said what is below.", detail=tail(log))


def main() -> int:
    """Be the detached process: a `Request` on standard input, JSON lines on standard output until it is ready."""
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request, dec_hook=lambda _, text: Path(text))
    one_line = threading.Lock()

    def say(message: _Line) -> None:
        with one_line:
            sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
            sys.stdout.buffer.flush()  # a broken pipe ends the start: whoever asked is gone

    def ready(state: State) -> None:
        say(state)
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())

    try:
        serve(request, progress=say, on_ready=ready)
    except OncewhereError as error:
        failure = Failure(
            configuration=isinstance(error, ConfigurationError),
            message=error.message,
            hint=error.hint,
            detail=error.detail,
        )
        with contextlib.suppress(BrokenPipeError):
            say(failure)
        sys.stderr.write(f"{error}\n{error.detail or ''}\n")
        return error.exit_code
    except (BrokenPipeError, KeyboardInterrupt):
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
