"""A Compose service and its Dockerfile come in; the arguments that the program gets in its container go out.

ENTRYPOINT and CMD, and what the Compose file says instead of them, name a program at a path of the image's. The path is
not ours; what stands behind it is what the program is told, here as there.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .compose import Service
from .dotenv import SIZE_LIMIT_BYTES
from .told import Told

DOCKERFILE: Final = "Dockerfile"
_CONTINUED: Final = re.compile(r"\\\s*\n")
_INSTRUCTION: Final = re.compile(r"^\s*(FROM|ENTRYPOINT|CMD)\s+(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_JAR: Final = "-jar"


def with_arguments(command: Told[tuple[str, ...]], folder: Path, service: Service | None) -> Told[tuple[str, ...]]:
    """A command with what the container gives the same program; as it is, where nothing more is seen.

    Args:
        command: what the build says: `java -jar JAR`, or a program alone.
        folder: the project's.
        service: the Compose file's, where there is one.
    """
    dockerfile = folder / (DOCKERFILE if service is None else service.dockerfile)
    entrypoint, words = _of_dockerfile(dockerfile)
    by = dockerfile.name
    if service is not None and service.entrypoint:
        entrypoint, words, by = service.entrypoint, (), service.file
    if service is not None and service.command:
        words, by = service.command, service.file
    arguments = _behind(command.value, (*entrypoint, *words))
    if not arguments or any("$" in word for word in arguments):
        return command
    return Told((*command.value, *arguments), f"{command.by}, with the arguments of {by}", command.sure)


def _behind(command: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    """What stands behind the program of a command, in other words that start it."""
    if _JAR in command:
        at = words.index(_JAR) + 1 if _JAR in words else len(words)
    elif len(command) == 1:
        names = [Path(word).name for word in words]
        name = Path(command[0]).name
        at = names.index(name) if name in names else len(words)
    else:
        at = len(words)
    return tuple(words[at + 1 :])


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
