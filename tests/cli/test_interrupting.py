"""At an interrupt a person is told at once; what runs ends in order and soon, and then it counts as interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from oncewhere.cli import interrupting
from oncewhere.cli.servers import stopping
from oncewhere.stack import KafkaServer

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import asyncio, sys
from oncewhere.cli import interrupting

async def work():
    print("begun", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        sys.stderr.write("ending\\n")
        await asyncio.sleep(0.1)
        sys.stderr.write("ended\\n")

try:
    interrupting.run(work())
except KeyboardInterrupt:
    sys.exit(130)
"""


async def answer() -> int:
    return 42


def test_an_undisturbed_coroutine_gives_its_result() -> None:
    assert interrupting.run(answer()) == 42


def test_an_interrupt_is_told_before_the_work_has_ended_in_order() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert said == interrupting.STOPPING + "ending\nended\n"
    assert process.returncode == 130


class Servers:
    """Says what was asked of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def hurry(self) -> None:
        self.asked.append("hurry")

    def stop(self) -> None:
        self.asked.append("stop")


@pytest.mark.parametrize(
    ("error", "asked"), [(KeyboardInterrupt, ["hurry", "stop"]), (ValueError, ["stop"]), (None, ["stop"])]
)
def test_only_an_interrupt_makes_servers_hurry(error: type[BaseException] | None, asked: list[str]) -> None:
    servers: Any = Servers()
    stopping(servers)(error, None, None)
    assert servers.asked == asked


@pytest.mark.parametrize(("hurried", "kept"), [(False, ["finish", "kill", "kill"]), (True, ["kill", "kill"])])
def test_who_hurries_keeps_nothing_for_the_next_start(tmp_path: Path, hurried: bool, kept: list[str]) -> None:
    done: list[str] = []
    child: Any = SimpleNamespace(poll=lambda: None, kill_group=lambda: done.append("kill"))
    server = KafkaServer(tmp_path / "kafka", tmp_path / "cache")
    server._child = child
    aot: Any = SimpleNamespace(is_training=True, finish=lambda _child: done.append("finish"), release=lambda: None)
    server._aot = aot
    server._ready = True
    if hurried:
        server.hurry()
    server.stop()
    assert done == kept
