"""What a processor has written comes in; its end goes out, in whole lines, a line that was said again and again once.

A client that retries says the same words until somebody ends it; they would push the first complaint out of sight.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

CHARACTERS_LIMIT = 4_000
_CHANGING = re.compile(r"\d+")
"""What differs in a line that says the same: times, counters, correlation ids."""
_SETTING = re.compile(r"\s+[\w.]+ = ")
"""A line of the settings that a Java client prints when it starts, some hundred of them."""


def tail(text: str) -> str:
    """The last lines, as many as fit; of one line that is too long, its end."""
    lines = list(_each_once(text.strip().splitlines()))
    kept: list[str] = []
    left = CHARACTERS_LIMIT
    for line in reversed(lines):
        if len(line) > left:
            break
        kept.append(line)
        left -= len(line) + 1
    if lines and not kept:
        return lines[-1][-CHARACTERS_LIMIT:]
    return "\n".join(reversed(kept))


def _each_once(lines: Iterable[str]) -> Iterator[str]:
    """The last of each run of lines that are alike, with how many more there were; of settings only how many."""
    for kind, alike in groupby(lines, key=_kind):
        *before, last = alike
        if len(before) < 2:
            yield from (*before, last)
        elif kind == _SETTING.pattern:
            yield f"({len(before) + 1} lines of settings)"
        else:
            yield f"({len(before)} lines like the next)"
            yield last


def _kind(line: str) -> str:
    return _SETTING.pattern if _SETTING.match(line) else _CHANGING.sub("0", line)
