"""A project's build files come in; the command that starts the processor goes out, as far as they tell it."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import gradle, maven
from .told import Told

_Command = Told[tuple[str, ...]]
_MODULE = re.compile(r"^module\s+(\S+)", re.MULTILINE)
_MAJOR = re.compile(r"/v\d+$")
_MAIN = re.compile(r"^package main\b", re.MULTILINE)
_RUNNERS = frozenset({"tsx", "ts-node", "ts-node-esm", "babel-node", "nodemon"})
"""What starts a TypeScript file; they stand in node_modules."""


def command_of(folder: Path) -> tuple[_Command | None, str | None]:
    """How the processor is started, and the build file that says so.

    Args:
        folder: the project's.
    """
    for name, read in _BUILDS.items():
        file = folder / name
        if file.is_file() and (command := read(file)) is not None:
            return command, name
    return None, None


def _go(file: Path) -> _Command | None:
    """The program of the module, or of the one folder below cmd/; its build is named, since Go leaves none behind."""
    match = _MODULE.search(file.read_text(encoding="utf-8", errors="replace"))
    if match is None:
        return None
    folder = file.parent
    below = sorted(path.parent for path in folder.glob("cmd/*/*.go") if path.name == "main.go")
    at_root = any(_MAIN.search(path.read_text(encoding="utf-8", errors="replace")) for path in folder.glob("*.go"))
    if at_root or not below:
        name, package = _MAJOR.sub("", match[1]).rpartition("/")[2], "."
    else:
        name, package = below[0].name, f"./{below[0].relative_to(folder)}"
    for place in (name, f"bin/{name}", f"build/{name}"):
        if (folder / place).is_file():
            return Told((f"./{place}",), f"{place} (it is built)")
    others = f"; there is {', '.join(path.name for path in below[1:])} as well" if below[1:] and not at_root else ""
    return Told((f"./{name}",), f"{file.name} (go build -o {name} {package} builds it){others}", not others)


def _node(file: Path) -> _Command | None:
    try:
        package = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return _of_scripts(package) or _of_main(package) if isinstance(package, dict) else None


def _of_scripts(package: Mapping[str, Any]) -> _Command | None:
    """Npm itself is left out: the drill must be the parent of what it kills."""
    scripts = package.get("scripts")
    for name in ("start:prod", "start"):
        text = scripts.get(name) if isinstance(scripts, dict) else None
        words = _words(text) if isinstance(text, str) else ()
        by = f"package.json (scripts.{name})"
        if words and words[0] == "node":
            return Told(words, by)
        if words and words[0] in _RUNNERS:
            return Told((f"node_modules/.bin/{words[0]}", *words[1:]), by)
    return None


def _of_main(package: Mapping[str, Any]) -> _Command | None:
    main = package.get("main")
    return Told(("node", main), "package.json (main)", sure=False) if isinstance(main, str) else None


def _words(text: str) -> tuple[str, ...]:
    """Nothing for what needs a shell: two commands, or a variable."""
    if re.search(r"[&|;$<>`]", text):
        return ()
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return ()


def _python(file: Path) -> _Command | None:
    try:
        scripts = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {}).get("scripts", {})
    except tomllib.TOMLDecodeError:
        return None
    found = next(iter(scripts.items()), None)
    if found is None:
        return None
    name, target = found
    return Told(("{python}", "-m", target.partition(":")[0]), f"pyproject.toml (project.scripts.{name})", sure=False)


_BUILDS: dict[str, Callable[[Path], _Command | None]] = {
    "pom.xml": maven.command_of,
    "build.gradle": gradle.command_of,
    "build.gradle.kts": gradle.command_of,
    "go.mod": _go,
    "package.json": _node,
    "pyproject.toml": _python,
}
"""By what is built with, the program that comes of it."""
