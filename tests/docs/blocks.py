"""Pages come in; their code blocks, each with its language, its line and what is said about it, go out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)
REMARK = re.compile(r"<!-- (?P<said>[^>]*?) -->\n\Z")
INDENTED = re.compile(r"^    (?=oncewhere |pip install )(?P<line>.*)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Block:
    page: Path
    line: int
    language: str
    text: str
    said: str = ""

    @property
    def id(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """The lines that call us, without comments; a line may go on behind a backslash."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line.strip() for line in lines if re.match(r"\s*(?:\w+=\S+ )*oncewhere ", line)]


def pages() -> list[Path]:
    return sorted([*DOCS.rglob("*.md"), ROOT / "README.md"])


def blocks() -> list[Block]:
    found = []
    for page in pages():
        text = page.read_text()
        for match in FENCE.finditer(text):
            remark = REMARK.search(text[: match.start()])
            found.append(
                Block(
                    page=page,
                    line=text.count("\n", 0, match.start()) + 1,
                    language=match["language"],
                    text=re.sub(f"^{match['indent']}", "", match["text"], flags=re.MULTILINE),
                    said=remark["said"] if remark else "",
                )
            )
        without = FENCE.sub(lambda m: "\n" * m.group(0).count("\n"), text)
        found += [
            Block(page=page, line=without.count("\n", 0, m.start()) + 1, language="console", text=m["line"])
            for m in INDENTED.finditer(without)
        ]
    return found


def of(*languages: str) -> list[Block]:
    return [block for block in blocks() if block.language in languages]
