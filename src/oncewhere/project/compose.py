"""A project's Compose file comes in; the service that is taken for the processor goes out. Nothing is started."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from oncewhere.errors import ConfigurationError

from .dotenv import SIZE_LIMIT_BYTES, read_dotenv
from .variables import KAFKA

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
ROUNDS_LIMIT = 5
"""So deep may a reference stand in another's default."""
_INNERMOST = re.compile(r"\$(?:\{(\w+)(?:(:?)([-+?])([^{}]*))?\}|(\w+))")
_HIDDEN = str.maketrans("${}", "\0\1\2")
_SHOWN = str.maketrans("\0\1\2", "${}")
"""What is filled in already is not read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The service that is taken for the processor.

    Attributes:
        file: the Compose file's name.
        name: the service's.
        variables: what it sets for the program in it.
        entrypoint: the program that it starts; empty where the image says it.
        command: what it starts, or what that program is told; empty where the image says it.
        dockerfile: what the image is built from, by its path in the project.
        others: services that are built as well, and were not taken.
        images: by the name of each service that is not built, its image.
    """

    file: str
    name: str
    variables: Mapping[str, str]
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    dockerfile: str = "Dockerfile"
    others: tuple[str, ...] = ()
    images: Mapping[str, str]


def service_of(folder: Path, values: Mapping[str, str], read_by_code: Collection[str] = ()) -> Service | None:
    """The service that the project builds itself; of several the one that speaks to Kafka, and is built from here.

    Args:
        folder: the project's.
        values: what `${NAME}` stands for, as .env says it.
        read_by_code: variables that the sources read; of services that are alike, that which sets the most of them.

    Raises:
        ConfigurationError: the file is not valid YAML.
    """
    for file in (folder / name for name in NAMES):
        services = _services(file)
        built = {name: told for name, told in services.items() if "build" in told}
        read = {name: _variables(told, folder, values) for name, told in built.items()}
        ranked = sorted(
            built,
            key=lambda name: (
                not _speaks_kafka(read[name]),
                not _from_here(built[name]),
                -len({*read[name]} & {*read_by_code}),
            ),
        )
        if ranked:
            first, *others = ranked
            return Service(
                file=file.name,
                name=first,
                variables=read[first],
                entrypoint=_command(built[first].get("entrypoint"), values),
                command=_command(built[first].get("command"), values),
                dockerfile=_dockerfile(built[first]),
                others=tuple(name for name in others if _speaks_kafka(read[name])),
                images={name: str(told["image"]) for name, told in services.items() if "image" in told},
            )
    return None


def _services(file: Path) -> dict[str, dict[str, Any]]:
    if not file.is_file() or file.stat().st_size > SIZE_LIMIT_BYTES:
        return {}
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} is not valid YAML: {str(error).splitlines()[0]}.") from None
    services = document.get("services") if isinstance(document, dict) else None
    found = services if isinstance(services, dict) else {}
    return {str(name): told for name, told in found.items() if isinstance(told, dict)}


def _variables(service: Mapping[str, Any], folder: Path, values: Mapping[str, str]) -> dict[str, str]:
    """Those of `env_file`, and over them those of `environment`."""
    found: dict[str, str] = {}
    for name in _env_files(service.get("env_file")):
        found |= read_dotenv(folder / name)
    return found | {name: filled(value, values) for name, value in _pairs(service.get("environment")).items()}


def _env_files(given: Any) -> list[str]:
    """One name, a list of names, or a list of maps with a path."""
    entries = given if isinstance(given, list) else [given]
    named = (entry.get("path") if isinstance(entry, dict) else entry for entry in entries)
    return [name for name in named if isinstance(name, str)]


def _pairs(given: Any) -> dict[str, str]:
    """`environment` is a map, or a list of NAME=VALUE."""
    if isinstance(given, dict):
        return {str(name): str(value) for name, value in given.items() if value is not None}
    if isinstance(given, list):
        return {name: value for name, _, value in (str(line).partition("=") for line in given) if value}
    return {}


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text with `${NAME}`, `${NAME:-default}` and the like filled in; what nothing says stays as it is written.

    Source: Compose's reference, "Interpolation".
    """
    text = text.replace("$$", "\0")
    for _ in range(ROUNDS_LIMIT):
        text, found = _INNERMOST.subn(lambda match: _value(match, values), text)
        if not found:
            break
    return text.translate(_SHOWN)


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    """What a reference stands for; behind a colon an empty value counts as none."""
    name, colon, sign, other = match[1] or match[5], match[2], match[3], match[4]
    value = values.get(name)
    is_set = value is not None and (bool(value) or colon == "")
    if sign == "-" and not is_set:
        return other
    if sign == "+":
        return other if is_set else ""
    return (value or ("" if sign and is_set else match[0])).translate(_HIDDEN)


def _command(given: Any, values: Mapping[str, str]) -> tuple[str, ...]:
    if isinstance(given, list):
        return tuple(filled(str(word), values) for word in given)
    try:
        return tuple(shlex.split(filled(given, values))) if isinstance(given, str) else ()
    except ValueError:  # a quotation mark without its other
        return ()


def _speaks_kafka(variables: Iterable[str]) -> bool:
    return any(KAFKA.search(name) for name in variables)


def _from_here(service: Mapping[str, Any]) -> bool:
    return _context(service) in {".", "./"}


def _context(service: Mapping[str, Any]) -> str:
    build = service["build"]
    return str((build.get("context") if isinstance(build, dict) else build) or ".")


def _dockerfile(service: Mapping[str, Any]) -> str:
    build = service["build"]
    named = build.get("dockerfile") if isinstance(build, dict) else None
    return f"{_context(service)}/{named or 'Dockerfile'}"
