"""The folder of one run: a name in; a place for rows, logs and the broker's data out."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oncewhere.cli.places import project_folder

if TYPE_CHECKING:
    from collections.abc import Mapping


class RunFolder:
    """`.oncewhere/benchmarks/<UTC time>-<name>/`: `rows.jsonl`, `report.md`, `logs/`.

    Args:
        name: what is measured.
        path: another place for it.
    """

    def __init__(self, name: str, path: Path | None = None) -> None:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self.path = (path or project_folder() / "benchmarks" / f"{stamp}-{name}").resolve()
        self.logs = self.path / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.rows = self.path / "rows.jsonl"

    @property
    def kafka(self) -> Path:
        """The broker's folder."""
        return self.path / "kafka"

    def add(self, row: Mapping[str, Any]) -> None:
        """Writes one row down at once: a run that is stopped keeps what it has."""
        with self.rows.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def report(self, text: str) -> None:
        """Writes the report, and prints it."""
        (self.path / "report.md").write_text(text + "\n")
        print(text)
        print(f"\n(rows, logs and this report: {self.path})")
