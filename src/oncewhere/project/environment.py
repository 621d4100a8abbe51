"""A project's compose file and .env files come in; the variables that they set go out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from oncewhere.errors import ConfigurationError

COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
DOTENV = (".env.example", ".env.sample", ".env.template", ".env")
"""The later counts more."""
SIZE_LIMIT_BYTES = 1_000_000


def variables_of(folder: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """What the project sets for its own programs.

    Args:
        folder: the project's.

    Returns:
        Values by name, and the names of the files that they were found in.

    Raises:
        ConfigurationError: a compose file is not valid YAML.
    """
    found: dict[str, str] = {}
    read: list[str] = []
    for name in COMPOSE:
        if variables := _compose(folder / name):
            found |= variables
            read.append(name)
    for name in DOTENV:
        if variables := _dotenv(folder / name):
            found |= variables
            read.append(name)
    return found, tuple(read)


def _compose(file: Path) -> dict[str, str]:
    """The variables of the services that the project builds itself; those of all others set up servers."""
    if not file.is_file() or file.stat().st_size > SIZE_LIMIT_BYTES:
        return {}
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} is not valid YAML: {str(error).splitlines()[0]}.") from None
    services = document.get("services") if isinstance(document, dict) else None
    found: dict[str, str] = {}
    for service in (services or {}).values():
        if isinstance(service, dict) and "build" in service:
            found |= _pairs(service.get("environment"))
    return found


def _pairs(given: Any) -> dict[str, str]:
    """`environment` is a map, or a list of NAME=VALUE."""
    if isinstance(given, dict):
        return {str(name): str(value) for name, value in given.items() if value is not None}
    if isinstance(given, list):
        return {name: value for name, _, value in (str(line).partition("=") for line in given) if value}
    return {}


def _dotenv(file: Path) -> dict[str, str]:
    if not file.is_file() or file.stat().st_size > SIZE_LIMIT_BYTES:
        return {}
    found = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        name, separator, value = line.strip().removeprefix("export ").partition("=")
        if separator and name.isidentifier():
            found[name] = value.strip().strip("\"'")
    return found
