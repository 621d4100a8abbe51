"""The tutorial's first drill is done as it is written, on real servers, and what it shows is what is printed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import blocks
import pytest

TUTORIAL = blocks.DOCS / "tutorial" / "ten-minutes.md"
RUN = re.compile(r"run: exit (\d+)")
WIDTH = "88"
BOX = frozenset("┏┃┡│└")
LIMIT_S = 240.0


def as_printed(text: str) -> list[str]:
    """Without what differs from run to run: the run's folder, and which payments were under way."""
    lines = [line for line in text.strip().splitlines() if not line.startswith(("Evidence:", "Report:"))]
    table = [line.rstrip() for line in lines if line[:1] in BOX]
    prose = " ".join(" ".join(line for line in lines if line[:1] not in BOX).split())
    prose = re.sub(r"(bank duplicate:) .*? (again: oncewhere replay \S+) \S+", r"\1 IDS \2 RUN", prose)
    return [*table, re.sub(r"\b\d+ (payments|effect commits)", r"N \1", prose)]


@pytest.mark.servers
@pytest.mark.timeout(300)  # as long as one drill may take on a machine that is busy
def test_the_tutorial_shows_what_is_printed(tmp_path: Path, cache: Path) -> None:
    told = [block for block in blocks.blocks() if block.page == TUTORIAL and block.said]
    environment = {**os.environ, "ONCEWHERE_CACHE": str(cache), "NO_COLOR": "1", "COLUMNS": WIDTH}

    def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "oncewhere", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )

    assert run("init", "--demo", folder=tmp_path).returncode == 0
    runs = [(block, int(found.group(1))) for block in told if (found := RUN.fullmatch(block.said))]
    outputs = [block for block in told if block.said == "output"]
    assert len(runs) == len(outputs) == 1
    for (block, code), output in zip(runs, outputs, strict=True):
        (command,) = block.commands
        done = run(*command.split()[1:], folder=tmp_path / "payments")
        assert done.returncode == code, done.stderr
        assert as_printed(done.stdout) == as_printed(output.text)
