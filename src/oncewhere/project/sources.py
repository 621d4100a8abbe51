"""Source and settings files come in; the names of the environment variables that they read go out. Nothing is run.

A name says less than a value: what it leads to is guessed from its words, and the declaration is there to be looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from pathlib import Path

from .told import Told
from .variables import SYSTEM_WORDS, Variable

FILES_LIMIT = 2_000
SIZE_LIMIT_BYTES = 500_000
SKIPPED = frozenset({"node_modules", "target", "build", "dist", "vendor", "venv", "__pycache__", "test", "tests"})
SUFFIXES = frozenset({".py", ".java", ".kt", ".scala", ".go", ".ts", ".js", ".mjs", ".rs", ".cs", ".properties"})
JVM_SUFFIXES = frozenset({".java", ".kt"})
SETTINGS = frozenset({"application.yaml", "application.yml", "appsettings.json"})
_READS = re.compile(
    r"""(?:[gG]etenv(?:\(\)\s*\.\s*get(?:OrDefault)?)?|GetEnvironmentVariable|environ\.get|env::var|[eE]nv)\(\s*["'](\w+)["']"""
    r"""|environ\[["'](\w+)["']\]"""
    r"""|process\.env(?:\.(\w+)|\[["'](\w+)["']\])"""
    r"""|\$\{([A-Z][A-Z0-9_]+)[:}]"""
)
_TEXT = r"""["']([^"'\\\n{}$]+)["']"""
_FALLS_BACK = re.compile(
    r"""(?:getOrDefault|[gG]etenv|environ\.get|[eE]nv)\(\s*["'](\w+)["']\s*,\s*""" + _TEXT + r"\s*\)"
    r"""|[gG]etenv\(\s*["'](\w+)["']\s*\)\s*(?:\?:|\)\s*\.orElse\()\s*"""
    + _TEXT
    + r"""|process\.env\.(\w+)\s*(?:\|\||\?\?)\s*"""
    + _TEXT
)
_KAFKA = re.compile(r"(KAFKA|BOOTSTRAP|BROKER).*(SERVERS?|BROKERS?|BOOTSTRAP|URL|HOSTS?)|^BROKERS?$|BOOTSTRAP_SERVERS")
_ADDRESS = re.compile(r"_?(URL|URI|DSN)$")
_JVM = frozenset({".java", ".kt", ".scala", ".properties", ".yaml", ".yml"})


def variables_read(folder: Path) -> tuple[Variable, ...]:
    """The variables that a project's sources read, as far as their names tell what they lead to.

    Args:
        folder: the project's.
    """
    names = names_read(folder)
    return tuple(
        replace(variable, source=f"a guess from its name, which {names[variable.name]} reads")
        for name, file in names.items()
        for variable in _meant(name, names, jvm=file.suffix in _JVM)
    )


def names_read(folder: Path) -> dict[str, Path]:
    """The names of all variables that a project's sources read, each with a file that does.

    Args:
        folder: the project's.
    """
    names: dict[str, Path] = {}
    for file, text in texts(folder, lambda file: file.suffix in SUFFIXES or file.name in SETTINGS):
        for groups in _READS.findall(text):
            names[next(filter(None, groups))] = file
    return names


def defaults_read(folder: Path) -> dict[str, Told[str]]:
    """By variable, the text that the sources take where it is not set; none of one that has several.

    Args:
        folder: the project's.
    """
    found: dict[str, dict[str, Path]] = {}
    for file, text in texts(folder, lambda file: file.suffix in SUFFIXES):
        for groups in _FALLS_BACK.findall(text):
            name, value = filter(None, groups)
            found.setdefault(name, {}).setdefault(value, file)
    return {
        name: Told(value, f"{file} ({name})")
        for name, values in found.items()
        if len(values) == 1
        for value, file in values.items()
    }


def texts(folder: Path, wanted: Callable[[Path], bool]) -> Iterator[tuple[Path, str]]:
    """A project's own files, by their path in it, and what stands in them; no tests, nothing that was built.

    Args:
        folder: the project's.
        wanted: which of its files.
    """
    files = (file for file in sorted(folder.rglob("*")) if wanted(file))
    for _, file in zip(range(FILES_LIMIT), files, strict=False):
        inside = file.relative_to(folder)
        if any(part in SKIPPED or part.startswith(".") for part in inside.parts):
            continue
        if file.stat().st_size <= SIZE_LIMIT_BYTES:
            yield inside, file.read_text(encoding="utf-8", errors="replace")


def _meant(name: str, names: Container[str], *, jvm: bool) -> list[Variable]:
    if _KAFKA.search(name.upper()):
        return [Variable(name, "{kafka}")]
    system = next((system for system, words in SYSTEM_WORDS.items() if words.search(name.upper())), None)
    if system is None or not _ADDRESS.search(name.upper()):
        return []
    stem = _ADDRESS.sub("", name)
    effect = stem.lower() or system
    sql = system in {"postgresql", "mysql"}
    where = f"jdbc:{system}://{{{effect}.host}}:{{{effect}.port}}/{{{effect}.database}}"
    found = [Variable(name, where if jvm and sql else f"{{{effect}}}", effect, system)]
    for ending, part in (("USER", "user"), ("USERNAME", "user"), ("PASSWORD", "password")):
        if sql and f"{stem}_{ending}" in names:
            found.append(Variable(f"{stem}_{ending}", f"{{{effect}.{part}}}"))
    return found


def renamed(variables: tuple[Variable, ...], effects: dict[str, str]) -> tuple[Variable, ...]:
    """Variables under the names that a person gave to the effects, where only one of a system can be meant.

    Args:
        variables: as they were found.
        effects: by the person's name, the system.
    """
    found = list(variables)
    for system in set(effects.values()):
        theirs = [name for name, its in effects.items() if its == system]
        ours = list(dict.fromkeys(v.effect for v in variables if v.system == system and v.effect is not None))
        if len(theirs) == len(ours) == 1:
            found = [_under(v, ours[0], theirs[0]) for v in found]
    return tuple(found)


def _under(variable: Variable, old: str, new: str) -> Variable:
    text = re.sub(rf"\{{{re.escape(old)}(?=[.}}])", f"{{{new}", variable.text)
    return replace(variable, text=text, effect=new if variable.effect == old else variable.effect)
