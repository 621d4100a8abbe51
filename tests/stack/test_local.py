"""A stack starts as a whole or not at all, and nothing of it is left, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oncewhere.errors import ConfigurationError, StackError
from oncewhere.stack import KafkaServer, Ready, Stack

if TYPE_CHECKING:
    from oncewhere.stack.progress import Event

pytestmark = pytest.mark.servers
GONE_TIMEOUT_S = 10.0

# What a run of oncewhere is, cut down to its stack. The arguments: the project's folder and the cache.
RUN = """
import pathlib, sys, time
from oncewhere.stack import Stack
with Stack(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])) as stack:
    dsn = stack.postgres.create_database("bank")
    print(stack.bootstrap_servers, dsn, flush=True)
    time.sleep(float(sys.argv[3]))
"""


def servers_of(folder: Path) -> list[str]:
    """The living processes (no zombies) that were started with something below the folder."""
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listing.stdout.splitlines()]
    own = str(os.getpid())
    return [
        row[0]
        for row in rows
        if len(row) == 3 and f"{folder}/stack" in row[2] and not row[1].startswith("Z") and row[0] != own
    ]


def wait_until_gone(folder: Path) -> None:
    deadline = time.monotonic() + GONE_TIMEOUT_S
    while left := servers_of(folder):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.05)


def shared_memory() -> set[int]:
    """The numbers of all System V segments."""
    listing = subprocess.run(["ipcs", "-m"], capture_output=True, text=True, check=True).stdout
    return {int(line.split()[1]) for line in listing.splitlines() if "0x" in line}


def run_folders(root: Path) -> list[str]:
    return [path.name for path in (root / "stack").glob("run-*")]


def test_both_servers_come_up_together_and_leave_nothing(tmp_path: Path, cache: Path) -> None:
    events: list[Event] = []
    with Stack(tmp_path, cache, progress=events.append) as stack:
        assert stack.bootstrap_servers == stack.kafka.bootstrap_servers
        assert stack.dsn("bank").endswith("/bank")
        assert len(servers_of(tmp_path)) >= 2
        assert len(run_folders(tmp_path)) == 1
    assert {event.name for event in events if isinstance(event, Ready)} == {"Apache Kafka", "PostgreSQL"}
    assert run_folders(tmp_path) == []
    wait_until_gone(tmp_path)


def test_several_stacks_live_side_by_side(tmp_path: Path, cache: Path) -> None:
    stacks = [Stack(tmp_path, cache, postgres=False) for _ in range(2)]
    try:
        for stack in stacks:
            stack.launch()
        for stack in stacks:
            stack.wait_ready()
        assert len({stack.bootstrap_servers for stack in stacks}) == 2
    finally:
        for stack in stacks:
            stack.stop()
    assert run_folders(tmp_path) == []


def test_a_server_that_was_not_wanted_is_said_not_to_be_there(tmp_path: Path, cache: Path) -> None:
    with Stack(tmp_path, cache, kafka=False) as stack, pytest.raises(ConfigurationError, match="no Kafka broker"):
        _ = stack.bootstrap_servers


def test_when_one_server_fails_the_other_is_stopped(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: KafkaServer) -> None:
        time.sleep(0.5)  # PostgreSQL is up by then
        raise StackError("no broker today")

    monkeypatch.setattr(KafkaServer, "start", fail)
    with pytest.raises(StackError, match="no broker today"):
        Stack(tmp_path, cache).start()
    wait_until_gone(tmp_path)
    assert run_folders(tmp_path) == []


@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.4, 0.8])
def test_stopping_in_the_middle_of_a_start_leaves_nothing(tmp_path: Path, cache: Path, delay_s: float) -> None:
    stack = Stack(tmp_path, cache)
    stack.launch()
    time.sleep(delay_s)
    stack.stop()
    wait_until_gone(tmp_path)
    assert run_folders(tmp_path) == []


@pytest.mark.parametrize("delay_s", [0.3, 0.6, 1.0, None])
def test_a_killed_run_leaves_no_server_and_the_next_run_sweeps_its_folder(
    tmp_path: Path, cache: Path, delay_s: float | None
) -> None:
    run = subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path), str(cache), "300"], stdout=subprocess.PIPE)
    assert run.stdout is not None
    if delay_s is None:
        assert run.stdout.readline().startswith(b"127.0.0.1:")  # all is up
        assert len(servers_of(tmp_path)) >= 2
    else:
        time.sleep(delay_s)
    run.send_signal(signal.SIGKILL)
    run.wait(5.0)
    run.stdout.close()
    wait_until_gone(tmp_path)
    left = [int(pid.read_text().splitlines()[6].split()[1]) for pid in tmp_path.rglob("postmaster.pid")]
    assert all(segment in shared_memory() for segment in left)
    with Stack(tmp_path, cache, kafka=False):
        assert len(run_folders(tmp_path)) == 1
        assert not any(segment in shared_memory() for segment in left)
    assert run_folders(tmp_path) == []


@pytest.mark.parametrize("delay_s", [0.5, 2.0])
def test_ctrl_c_stops_everything_in_order(tmp_path: Path, cache: Path, delay_s: float) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path), str(cache), "300"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(delay_s)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the whole foreground group
    run.wait(30.0)
    assert servers_of(tmp_path) == []
    assert run_folders(tmp_path) == []


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]
NAMESPACE = ["unshare", "-U", "--map-user=65534", "--map-group=65534", "--"]
PROBE = "import os, subprocess, sys, oncewhere; assert os.geteuid(); subprocess.check_call([sys.executable, '-c', ''])"


def plain_user(environment: dict[str, str], folder: Path) -> list[str]:
    """How root can run Python as somebody else here; a Python below /root is closed to nobody."""
    for way in ([*NOBODY, sys.executable], [*NOBODY, "/usr/bin/python3"], [*NAMESPACE, sys.executable]):
        probe = subprocess.run([*way, "-c", PROBE], env=environment, cwd=folder, capture_output=True, check=False)
        if probe.returncode == 0:
            return way
    pytest.fail("root cannot become somebody else here")


@needs_root
def test_a_plain_user_runs_it_too(kafka: KafkaServer, cache: Path) -> None:
    # The session's broker is asked for only because its jars are in the cache then.
    folder = Path(tempfile.mkdtemp())  # pytest's own folders cannot be entered by others
    folder.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": os.pathsep.join(sys.path[1:])}
    try:
        way = plain_user(environment, folder)
        home = folder / "home"
        shutil.copytree(cache / "kafka", home / "cache" / "kafka", ignore=shutil.ignore_patterns("*.aot", "training-*"))
        if way[0] == "setpriv":
            subprocess.run(["chown", "-R", "nobody", str(home)], check=True)
        told = subprocess.run(
            [*way, "-c", RUN, str(home / "project"), str(home / "cache"), "0"],
            env=environment,
            cwd=home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, told.stderr
        assert told.stdout.startswith("127.0.0.1:")
        assert run_folders(home / "project") == []
    finally:
        shutil.rmtree(folder)


FULL = """
mount -t tmpfs -o size={size} tmpfs {folder} || exit 77
exec {python} - {folder} {cache} <<'END'
import pathlib, sys
from oncewhere.errors import OncewhereError
from oncewhere.stack import Stack
try:
    with Stack(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])):
        print("it fitted")
except OncewhereError as error:
    print(type(error).__name__, error.message)
END
"""


@needs_root
@pytest.mark.parametrize("size", ["24k", "64k", "4m", "28m"])
def test_a_full_disk_is_one_sentence(tmp_path: Path, cache: Path, size: str) -> None:
    # A real file system that is too small, for the broker's or for the database's files.
    with Stack(tmp_path / "prepare", cache):
        pass  # so that only the project's disk is too small, and not the way to the cache too long
    disk = tmp_path / "disk"
    disk.mkdir()
    script = FULL.format(size=size, folder=disk, cache=cache, python=sys.executable)
    told = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False, timeout=120
    )
    assert told.returncode != 77, "this machine does not let root mount a tmpfs"
    assert told.stdout.startswith("StackError The disk that holds"), told.stdout + told.stderr
    assert told.stdout.endswith("is full.\n")


def test_fresh_servers_take_less_than_300_mib_together(tmp_path: Path, cache: Path) -> None:
    with Stack(tmp_path, cache) as stack:
        servers = {stack.kafka.pid, stack.postgres.pid}
        listing = subprocess.run(["ps", "-axww", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=True)
    rows = [[int(word) for word in line.split()] for line in listing.stdout.splitlines()]
    kibibytes = sum(rss for pid, parent, rss in rows if pid in servers or parent in servers)
    assert 50 < kibibytes / 1024 < 300
