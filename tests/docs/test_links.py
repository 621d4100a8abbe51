"""Links within the repository lead somewhere, headings included; and each page can be reached on the site."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import blocks
import pytest

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
PAGES = sorted([*blocks.DOCS.rglob("*.md"), *blocks.ROOT.glob("*.md"), *(blocks.ROOT / "examples").glob("*/README.md")])


def anchors(page: Path) -> set[str]:
    """As GitHub and the site make them."""
    found = set()
    for heading in HEADING.findall(re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(blocks.ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(CODE.sub("", page.read_text())):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{page.name}: {target}"


def nav(entries: list[Any]) -> Iterator[str]:
    for entry in entries:
        for value in entry.values():
            if isinstance(value, str):
                yield value
            else:
                yield from nav(value)


def test_each_page_stands_in_the_navigation() -> None:
    named = list(nav(tomllib.loads((blocks.ROOT / "zensical.toml").read_text())["project"]["nav"]))
    pages = {str(page.relative_to(blocks.DOCS)) for page in blocks.DOCS.rglob("*.md")}
    assert set(named) == pages
    assert len(named) == len(set(named))


def test_each_page_stands_in_one_of_the_four_parts() -> None:
    parts = {page.relative_to(blocks.DOCS).parts[0] for page in blocks.DOCS.rglob("*.md")}
    assert parts == {"index.md", "tutorial", "guides", "explanation", "reference"}
