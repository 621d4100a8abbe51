from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from oncewhere.drill.stragglers import MARK, PROCESSES, kill_marked

pytestmark = pytest.mark.skipif(not PROCESSES.is_dir(), reason="environments cannot be read on this system")

SLEEP = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]


def start(mark: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(SLEEP, env={**os.environ, MARK: mark}, start_new_session=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_only_those_that_bear_the_mark_are_killed() -> None:
    ours, others = start("a1"), start("a12")
    try:
        assert kill_marked("a1") == 1
        assert ours.wait(10) == -9
        time.sleep(0.05)
        assert others.poll() is None
    finally:
        for process in (ours, others):
            process.kill()
            process.communicate()


def test_nobody_bears_a_mark_that_was_never_given() -> None:
    assert kill_marked("nobody-has-this") == 0
