"""What the command names is looked for before a server starts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from oncewhere.drill.program import check_program
from oncewhere.errors import ConfigurationError


def version(*command: str) -> Any:
    return SimpleNamespace(name="settlement", processor=SimpleNamespace(command=list(command), environment={}))


@pytest.mark.parametrize(
    ("command", "says", "do"),
    [
        (["sh", "-jar", "target/app.jar"], "target/app.jar of processor.command is not there", "Build it first"),
        (["./settlement"], "the program ./settlement of processor.command is not there", "Build it first"),
        (["no-such-java"], "the program no-such-java of processor.command is not on the PATH", "Install it"),
    ],
)
def test_what_is_not_built_is_told(tmp_path: Path, command: list[str], says: str, do: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        check_program(version(*command), tmp_path)
    assert do in (caught.value.hint or "")


def test_what_is_there_or_only_the_drill_knows_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "app.jar").touch()
    (tmp_path / "settlement").touch(mode=0o755)
    for command in (["sh", "-jar", "target/app.jar"], ["./settlement"], ["{python}", "x.py"], ["sh", "-jar"]):
        check_program(version(*command), tmp_path)
