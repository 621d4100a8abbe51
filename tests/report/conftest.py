"""Tests are no package: what the report's tests share is found here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chromium import Chromium, running_chromium

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """A browser for the tests of one file."""
    with running_chromium() as browser:
        yield browser
