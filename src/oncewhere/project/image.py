"""A Compose service and its Dockerfile come in; what the program is told in its container goes out.

ENTRYPOINT and CMD, and what the Compose file says instead of them, name a program at a path of the image's. The path is
not ours; the program's arguments behind it, and the options of a JVM before it, are the same here as there.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from .compose import Service
from .dotenv import SIZE_LIMIT_BYTES
from .told import Told

DOCKERFILE: Final = "Dockerfile"
_CONTINUED: Final = re.compile(r"\\\s*\n")
_INSTRUCTION: Final = re.compile(r"^\s*(FROM|ENTRYPOINT|CMD)\s+(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_JAR: Final = "-jar"
_OF_THE_IMAGE: Final = re.compile(r"(^|[=:,])/")
"""A path from the root, by itself or as an option's value: `-javaagent:/opt/agent.jar`."""
_VARIABLE: Final = "$"
_TAKES_A_WORD: Final = frozenset({"-cp", "-classpath", "--class-path", "-p", "--module-path", "--upgrade-module-path"})
"""Options of `java` whose value is the next word, where that is a path."""


def with_arguments(
    command: Told[tuple[str, ...]], folder: Path, service: Service | None
) -> tuple[Told[tuple[str, ...]], tuple[str, ...]]:
    """A command with what the container gives the same program, and the files that say so; as it is, where none does.

    Args:
        command: what the build says: `java -jar JAR`, or a program alone.
        folder: the project's.
        service: the Compose file's, where there is one.
    """
    dockerfile = folder / (DOCKERFILE if service is None else service.dockerfile)
    entrypoint, words = _of_dockerfile(dockerfile)
    by_entrypoint = by_words = str(dockerfile.relative_to(folder)) if dockerfile.is_relative_to(folder) else DOCKERFILE
    if service is not None and service.entrypoint:
        entrypoint, words, by_entrypoint = service.entrypoint, (), service.file
    if service is not None and service.command:
        words, by_words = service.command, service.file
    said = (*entrypoint, *words)
    places = [by_entrypoint] * len(entrypoint) + [by_words] * len(words)
    options, arguments = _of_the_jvm(command.value, said), _behind(command.value, said)
    before = said.index(_JAR) if options else 0
    of_options = _each_once(place for word, place in zip(said[:before], places, strict=False) if word in options)
    of_arguments = _each_once(places[len(said) - len(arguments) :])
    program, *rest = command.value
    by = "".join((command.by, *_in_words(of_options, of_arguments)))
    told = Told((program, *options, *rest, *arguments), by, command.sure)
    return told, _each_once((*of_options, *of_arguments))


def _in_words(of_options: tuple[str, ...], of_arguments: tuple[str, ...]) -> Iterator[str]:
    """Which file the options are from, and which the arguments."""
    said = [("JVM options", of_options), ("arguments", of_arguments)]
    if of_options == of_arguments:
        said = [("JVM options and arguments", of_options)]
    parts = [f"the {what} of {' and '.join(files)}" for what, files in said if files]
    if parts:
        yield f", with {' and '.join(parts)}"


def _each_once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _of_the_jvm(command: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    """What stands between `java` and `-jar` in other words that start it: no variables, no paths of the image's."""
    names = [Path(word).name for word in words]
    if _JAR not in command or _JAR not in words or "java" not in names[: words.index(_JAR)]:
        return ()
    options = words[names.index("java") + 1 : words.index(_JAR)]
    return tuple(
        option
        for before, option in zip((None, *options), options, strict=False)
        if not _OF_THE_IMAGE.search(option) and not {option, before} & _TAKES_A_WORD and _VARIABLE not in option
    )


def _behind(command: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    """What stands behind the program of a command, in other words that start it; nothing where a variable is in it."""
    if _JAR in command:
        at = words.index(_JAR) + 1 if _JAR in words else len(words)
    elif len(command) == 1:
        names = [Path(word).name for word in words]
        name = Path(command[0]).name
        at = names.index(name) if name in names else len(words)
    else:
        at = len(words)
    arguments = tuple(words[at + 1 :])
    return () if any(_VARIABLE in word for word in arguments) else arguments


def _of_dockerfile(file: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """ENTRYPOINT and CMD of the last stage; of each, the last counts."""
    if not file.is_file() or file.stat().st_size > SIZE_LIMIT_BYTES:
        return (), ()
    said: dict[str, tuple[str, ...]] = {}
    text = _CONTINUED.sub(" ", file.read_text(encoding="utf-8", errors="replace"))
    for name, rest in _INSTRUCTION.findall(text):
        if name.upper() == "FROM":
            said = {}
        else:
            said[name.upper()] = _words(rest)
    return said.get("ENTRYPOINT", ()), said.get("CMD", ())


def _words(text: str) -> tuple[str, ...]:
    """The exec form is a JSON list; the other one is a line for a shell."""
    try:
        listed = json.loads(text)
        return tuple(map(str, listed)) if isinstance(listed, list) else ()
    except ValueError:
        pass
    try:
        return tuple(shlex.split(text))
    except ValueError:  # a quotation mark without its other
        return ()
