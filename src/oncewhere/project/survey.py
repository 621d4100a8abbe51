"""A project's folder comes in; what it tells of its processor goes out. Nothing is started, imported or changed."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import variables
from .environment import variables_of
from .events import identities
from .schemas import Schema, schemas_of
from .sources import variables_read
from .variables import Variable

PYTHON_FILES_LIMIT = 200
_APP = re.compile(r"^(\w+)(?:\s*:\s*[\w.]+)?\s*=\s*(?:oncewhere\.)?Processor\(", re.MULTILINE)
_IMPORT = re.compile(r"^\s*(?:from|import) oncewhere\b", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a look at the folder tells.

    Attributes:
        app: `MODULE:APP` of a processor written with the library.
        command: program and arguments of any other.
        told_by: the files that said so.
        variables: how the processor learns its addresses.
        guessed: True where only names of variables tell, and no file their values.
        schemas: SQL files that make tables.
        inputs: a JSON Lines file.
        identities: what may name the business event in it, the likeliest first.
    """

    app: str | None = None
    command: tuple[str, ...] | None = None
    told_by: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()
    guessed: bool = False
    schemas: tuple[Schema, ...] = ()
    inputs: str | None = None
    identities: tuple[str, ...] = ()

    @property
    def effects(self) -> dict[str, str]:
        """By name, the system of each effect that a variable leads to."""
        return {v.effect: v.system for v in self.variables if v.effect is not None and v.system is not None}


def survey(folder: Path) -> Found:
    """Looks at a project.

    Args:
        folder: the project's.

    Raises:
        ConfigurationError: a file of its own cannot be read as what it is.
    """
    app = _app(folder)
    command, said = (None, None) if app is not None else _command(folder)
    given, files = variables_of(folder)
    found = [v for name, value in given.items() if (v := variables.read(name, value)) is not None]
    found += variables.credentials(found, given)
    guessed = not any(variable.effect or variable.text == "{kafka}" for variable in found)
    if guessed and app is None:
        found = list(variables_read(folder))
    inputs = sorted(path.name for path in folder.glob("*.jsonl"))
    schemas = tuple(schemas_of(folder))
    columns = frozenset(column for schema in schemas for column in schema.columns)
    return Found(
        app=app,
        command=command,
        told_by=tuple(dict.fromkeys(filter(None, (app and f"{app.partition(':')[0]}.py", said, *files)))),
        variables=tuple(found),
        guessed=guessed,
        schemas=schemas,
        inputs=inputs[0] if inputs else None,
        identities=identities(folder / inputs[0], columns) if inputs else (),
    )


def _app(folder: Path) -> str | None:
    for _, file in zip(range(PYTHON_FILES_LIMIT), sorted(folder.glob("*.py")), strict=False):
        text = file.read_text(encoding="utf-8", errors="replace")
        if _IMPORT.search(text) and (match := _APP.search(text)):
            return f"{file.stem}:{match.group(1)}"
    return None


def _command(folder: Path) -> tuple[tuple[str, ...] | None, str | None]:
    for name, read in _BUILDS.items():
        file = folder / name
        if file.is_file() and (command := read(file)) is not None:
            return command, name
    return None, None


def _maven(file: Path) -> tuple[str, ...] | None:
    jars = sorted((file.parent / "target").glob("*.jar"), key=lambda jar: -jar.stat().st_size)
    if jars:
        return ("java", "-jar", f"target/{jars[0].name}")
    text = file.read_text(encoding="utf-8", errors="replace")
    if named := re.search(r"<finalName>\s*([\w.-]+)\s*</finalName>", text):
        return ("java", "-jar", f"target/{named.group(1)}.jar")
    match = re.search(r"<artifactId>([\w.-]+)</artifactId>\s*<version>([\w.-]+)</version>", text)
    return ("java", "-jar", f"target/{match.group(1)}-{match.group(2)}.jar") if match else None


def _gradle(file: Path) -> tuple[str, ...] | None:
    jars = sorted((file.parent / "build" / "libs").glob("*.jar"), key=lambda jar: -jar.stat().st_size)
    return ("java", "-jar", f"build/libs/{jars[0].name}") if jars else None


def _go(file: Path) -> tuple[str, ...] | None:
    match = re.search(r"^module\s+(\S+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    return (f"./{match.group(1).rpartition('/')[2]}",) if match else None


def _node(file: Path) -> tuple[str, ...] | None:
    try:
        package = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return None
    start = package.get("scripts", {}).get("start", "")
    if start.startswith("node "):
        return tuple(start.split())
    return ("node", package["main"]) if "main" in package else None


def _python(file: Path) -> tuple[str, ...] | None:
    try:
        scripts = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {}).get("scripts", {})
    except tomllib.TOMLDecodeError:
        return None
    module = next((target.partition(":")[0] for target in scripts.values()), None)
    return ("{python}", "-m", module) if module else None


_BUILDS: dict[str, Callable[[Path], tuple[str, ...] | None]] = {
    "pom.xml": _maven,
    "build.gradle": _gradle,
    "build.gradle.kts": _gradle,
    "go.mod": _go,
    "package.json": _node,
    "pyproject.toml": _python,
}
"""By what is built with, the program that comes of it."""
