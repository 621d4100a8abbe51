"""A file of NAME=VALUE lines comes in; the variables that it sets go out."""

from __future__ import annotations

from pathlib import Path

NAMES = (".env.example", ".env.sample", ".env.template", ".env")
"""The later counts more."""
SIZE_LIMIT_BYTES = 1_000_000


def read_dotenv(file: Path) -> dict[str, str]:
    """The variables; none where the file is not there, or is too large to be one."""
    if not file.is_file() or file.stat().st_size > SIZE_LIMIT_BYTES:
        return {}
    found = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        name, separator, value = line.strip().removeprefix("export ").partition("=")
        if separator and name.strip().isidentifier():
            found[name.strip()] = _value(value.strip())
    return found


def _value(text: str) -> str:
    """Without its quotation marks, or without the remark behind it."""
    if text[:1] in {'"', "'"} and text.find(text[0], 1) > 0:
        return text[1 : text.find(text[0], 1)]
    return text.partition(" #")[0].strip()
