"""The site is built, strictly: a link that leads nowhere fails it."""

from __future__ import annotations

import subprocess
import sys

import blocks


def test_the_site_is_built_without_a_word_of_complaint() -> None:
    tool = blocks.ROOT / "tools" / "site.py"
    done = subprocess.run([sys.executable, tool], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "No issues found" in done.stderr
    for page in blocks.DOCS.rglob("*.md"):
        assert (blocks.ROOT / "site" / page.relative_to(blocks.DOCS)).with_suffix(".html").is_file()
