"""What the tests of commands share; tests are no package, so their neighbours are found here."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from typed_command import PAYMENTS, none_left


@pytest.fixture
def example(tmp_path: Path) -> Iterator[Path]:
    """A copy of the payment example in a folder of its own, which no process may name when the test is over."""
    shutil.copytree(PAYMENTS, tmp_path / "payments")
    yield tmp_path
    none_left(str(tmp_path))
