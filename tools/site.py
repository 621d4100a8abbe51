# ruff: noqa: INP001  # a script, not a package
"""Build the documentation site: `docs/` in, `site/` out; a link that leads nowhere fails it.

    .venv/bin/python tools/site.py

The pages are read on a forge as well, where links into the rest of the repository lead somewhere. On the site they do
not, so they become the names of those files.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS, STAGED = ROOT / "docs", ROOT / "build" / "docs"
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s#]+)(#[^)\s]*)?\)")


def staged(page: Path) -> str:
    """A page's text with links out of `docs/` as names."""

    def one(match: re.Match[str]) -> str:
        text, target = match.group(1), match.group(2)
        if "://" in target:
            return match.group(0)
        where = (page.parent / target).resolve()
        if where.is_relative_to(DOCS):
            return match.group(0)
        name = str(where.relative_to(ROOT))
        return f"`{name}`" if text in {name, where.name} else f"{text} (`{name}` in the repository)"

    return LINK.sub(one, page.read_text(encoding="utf-8"))


def main() -> int:
    """Builds it; the exit code is zensical's."""
    shutil.rmtree(STAGED, ignore_errors=True)
    for page in sorted(DOCS.rglob("*")):
        target = STAGED / page.relative_to(DOCS)
        target.parent.mkdir(parents=True, exist_ok=True)
        if page.suffix == ".md":
            target.write_text(staged(page), encoding="utf-8")
        elif page.is_file():
            shutil.copy(page, target)
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict", "--clean"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    sys.stderr.write(done.stdout + done.stderr.partition("Traceback")[0])
    if done.returncode == 0:
        sys.stderr.write(f"{len(list((ROOT / 'site').rglob('*.html')))} pages in site/\n")
    return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
