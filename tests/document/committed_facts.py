"""The facts of the committed examples: real evidence, of which tests make variants."""

from __future__ import annotations

from pathlib import Path

from oncewhere.document import Facts, decode

EXAMPLES = Path(__file__).parents[2] / "examples"


def committed(name: str, example: str = "payments") -> Facts:
    file = EXAMPLES / example / f"exactly-once.{name}.json"
    return decode(file.read_bytes(), file.name).facts
