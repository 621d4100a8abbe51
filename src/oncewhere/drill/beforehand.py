"""A version and its folder come in; what is wrong with them goes out before a server starts, which takes its time."""

from __future__ import annotations

from pathlib import Path

from . import inputs
from .declaration import Version
from .placeholders import check_placeholders
from .program import check_program
from .worlds.schema_file import read_schema


def check_beforehand(version: Version, folder: Path) -> None:
    """Looks at all that can be looked at without a server.

    Raises:
        ConfigurationError: something of it is missing or misspelt.
    """
    check_placeholders(version)
    check_program(version, folder)
    for place, effect in version.effects.items():
        read_schema(place, effect, folder)
    inputs.load(version, folder)
