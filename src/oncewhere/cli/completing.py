"""What a person has begun to write comes in; what may be meant goes to the shell: runs, points, versions, words.

A shell waits for it: nothing is imported here that a drill is made of, and what cannot be read is not offered.
"""

from __future__ import annotations

import contextlib
import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from .places import project_folder

Complete = Callable[[click.Context, click.Parameter, str], list[str]]
"""What click asks: the command so far, the parameter, and what stands there already."""


def runs_begun(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The project's runs by their names, the newest first; files, where none is called like that.

    Args:
        begun: what stands there already.
    """
    runs = project_folder() / "runs"
    names = sorted((path.name for path in runs.iterdir() if path.is_dir()), reverse=True) if runs.is_dir() else []
    found = [CompletionItem(name) for name in names if name.startswith(begun)]
    return found or [CompletionItem(begun, type="file")]


def points_begun(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The points of the newest run, with their versions in front, as all commands print them; and the runs."""
    points = [CompletionItem(name) for name in _points(project_folder() / "runs" / "latest") if name.startswith(begun)]
    return points + [item for item in runs_begun(context, parameter, begun) if item.type != "file"]


def versions_begun(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """The versions of the declaration that the command names so far."""
    folder = Path(context.params.get("path") or ".")
    with contextlib.suppress(OSError, ValueError):  # a TOMLDecodeError is one
        tables = tomllib.loads((folder / "oncewhere.toml").read_text(encoding="utf-8"))
        return [name for name in tables.get("versions", {}) if name.startswith(begun)]
    return []


def words_begun(*words: str, before: str = "", apart: str = "") -> Complete:
    """Offers words.

    Args:
        words: that may be meant.
        before: what stands before the word, as in `NAME=SYSTEM`; nothing is offered until it is there.
        apart: what stands between several words.
    """

    def complete(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
        head, sign, last = begun.rpartition(before or apart) if before or apart else ("", "", begun)
        if before and not sign:
            return []
        return [f"{head}{sign}{word}" for word in words if word.startswith(last)]

    return complete


def _points(run: Path) -> Iterator[str]:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        for version in json.loads((run / "run.json").read_bytes())["versions"]:
            for trial in version["trials"]:
                if trial["crashes"]:
                    yield f"{version['name']}/{trial['crash'] or trial['id']}"
