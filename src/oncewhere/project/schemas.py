"""SQL files of a project come in; the one that makes its tables, and how to ask them, goes out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SIZE_LIMIT_BYTES = 1_000_000
FILES_LIMIT = 200
_TABLE = re.compile(r"create\s+table\s+(?:if\s+not\s+exists\s+)?([\w.\"`]+)\s*\((.*?)\)\s*;", re.IGNORECASE | re.DOTALL)
_NO_COLUMN = frozenset({"primary", "unique", "constraint", "foreign", "check", "index", "key", "exclude"})
"""How the lines of a table begin that are no column."""
_SKIPPED = frozenset({"node_modules", "target", "build", "dist", "vendor", "venv", "__pycache__"})


@dataclass(frozen=True, slots=True)
class Schema:
    """A file that makes tables.

    Attributes:
        file: seen from the project's folder.
        tables: by name, its columns.
    """

    file: str
    tables: dict[str, tuple[str, ...]]

    def observe(self, identity: str) -> str | None:
        """A query that counts what happened for each event; None where no table has a column of that name."""
        for table, columns in self.tables.items():
            if identity in columns:
                return f"select {identity}, count(*) from {table} group by {identity}"  # noqa: S608  # a suggestion
        return None

    @property
    def columns(self) -> frozenset[str]:
        """Those of all its tables."""
        return frozenset(column for columns in self.tables.values() for column in columns)

    def guess(self) -> str | None:
        """A query of the last table by its likeliest column, where none has a column of the identity's name."""
        if not self.tables:
            return None
        table, columns = list(self.tables.items())[-1]
        column = next((name for name in columns if name.lower().endswith("id")), next(iter(columns), None))
        return None if column is None else f"select {column}, count(*) from {table} group by {column}"  # noqa: S608  # a suggestion


def schemas_of(folder: Path) -> list[Schema]:
    """The SQL files below a folder that create tables, the shallowest first."""
    files = (file for file in sorted(folder.rglob("*.sql")) if not _hidden(file.relative_to(folder)))
    found = []
    for _, file in zip(range(FILES_LIMIT), files, strict=False):
        if file.stat().st_size > SIZE_LIMIT_BYTES:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        tables = {name.strip('"`'): _columns(body) for name, body in _TABLE.findall(text)}
        if tables:
            found.append(Schema(str(file.relative_to(folder)), tables))
    return sorted(found, key=lambda schema: (schema.file.count("/"), schema.file))


def _columns(body: str) -> tuple[str, ...]:
    lines = (line.strip() for line in re.sub(r"--.*", "", body).splitlines())
    names = (line.split()[0].strip('"`,') for line in lines if line)
    return tuple(name for name in names if name.lower() not in _NO_COLUMN)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part in _SKIPPED for part in path.parts)
