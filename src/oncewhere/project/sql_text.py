"""An SQL text comes in; the tables that it creates go out, each with what stands between its parentheses.

PostgreSQL, MySQL and SQLite differ in what may stand behind the parentheses (`ENGINE=…`, `STRICT`, `PARTITION BY …`),
so nothing is asked of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_REMARK = r"--.*|^[ \t]*#.*|/\*(?:.|\n)*?\*/"
_DOLLARS = r"\$(?P<tag>\w*)\$(?:.|\n)*?\$(?P=tag)\$"
"""A string of PostgreSQL, mostly the body of a function."""
_NAME = r'"(?:[^"]|"")*"|`[^`]*`'
_STRINGS = {False: r"'(?:[^']|'')*'", True: r"'(?:[^'\\]|\\(?:.|\n)|'')*'"}
"""By whether a backslash escapes what follows it, as in MySQL."""
_LEXEMES = {
    escapes: re.compile(f"(?P<name>{_NAME})|{string}|{_DOLLARS}|(?P<remark>{_REMARK})", re.MULTILINE)
    for escapes, string in _STRINGS.items()
}
_OF_MYSQL = re.compile(r"`|\bengine\s*=|\bauto_increment\b", re.IGNORECASE)
_TABLE = re.compile(r"\bcreate\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?([\w.\"`]+)\s*\(", re.IGNORECASE)
_MARK = re.compile(f"{_NAME}|[(),]")


def tables_of(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each table's name, without quotation marks, with its columns and constraints, each on one line.

    Remarks are left out, and strings are empty. A table whose parentheses do not close is none.
    """
    plain = _LEXEMES[_OF_MYSQL.search(text) is not None].sub(_shortened, text)
    for match in _TABLE.finditer(plain):
        if (entries := _entries(plain, match.end())) is not None:
            yield re.sub(r"[\"`]", "", match[1]), entries


def _shortened(match: re.Match[str]) -> str:
    return match["name"] or (" " if match["remark"] else "''")


def _entries(text: str, start: int) -> list[str] | None:
    """What the commas divide from there to the closing parenthesis; None where there is none."""
    depth, begin, found = 0, start, []
    for mark in _MARK.finditer(text, start):
        if mark[0] == "(":
            depth += 1
        elif mark[0] == ")" and depth:
            depth -= 1
        elif mark[0] in {",", ")"} and not depth:
            found.append(" ".join(text[begin : mark.start()].split()))
            begin = mark.end()
            if mark[0] == ")":
                return [entry for entry in found if entry]
    return None
