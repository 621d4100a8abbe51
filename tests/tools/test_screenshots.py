"""The script that takes the documentation's pictures still finds what it takes them of."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from chromium import chromium_program

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from made_run import make_run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def screenshots() -> ModuleType:
    spec = importlib.util.spec_from_file_location("screenshots", ROOT / "tools" / "screenshots.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_picture_is_taken_and_small(screenshots: ModuleType, tmp_path: Path) -> None:
    chromium_program()
    run = make_run(tmp_path, names=("naive", "sound"))
    assert screenshots.main([str(run), "--out", str(tmp_path / "pictures")]) == 0
    taken = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert taken == {path.name for path in (ROOT / "docs" / "pictures").iterdir()}
    assert all(path.stat().st_size <= screenshots.SIZE_LIMIT_BYTES for path in (ROOT / "docs" / "pictures").iterdir())
