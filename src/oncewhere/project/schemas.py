"""SQL files of a project come in; the one that makes its tables, and how to ask them, goes out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .sql_text import tables_of

SIZE_LIMIT_BYTES = 1_000_000
FILES_LIMIT = 200
_NUMBERED = re.compile(r"\b(small|big)?serial\b|\bgenerated\b.*\bas\s+identity\b|\bauto_?increment\b", re.IGNORECASE)
"""What the database counts up for each row: such a column is never doubled, whatever happened twice."""
_UNLIKELY = re.compile(r"\breferences\b|\bdefault\b.*(nextval|uuid)", re.IGNORECASE)
"""What names a row elsewhere, or what the database makes up where nobody writes it."""
_UNIQUE = re.compile(r"\bprimary\s+key\b|\bunique\b", re.IGNORECASE)
_ITS_COLUMN = re.compile(
    r"(?:constraint\s+\S+\s+)?(?:primary\s+key|unique)\b[^(]*\(\s*[\"`]?([\w$]+)[\"`]?\s*\)", re.IGNORECASE
)
"""A key of one column, in a line of its own."""
_FOREIGN = re.compile(r"(?:constraint\s+\S+\s+)?foreign\s+key\b[^(]*\(([^()]*)\)", re.IGNORECASE)
_REFERENCES = re.compile(r"\breferences\s+([\w.$\"`]+)\s*(?:\(([^()]*)\))?", re.IGNORECASE)
"""A table, and those of its columns that are named; without any, its key."""
_MIGRATION = re.compile(r"V(\d+(?:[._]\d+)*)__.*\.sql$")
"""How Flyway calls a file that is run once, in the order of the versions."""
_NO_COLUMN = frozenset(
    {"primary", "unique", "constraint", "foreign", "check", "index", "key", "exclude", "fulltext", "spatial", "like"}
)
"""How the lines of a table begin that are no column."""
_COLUMN = re.compile(r"([\"`]?)([\w$]+)")
_SKIPPED = frozenset({"node_modules", "target", "build", "dist", "vendor", "venv", "__pycache__"})


@dataclass(frozen=True, slots=True)
class Schema:
    """A file that makes tables, or a folder of migrations.

    Attributes:
        files: seen from the project's folder, in the order in which they are run.
        tables: by name, those of its columns that are written to.
        unlikely: the columns among them that seldom name the event, as `table.column`.
        unique: those of which the database keeps one row each: a count by them shows no second time.
        targets: those that a foreign key points at: they name what was there before the event, such as a customer.
    """

    files: tuple[str, ...]
    tables: dict[str, tuple[str, ...]]
    unlikely: frozenset[str] = frozenset()
    unique: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()

    def observe(self, identity: str) -> str | None:
        """A query that counts what happened for each event; None where no table has a column of that name.

        A field `orderId` is the column `order_id` or `orderid`. One of which the database keeps one row each, such as a
        dedupe table's, is taken last, and before it an unlikely one.
        """
        found = [(table, name) for table, columns in self.tables.items() for name in columns if _same(name, identity)]
        found.sort(
            key=lambda place: (
                self._keeps_one(place),
                ".".join(place) in self.unlikely,
                place[1] != identity,
            )
        )
        return counted_by(*found[0]) if found else None

    @property
    def file(self) -> str:
        """What it is called in a sentence."""
        return self.files[0] if len(self.files) == 1 else str(Path(self.files[0]).parent)

    @property
    def columns(self) -> frozenset[str]:
        """Those of all its tables."""
        return frozenset(column for columns in self.tables.values() for column in columns)

    def guess(self) -> str | None:
        """A query by the likeliest column of the last table that has one, where none has the identity's name."""
        places = [(table, name) for table, columns in reversed(self.tables.items()) for name in columns]
        places.sort(
            key=lambda place: (
                self._keeps_one(place),
                not place[1].lower().endswith("id"),
                ".".join(place) in self.unlikely,
            )
        )
        return counted_by(*places[0]) if places else None

    def blind(self, query: str) -> tuple[str, str] | None:
        """The table and the column by which a query of ours counts, where the count is never above one."""
        places = ((table, name) for table, columns in self.tables.items() for name in columns)
        return next((place for place in places if self._keeps_one(place) and counted_by(*place) == query), None)

    def _keeps_one(self, place: tuple[str, str]) -> bool:
        return ".".join(place) in self.unique | self.targets


def schemas_of(folder: Path) -> list[Schema]:
    """The SQL files below a folder that create tables, the shallowest first; the migrations of a folder are one."""
    files = (file for file in sorted(folder.rglob("*.sql")) if not _hidden(file.relative_to(folder)))
    texts: dict[Path, str] = {}
    for _, file in zip(range(FILES_LIMIT), files, strict=False):
        if file.stat().st_size <= SIZE_LIMIT_BYTES:
            texts[file.relative_to(folder)] = file.read_text(encoding="utf-8", errors="replace")
    groups: dict[Path, list[Path]] = {}
    for file in sorted(texts, key=_version):
        groups.setdefault(file.parent if _MIGRATION.match(file.name) else file, []).append(file)
    found = [_schema(tuple(map(str, group)), "\n".join(texts[file] for file in group)) for group in groups.values()]
    return sorted(filter(None, found), key=lambda schema: (schema.files[0].count("/"), schema.files[0]))


def _version(file: Path) -> tuple[list[int], str]:
    """V2 comes before V10."""
    match = _MIGRATION.match(file.name)
    return ([] if match is None else [int(part) for part in re.findall(r"\d+", match[1])]), str(file)


def _schema(files: tuple[str, ...], text: str) -> Schema | None:
    """What the files say; None where they make no table."""
    lines_of = dict(tables_of(text))
    bodies = {name: _columns(lines) for name, lines in lines_of.items()}
    tables = {
        table: tuple(name for name, line in columns if not _NUMBERED.search(line)) for table, columns in bodies.items()
    }
    unlikely = {
        f"{table}.{name}" for table, columns in bodies.items() for name, line in columns if _UNLIKELY.search(line)
    }
    unlikely |= {
        f"{table}.{name}"
        for table, lines in lines_of.items()
        for line in lines
        if (foreign := _FOREIGN.match(line)) is not None
        for name in _names(foreign[1])
    }
    unique = frozenset(f"{table}.{name}" for table, lines in lines_of.items() for name in _unique(lines))
    return Schema(files, tables, frozenset(unlikely), unique, frozenset(_targets(lines_of))) if tables else None


def _targets(lines_of: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The columns that foreign keys of one column point at."""
    for line in (line for lines in lines_of.values() for line in lines):
        for table, named in _REFERENCES.findall(line):
            plain_table = re.sub(r"[\"`]", "", table)
            columns = _names(named) or _unique(lines_of.get(plain_table, ()))
            if len(columns) == 1:
                yield f"{plain_table}.{columns[0]}"


def _names(listed: str) -> list[str]:
    """The columns between two parentheses."""
    return [name for text in listed.split(",") if (name := text.strip().strip('"`'))]


def _unique(lines: Sequence[str]) -> list[str]:
    """The columns that are a key by themselves."""
    columns = [name for name, line in _columns(lines) if _UNIQUE.search(line)]
    return columns + [found[1] for line in lines if (found := _ITS_COLUMN.match(line)) is not None]


def _columns(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Each column's name, with its line; a name in quotation marks may be any word."""
    named = [(match, line) for line in lines if (match := _COLUMN.match(line)) is not None]
    return [(match[2], line) for match, line in named if match[1] or match[2].lower() not in _NO_COLUMN]


def counted_by(table: str, column: str) -> str:
    """A query that says how many rows a table has by a column's values."""
    return f"select {column}, count(*) from {table} group by {column}"  # noqa: S608  # a suggestion


def _same(column: str, field: str) -> bool:
    """True where a column is called as a field of the records is, written in SQL's way or in JSON's."""
    return plain(column) == plain(field)


def plain(name: str) -> str:
    """A name as it is alike in SQL's way and in JSON's: `orderid` for `order_id` and `orderId`."""
    return name.replace("_", "").replace("-", "").lower()


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part in _SKIPPED for part in path.parts)
