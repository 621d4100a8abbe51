"""What `stack up` was told reaches the process that owns the servers, in its own folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncewhere.cli import main, stack
from oncewhere.stack import patience, supervisor
from oncewhere.stack.progress import Progress
from oncewhere.stack.state import State
from oncewhere.stack.supervisor import Request

STATE = State(
    pid=1, bootstrap_servers="127.0.0.1:1", postgres="postgresql://u@127.0.0.1:1/d", kafka_pid=1, postgres_pid=1
)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """What a detached stack was asked for; none is started."""
    requests: list[Request] = []

    def up(request: Request, progress: Progress) -> State:
        del progress
        requests.append(request)
        return STATE

    monkeypatch.setattr(stack, "start_detached", up)
    monkeypatch.chdir(tmp_path)
    return requests


def test_a_detached_stack_is_told_the_limit_and_absolute_paths(
    asked: list[Request], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(patience.VARIABLE, "600")
    monkeypatch.setenv("ONCEWHERE_CACHE", "kept")
    assert main(["stack", "up", "--detach", "--java", "jdk/bin/java"]) == 0
    (request,) = asked
    assert request.start_limit_s == 600.0
    assert (request.cache, request.java) == (tmp_path / "kept", tmp_path / "jdk" / "bin" / "java")


def test_a_limit_that_is_no_number_is_refused_before_anything_starts(
    asked: list[Request], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(patience.VARIABLE, "soon")
    assert main(["stack", "up", "--detach"]) == 2
    assert not asked
    assert "is no number of seconds" in capsys.readouterr().err


def test_whoever_owns_the_servers_heeds_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []

    def start(*_: object) -> None:
        limits.append(patience.start_limit_s(60.0))
        raise supervisor.Terminated

    monkeypatch.setattr(patience, "_said_s", [])
    monkeypatch.setattr(supervisor, "_stack", start)
    request = Request(root=tmp_path, cache=tmp_path, start_limit_s=600.0)
    supervisor.serve(request, on_ready=lambda _: None)
    assert limits == [600.0]
