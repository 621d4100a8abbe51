"""The commands of the pages that need no server are done as they are written, on a run folder that is at hand."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import blocks
import pytest

from oncewhere.cli import main

sys.path.insert(0, str(blocks.ROOT / "tests" / "report"))

from made_run import make_run

ALONE = ("explain", "schema", "config", "completion", "init --demo", "drill --scenarios")
OF_A_RUN = ("show", "check")
STANDS_FOR_A_RUN = re.compile(r"(?:~/Downloads/)?\b(?:FOLDER|RUN[12]?|OLD|2026-\d\d-\d\dT[\d-]+Z-payments|latest)\b")
VARIABLE = re.compile(r"(\w+)=(\S*)")


def commands() -> Iterator[str]:
    """Each once, however many pages have it."""
    found = [line for block in blocks.of("console") for line in block.commands]
    for line in dict.fromkeys(" ".join(shlex.split(line.partition(" | ")[0], comments=True)) for line in found):
        if re.search(rf"(?:^|=\S* )oncewhere (?:{'|'.join((*ALONE, *OF_A_RUN))})(?: |$)", line):
            yield line


COMMANDS = list(commands())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a drill was made: `naive` is violated at every point."""
    folder = tmp_path_factory.mktemp("project")
    make_run(folder, points=4)
    return folder


def test_there_are_such_commands_of_every_kind() -> None:
    for kind in (*ALONE, *OF_A_RUN):
        assert any(f"oncewhere {kind}" in line for line in COMMANDS), kind


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_without_servers_does_what_it_is_written_for(
    line: str, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    of_a_run = re.search(rf"oncewhere (?:{'|'.join(OF_A_RUN)})\b", line) is not None
    monkeypatch.chdir(project if of_a_run else tmp_path)
    monkeypatch.setattr("webbrowser.open", lambda page: page.startswith("file:"))
    monkeypatch.delenv("_ONCEWHERE_COMPLETE", raising=False)
    words = shlex.split(line)
    while (variable := VARIABLE.fullmatch(words[0])) is not None:
        monkeypatch.setenv(*variable.groups())
        del words[0]
    (made,) = (project / ".oncewhere" / "runs").glob("2*")
    told = [STANDS_FOR_A_RUN.sub(str(made), word.removeprefix(".oncewhere/runs/")) for word in words[1:]]
    code = main(told if of_a_run else words[1:])
    printed = capsys.readouterr()
    assert code == (1 if of_a_run and "--diff" not in words else 0), printed.err
    assert printed.out.strip(), "it says something"
    assert printed.err == ""
