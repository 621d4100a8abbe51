"""What the tests of commands share; tests are no package, so their neighbours are found here."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from typed_command import PAYMENTS, Typed, none_left

from oncewhere.cli import main


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Typed]:
    """Runs a command that starts nothing, in this process, in a folder of the test's; it is quicker so."""

    def run(*arguments: str) -> Typed:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setenv("COLUMNS", "80")
        before = signal.getsignal(signal.SIGTERM)
        try:
            code = main(list(arguments))
        finally:
            signal.signal(signal.SIGTERM, before)
        told = capsys.readouterr()
        return Typed(code, told.out, told.err)

    return run


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Path]:
    """A copy of the payment example in a folder of its own, which no process may name when the test is over."""
    shutil.copytree(PAYMENTS, tmp_path / "payments")
    yield tmp_path
    none_left(str(tmp_path))
