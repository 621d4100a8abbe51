"""`oncewhere stack up | down | status`, from outside: what a shell sees."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from oncewhere.stack.state import is_up, read_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.servers
TIMEOUT_S = 120.0
COMMAND = [sys.executable, "-c", "import sys; from oncewhere.cli import main; sys.exit(main())", "stack"]


@pytest.fixture
def project(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project's folder; whatever is up in it at the end is taken down."""
    monkeypatch.setenv("ONCEWHERE_CACHE", str(cache))
    yield tmp_path
    oncewhere(tmp_path, "down")


def oncewhere(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=project, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )


def alive(pid: int) -> bool:
    stat = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(stat.strip()) and not stat.startswith("Z")


def wait_until_gone(*pids: int) -> None:
    deadline = time.monotonic() + 10.0
    while any(map(alive, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_up_status_down(project: Path) -> None:
    nothing = oncewhere(project, "status")
    assert (nothing.returncode, nothing.stdout) == (5, "No stack is up here.\n")

    up = oncewhere(project, "up", "--detach")
    assert up.returncode == 0, up.stderr
    kafka_line, postgres_line = up.stdout.splitlines()
    assert kafka_line.split()[0] == "Kafka"
    assert "Apache Kafka is ready" in up.stderr
    with psycopg.connect(postgres_line.split()[1]) as connection:
        connection.execute("select 1")

    again = oncewhere(project, "up", "--detach")
    assert (again.returncode, again.stdout) == (0, up.stdout)

    facts = json.loads(oncewhere(project, "status", "--format", "json").stdout)
    assert facts["up"] is True
    assert facts["kafka"]["bootstrap.servers"] == kafka_line.split()[1]
    assert facts["kafka"]["answers"] is True
    assert facts["postgresql"]["dsn"] == postgres_line.split()[1]
    assert (project / ".oncewhere/stack/state.json").stat().st_mode & 0o077 == 0

    down = oncewhere(project, "down")
    assert (down.returncode, down.stdout) == (0, "Stopped.\n")
    wait_until_gone(facts["pid"], facts["kafka"]["pid"], facts["postgresql"]["pid"])
    assert not list((project / ".oncewhere/stack").glob("run-*"))
    assert oncewhere(project, "down").stdout == "No stack is up here.\n"


def test_another_port_than_that_of_the_running_stack_is_refused(project: Path) -> None:
    assert oncewhere(project, "up", "--detach").returncode == 0
    refused = oncewhere(project, "up", "--detach", "--kafka-port", "1024")
    assert refused.returncode == 2
    assert "A stack is up already" in refused.stderr
    foreground = oncewhere(project, "up")
    assert foreground.returncode == 2
    assert "oncewhere stack status" in foreground.stderr


def test_a_killed_supervisor_leaves_no_server_and_up_works_again(project: Path) -> None:
    root = project / ".oncewhere"
    assert oncewhere(project, "up", "--detach").returncode == 0
    state = read_state(root)
    assert state is not None
    os.kill(state.pid, signal.SIGKILL)
    wait_until_gone(state.pid, state.kafka_pid, state.postgres_pid)
    assert not is_up(root)
    assert oncewhere(project, "status").returncode == 5
    up = oncewhere(project, "up", "--detach")
    assert up.returncode == 0, up.stderr
    assert len(list((root / "stack").glob("run-*"))) == 1


def test_a_detached_stack_that_fails_says_why_and_leaves_nothing(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        failed = oncewhere(project, "up", "--detach", "--kafka-port", str(taken.getsockname()[1]))
    assert failed.returncode == 2
    assert "cannot listen on port" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not is_up(project / ".oncewhere")
    assert not list((project / ".oncewhere/stack").glob("run-*"))


def test_the_detached_stack_goes_down_when_one_of_its_servers_dies(project: Path) -> None:
    assert oncewhere(project, "up", "--detach").returncode == 0
    state = read_state(project / ".oncewhere")
    assert state is not None
    os.kill(state.kafka_pid, signal.SIGKILL)
    wait_until_gone(state.pid, state.kafka_pid, state.postgres_pid)
    assert "Apache Kafka ended by itself" in (project / ".oncewhere/stack/supervisor.log").read_text()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_the_foreground_stack_ends_in_order(project: Path, number: signal.Signals, code: int) -> None:
    foreground = subprocess.Popen([*COMMAND, "up"], cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert foreground.stdout is not None
    assert foreground.stdout.readline().startswith(b"Kafka")
    state = read_state(project / ".oncewhere")
    assert state is not None
    foreground.send_signal(number)
    _, said = foreground.communicate(timeout=TIMEOUT_S)
    assert foreground.returncode == code, said
    assert b"Traceback" not in said
    wait_until_gone(state.kafka_pid, state.postgres_pid)
    assert not list((project / ".oncewhere/stack").glob("run-*"))


def test_an_interrupted_detached_start_leaves_nothing(project: Path) -> None:
    starting = subprocess.Popen([*COMMAND, "up", "--detach"], cwd=project, stderr=subprocess.PIPE)
    assert starting.stderr is not None
    assert starting.stderr.readline()  # the supervisor is at work
    starting.send_signal(signal.SIGINT)
    starting.communicate(timeout=TIMEOUT_S)
    assert starting.returncode == 130
    assert not is_up(project / ".oncewhere")
    assert not list((project / ".oncewhere/stack").glob("run-*"))
