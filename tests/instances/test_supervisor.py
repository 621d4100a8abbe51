"""A real supervisor over real processes: it is signalled and killed, and what it leaves behind is counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from oncewhere.errors import FencedError

WAIT_S = 30.0

DRIVER = """
import logging, os, sys
from oncewhere.errors import OncewhereError
from oncewhere.instances.endings import Limits
from oncewhere.instances.supervisor import Supervisor

logging.basicConfig(level=logging.INFO, format="%(message)s")
limits = Limits(**eval(sys.argv[1]))
try:
    sys.exit(Supervisor(
        2,
        command=lambda number: [sys.executable, "-I", "-S", "instance.py", str(number)],
        environment=lambda number: {**os.environ, "PYTHONUNBUFFERED": "1"},
        limits=limits,
    ).run())
except OncewhereError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
except KeyboardInterrupt:
    sys.exit(130)
"""

INSTANCE = """
import os, signal, subprocess, sys, time
number = int(sys.argv[1])

def life():
    "Which life of this instance it is, from 1."
    with open(f"lives-{number}", "a+") as lives:
        lives.write("x")
        return lives.tell()

def wait(*, obey=True):
    "Until it is told to end."
    def stop(*_):
        if obey:
            print("stopped", flush=True)
            os._exit(0)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print("ready", flush=True)
    while True:
        time.sleep(60)

"""


class Run:
    """A supervisor in a process of its own, with two instances that do what a script says."""

    def __init__(self, folder: Path, script: str, *, reader: int | None = None, **limits: Any) -> None:
        (folder / "driver.py").write_text(DRIVER)
        (folder / "instance.py").write_text(INSTANCE + script)
        self.folder = folder
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "driver.py", repr({"first_pause_s": 0.01, **limits})],
                cwd=folder,
                env={**os.environ, "MARK": str(folder)},
                stdout=reader or out,
                stderr=err,
            )

    @property
    def out(self) -> list[str]:
        return sorted((self.folder / "out").read_text().splitlines())

    @property
    def err(self) -> str:
        return (self.folder / "err").read_text()

    def lives(self, number: int) -> int:
        return len((self.folder / f"lives-{number}").read_text())

    def wait_for(self, *lines: str) -> None:
        self.wait_until(lambda: set(lines) <= set(self.out))

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < deadline, self.err
            time.sleep(0.01)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def code(self) -> int:
        return self.process.wait(WAIT_S)


Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts supervisors; when the test is over, no process of theirs may be left."""
    runs: list[Run] = []

    def started(script: str, **options: Any) -> Run:
        runs.append(Run(tmp_path, script, **options))
        return runs[-1]

    yield started
    ended = [run.process.poll() is not None for run in runs]
    for run in runs:
        run.process.kill()
        run.process.wait(WAIT_S)
    deadline = time.monotonic() + WAIT_S
    while left := alive(str(tmp_path)):
        assert time.monotonic() < deadline, left
        time.sleep(0.01)
    assert all(ended)


def alive(mark: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if f"MARK={mark}".encode() in (entry / "environ").read_bytes():
                    found.append(f"{entry.name}: {(entry / 'cmdline').read_bytes()!r}")
            except OSError:
                continue
    return found


def test_each_line_of_an_instance_carries_its_number(start: Start) -> None:
    run = start("print('one'); print('two', file=sys.stderr)")
    assert run.code() == 0
    assert run.out == ["[0] one", "[1] one"]
    assert {"[0] two", "[1] two"} <= set(run.err.splitlines())


def test_lines_that_never_end_are_cut_and_the_last_one_needs_no_newline(start: Start) -> None:
    run = start("sys.stdout.write('x' * 70000 if number else 'end')")
    assert run.code() == 0
    assert run.out == ["[0] end", "[1] " + "x" * (70_000 - 65_536), "[1] " + "x" * 65_536]


@pytest.mark.parametrize("crash", ["sys.exit(5)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_an_instance_that_crashes_is_started_again_and_the_other_one_runs_on(start: Start, crash: str) -> None:
    run = start(f"if life() == 1 and number == 0: {crash}\nwait()")
    run.wait_for("[0] ready", "[1] ready")
    run.signal(signal.SIGTERM)
    assert run.code() == 0
    assert (run.lives(0), run.lives(1)) == (2, 1)


def test_nothing_that_a_crashed_instance_started_lives_on(start: Start) -> None:
    child = "subprocess.Popen([sys.executable, '-I', '-S', '-c', 'import time; time.sleep(600)'])"
    run = start(f"if life() == 1: {child}; os._exit(7)\nwait()")
    run.wait_for("[0] ready", "[1] ready")
    assert not [line for line in alive(str(run.folder)) if "sleep(600)" in line]
    run.signal(signal.SIGTERM)
    assert run.code() == 0


def test_restarts_end_when_they_do_not_help(start: Start) -> None:
    run = start("life(); sys.exit(5) if number else wait()", max_restarts=2)
    assert run.code() == 5
    assert run.lives(1) == 3
    assert "[0] stopped" in run.out
    assert "instance 1 ended with exit code 5, and 2 restarts in a row did not help" in run.err


def test_a_configuration_error_of_one_ends_all(start: Start) -> None:
    run = start("life()\nif number:\n    while not os.path.exists('go'): time.sleep(0.01)\n    sys.exit(2)\nwait()")
    run.wait_for("[0] ready")
    (run.folder / "go").touch()
    assert run.code() == 2
    assert run.out == ["[0] ready", "[0] stopped"]
    assert run.lives(1) == 1


def test_a_fenced_instance_stays_down_and_the_other_one_runs_on(start: Start) -> None:
    run = start(f"life(); sys.exit({FencedError.exit_code}) if number else wait()")
    run.wait_for("[0] ready")
    run.wait_until(lambda: "instance 1 ended" in run.err)
    run.signal(signal.SIGTERM)
    assert run.code() == FencedError.exit_code
    assert run.lives(1) == 1
    assert "[0] stopped" in run.out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_tells_the_instances_and_waits_for_them(start: Start, number: signal.Signals) -> None:
    run = start("wait()")
    run.wait_for("[0] ready", "[1] ready")
    run.signal(number)
    assert run.code() == 0
    assert run.out == ["[0] ready", "[0] stopped", "[1] ready", "[1] stopped"]


def test_an_instance_that_fails_while_ending_is_not_passed_over(start: Start) -> None:
    run = start("signal.signal(signal.SIGTERM, lambda *_: os._exit(4)); print('ready', flush=True); time.sleep(60)")
    run.wait_for("[0] ready", "[1] ready")
    run.signal(signal.SIGTERM)
    assert run.code() == 4


def test_what_does_not_end_in_time_is_killed(start: Start) -> None:
    run = start("wait(obey=number != 1)", drain_s=0.5)
    run.wait_for("[0] ready", "[1] ready")
    run.signal(signal.SIGTERM)
    assert run.code() == 4
    assert "Instance 1 did not end within 0.5 s and was killed." in run.err
    assert "[0] stopped" in run.out


def test_a_second_ctrl_c_kills(start: Start) -> None:
    run = start("wait(obey=False)")
    run.wait_for("[0] ready", "[1] ready")
    run.signal(signal.SIGINT)
    run.wait_until(lambda: "stopping" in run.err)
    run.signal(signal.SIGINT)
    assert run.code() == 130


def test_no_instance_outlives_a_supervisor_that_is_killed(start: Start) -> None:
    run = start("wait(obey=False)")
    run.wait_for("[0] ready", "[1] ready")
    assert len(alive(str(run.folder))) >= 3
    run.signal(signal.SIGKILL)
    assert run.code() == -signal.SIGKILL  # and the fixture sees to it that nothing is left


@pytest.mark.parametrize("crash", ["sys.exit(5)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_told_to_end_it_makes_no_pending_restart_and_the_crash_before_it_is_no_bad_end(
    start: Start, crash: str
) -> None:
    run = start(f"life()\nif number: {crash}\nwait()", first_pause_s=60.0)
    run.wait_for("[0] ready")
    run.wait_until(lambda: "started again in 60 s" in run.err)
    run.signal(signal.SIGTERM)
    assert run.code() == 0
    assert run.lives(1) == 1
    assert "[0] stopped" in run.out


def test_what_ends_all_gives_the_code_where_a_restart_is_pending(start: Start) -> None:
    run = start(
        "life()\nif number == 0: sys.exit(5)\nwhile not os.path.exists('go'): time.sleep(0.01)\nsys.exit(2)",
        first_pause_s=60.0,
    )
    run.wait_until(lambda: "started again in 60 s" in run.err)
    (run.folder / "go").touch()
    assert run.code() == 2
    assert run.lives(0) == 1


def test_instances_live_on_when_nobody_reads_their_output(start: Start) -> None:
    read, write = os.pipe()
    run = start(
        "print('first', flush=True)\nwhile not os.path.exists('closed'): time.sleep(0.01)\n"
        "for _ in range(5000): print('x' * 100)\nopen(f'written-{number}', 'w').close()",
        reader=write,
    )
    os.close(write)
    assert os.read(read, 100).endswith(b"] first\n")
    os.close(read)
    (run.folder / "closed").touch()
    assert run.code() == 0
    assert {path.name for path in run.folder.glob("written-*")} == {"written-0", "written-1"}
