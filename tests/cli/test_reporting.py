"""On GitHub a drill that does not come to its end leaves an annotation, whatever it was that ended it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typed_command import PAYMENTS, Typed

from oncewhere.cli import drill
from oncewhere.errors import StackError


def annotations(done: Typed) -> list[str]:
    return [line for line in done.stdout.splitlines() if line.startswith("::")]


def test_a_declaration_that_is_not_there_is_annotated_with_what_to_do(typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    done = typed("drill", ".")
    (line,) = annotations(done)
    assert done.returncode == 2
    assert line.startswith("::error title=oncewhere%3A the drill did not come to its end::")
    assert line.endswith("has no oncewhere.toml, and no [tool.oncewhere] in a pyproject.toml.%0A"
                         "Write one with: oncewhere init")  # fmt: skip
    assert annotations(typed("drill", ".", "--report", "json")) == [], "it was not asked for"


def test_a_server_that_does_not_start_is_annotated_without_a_secret(
    typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> None:
        raise StackError("PostgreSQL did not start.", hint="Look at its log.", detail="1\n" * 20 + "password=hush")

    monkeypatch.setattr(drill, "running_servers", refuse)
    monkeypatch.setenv("GITHUB_ACTIONS", "false")
    assert annotations(typed("drill", str(PAYMENTS), "naive")) == []
    done = typed("drill", str(PAYMENTS), "naive", "--report", "github")
    (line,) = annotations(done)
    assert done.returncode == 5
    assert line.partition("end::")[2] == f"PostgreSQL did not start.%0ALook at its log.%0A{'1%0A' * 9}password=***"
