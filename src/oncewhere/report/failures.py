"""What failed goes into a file of the project; the next run asks for it, and does it first."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from oncewhere.drill import DrillEnded, DrillEvent, DrillResult

FORMAT = 1
FILE_NAME = "failures.json"


class _File(msgspec.Struct, frozen=True):
    format: int
    failed: dict[str, list[tuple[str, str]]]


class Failures:
    """The failures of the last runs of a declaration; a listener that keeps them up to date.

    Args:
        root: the project's `.oncewhere` folder.
        name: which declaration: its path, as it was resolved.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._path = root / FILE_NAME
        self._name = name

    def read(self) -> frozenset[tuple[str, str]]:
        """Version and plan id of everything that failed when it was last tried; nothing where no file tells."""
        return frozenset(self._all().get(self._name, ()))

    def __call__(self, event: DrillEvent) -> None:
        """Listens; a demonstration's broken versions are no failures."""
        if isinstance(event, DrillEnded) and not event.result.demonstration:
            self._write(event.result)

    def _write(self, result: DrillResult) -> None:
        tried = {
            (v.version.name, t.plan.id): t.verdict.violated
            for v in result.versions
            if v.version.name != result.control
            for t in v.crashes
        }
        kept = [entry for entry in sorted(self.read()) if entry not in tried]
        everything = self._all() | {self._name: kept + [entry for entry, failed in tried.items() if failed]}
        text = msgspec.json.encode(_File(format=FORMAT, failed={name: f for name, f in everything.items() if f}))
        fresh = self._path.with_name(f".{FILE_NAME}-{os.getpid()}")
        with contextlib.suppress(OSError):  # what it costs is an order
            fresh.write_bytes(text + b"\n")
            fresh.replace(self._path)

    def _all(self) -> dict[str, list[tuple[str, str]]]:
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=_File)
        except (OSError, msgspec.DecodeError):
            return {}
        return found.failed if found.format == FORMAT else {}
