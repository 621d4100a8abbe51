"""At an interrupt a person is told at once; what runs ends in order, and then it counts as interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys

from oncewhere.cli import interrupting

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
