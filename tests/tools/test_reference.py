"""The reference pages say what the code's tables say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "reference.py"


def test_the_reference_pages_are_what_the_tables_say() -> None:
    checked = subprocess.run([sys.executable, TOOL, "--check"], capture_output=True, text=True, check=False, timeout=60)
    assert checked.returncode == 0, checked.stderr
