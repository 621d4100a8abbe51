"""A project's Compose service and .env files come in; the variables that they set go out, each with its file."""

from __future__ import annotations

from pathlib import Path

from .compose import Service
from .dotenv import NAMES, read_dotenv
from .told import Told


def dotenv_of(folder: Path) -> dict[str, Told[str]]:
    """What the .env files set, by name.

    Args:
        folder: the project's.
    """
    return {
        name: Told(value, f"{file} ({name})") for file in NAMES for name, value in read_dotenv(folder / file).items()
    }


def of_service(service: Service | None) -> dict[str, Told[str]]:
    """What the Compose file sets for the processor, by name."""
    if service is None:
        return {}
    return {name: Told(value, f"{service.file} ({name})") for name, value in service.variables.items()}
