"""A child never outlives us: not its grandchildren either, and not when we are killed at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from oncewhere.errors import ConfigurationError
from oncewhere.processes import spawn

GONE_TIMEOUT_S = 10.0
MARK = "oncewhere-test-mark"


def processes(mark: str) -> list[str]:
    """The processes (no zombies) whose arguments contain the mark."""
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listing.stdout.splitlines()]
    return [row[0] for row in rows if len(row) == 3 and mark in row[2] and not row[1].startswith("Z")]


def wait_until_gone(mark: str) -> None:
    deadline = time.monotonic() + GONE_TIMEOUT_S
    while left := processes(mark):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.02)


def sleeper(tmp_path: Path) -> tuple[list[str], str]:
    """A program that starts a grandchild; both carry a mark in their arguments."""
    mark = f"{MARK}-{tmp_path.name}-{os.getpid()}"
    return ["sh", "-c", f"sh -c 'sleep 300; : {mark}' & sleep 300; : {mark}"], mark


def test_killing_a_child_takes_its_grandchildren_along(tmp_path: Path) -> None:
    argv, mark = sleeper(tmp_path)
    child = spawn(argv)
    while len(processes(mark)) < 2:
        time.sleep(0.02)
    assert child.kill_group() == -signal.SIGKILL
    assert child.kill_group() == -signal.SIGKILL  # again, harmlessly
    wait_until_gone(mark)


def test_a_child_that_ends_by_itself_takes_its_grandchildren_along(tmp_path: Path) -> None:
    mark = f"{MARK}-{tmp_path.name}-{os.getpid()}"
    child = spawn(["sh", "-c", f"sh -c 'sleep 300; : {mark}' & exit 3"])
    assert child.wait(5.0) == 3
    wait_until_gone(mark)


PARENT = """
import sys, time
from oncewhere.processes import spawn
children = [spawn({argv!r}) for _ in range(3)]
print("started", flush=True)
time.sleep(300)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_parent_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    argv, mark = sleeper(tmp_path)
    parent = subprocess.Popen([sys.executable, "-c", PARENT.format(argv=argv)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"started\n"
    assert len(processes(mark)) >= 3
    parent.send_signal(number)
    parent.wait(5.0)
    parent.stdout.close()
    wait_until_gone(mark)


@pytest.mark.parametrize("delay_ms", [60, 70, 80, 90, 100, 110, 120, 140, 160, 200])
def test_a_parent_killed_while_it_starts_children_leaves_nothing(tmp_path: Path, delay_ms: int) -> None:
    argv, mark = sleeper(tmp_path)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(argv=argv)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(delay_ms / 1000)
    parent.kill()
    parent.wait(5.0)
    wait_until_gone(mark)
    time.sleep(0.1)  # a stub that had not reached exec yet would come up now
    assert not processes(mark)


def test_the_keeper_ends_with_its_owner_and_not_before(tmp_path: Path) -> None:
    code = "from oncewhere.processes import spawn; spawn(['true']).wait(5); input()"
    owner = subprocess.Popen([sys.executable, "-c", code, MARK], stdin=subprocess.PIPE)
    assert owner.stdin is not None

    def keepers() -> list[str]:
        listing = subprocess.run(["ps", "-axww", "-o", "ppid=,args="], capture_output=True, text=True, check=True)
        return [row for row in listing.stdout.splitlines() if row.split()[0] == str(owner.pid) and "_keeper" in row]

    deadline = time.monotonic() + GONE_TIMEOUT_S
    while not keepers():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    owner.stdin.write(b"\n")
    owner.stdin.close()
    assert owner.wait(5.0) == 0
    assert not keepers()


def test_a_child_outlives_the_thread_that_started_it() -> None:
    started = []
    thread = threading.Thread(target=lambda: started.append(spawn(["sleep", "300"])))
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert started[0].poll() is None
    started[0].kill_group()


def test_a_child_leads_its_own_group_and_session(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    child = spawn([sys.executable, "-c", "import os; print(os.getpid(), os.getpgrp(), os.getsid(0))"], stdout=out)
    assert child.wait(5.0) == 0
    assert out.read_text().split() == [str(child.pid)] * 3


def test_output_goes_where_it_is_told_and_is_appended(tmp_path: Path) -> None:
    both, out, err = tmp_path / "both", tmp_path / "out", tmp_path / "err"
    says = ["sh", "-c", "echo out; echo err >&2"]
    for _ in range(2):
        spawn(says, stdout=both, stderr=both).wait(5.0)
    spawn(says, stdout=out, stderr=err).wait(5.0)
    assert both.read_text() == "out\nerr\n" * 2
    assert (out.read_text(), err.read_text()) == ("out\n", "err\n")


def test_a_child_gets_the_environment_and_folder_it_was_given_and_no_pipe_of_ours(tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = "import os; print(sorted(os.environ), os.getcwd(), sorted(map(int, os.listdir('/dev/fd')))[:4])"
    spawn([sys.executable, "-I", "-c", script], env={"ONLY": "1", "LC_ALL": "C"}, cwd=tmp_path, stdout=out).wait(5.0)
    said = out.read_text()
    assert said.startswith("['LC_ALL', 'ONLY']")
    assert str(tmp_path.resolve()) in said
    assert said.rstrip().endswith("[0, 1, 2, 3]")  # 3 is the listing of the folder itself


def test_a_child_dies_of_a_broken_pipe_as_programs_do() -> None:
    # Python ignores SIGPIPE; that must not be handed on. yes ends by SIGPIPE when head has closed the pipe.
    assert spawn(["bash", "-c", "yes | head -n 1 >/dev/null; exit ${PIPESTATUS[0]}"]).wait(5.0) == 128 + signal.SIGPIPE


def test_wait_says_that_the_child_still_runs() -> None:
    child = spawn(["sleep", "300"])
    with pytest.raises(TimeoutError, match=r"still runs after 0.1 s"):
        child.wait(0.1)
    assert child.poll() is None
    child.kill_group()


def test_stop_lets_a_child_end_by_itself_and_kills_one_that_does_not(tmp_path: Path) -> None:
    out = tmp_path / "out"
    polite = spawn(["sh", "-c", "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done"], stdout=out)
    deaf = spawn(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"], stdout=out)
    while out.read_text().count("ready") < 2:
        time.sleep(0.02)
    assert polite.stop(5.0) == 7
    assert deaf.stop(0.2) == -signal.SIGKILL


def test_a_stopped_child_can_be_killed(tmp_path: Path) -> None:
    child = spawn(["sleep", "300"])
    child.signal_group(signal.SIGSTOP)
    assert child.kill_group() == -signal.SIGKILL


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["oncewhere-has-no-such-program"], "The program 'oncewhere-has-no-such-program' was not found."),
        (["/etc/passwd"], "The program '/etc/passwd' could not be run: Permission denied."),
        ([], "The command is empty."),
    ],
)
def test_a_program_that_cannot_run_is_one_clear_sentence(argv: list[str], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        spawn(argv)
    assert caught.value.message == sentence
    assert caught.value.hint


def test_a_file_that_is_no_program_is_said_to_be_none(tmp_path: Path) -> None:
    script = tmp_path / "processor.py"
    script.write_text("print('no first line that names an interpreter')\n")
    script.chmod(0o755)
    with pytest.raises(ConfigurationError, match="is not a program"):
        spawn([str(script)])


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no folder"):
        spawn(["true"], cwd=tmp_path / "nowhere")
