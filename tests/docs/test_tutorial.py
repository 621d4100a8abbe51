"""The tutorial's first drill, and a look into its run, are done as they are written, and show what it prints."""

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


IDENTITY = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
DIFFERS = (
    (re.compile(rf"{IDENTITY.pattern}(?:, {IDENTITY.pattern})*(?: and \d+ more)?"), "IDENTITIES"),
    (re.compile(r"(oncewhere replay \S+) \S+"), r"\1 RUN"),
    (re.compile(r"payment-authorized-\d"), "PARTITION"),
    (re.compile(r"PARTITION(?: @ \d+(?:\.\.\d+)?| pending)"), "POSITION"),
    (re.compile(r"POSITION(?:, POSITION)*"), "POSITIONS"),
    (re.compile(r"\b\d+\.\d+ s\b"), "TIME"),
    (re.compile(r"\b\d+ (payments|inputs|times|effect commits)"), r"N \1"),
    (re.compile(r"EndTxn\.\d+|interval \d+"), "INTERVAL"),
)
"""What differs from run to run: the run's name, which payments were under way and where, and when it was."""


def as_printed(text: str) -> list[str]:
    """A screen's table, and its words without what differs from run to run."""
    lines = [line for line in text.strip().splitlines() if not line.startswith(("Evidence:", "Report:"))]
    table = [line.rstrip() for line in lines if line[:1] in BOX]
    prose = " ".join(" ".join(line for line in lines if line[:1] not in BOX).split())
    for pattern, stands_for in DIFFERS:
        prose = pattern.sub(stands_for, prose)
    return [*table, prose]


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
    assert len(runs) == len(outputs) == 2, "the drill, and what is judged again of its run"
    for (block, code), output in zip(runs, outputs, strict=True):
        (command,) = block.commands
        done = run(*command.split()[1:], folder=tmp_path / "payments")
        assert done.returncode == code, done.stderr
        assert as_printed(done.stdout) == as_printed(output.text)
