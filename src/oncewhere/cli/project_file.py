"""The project's own wishes: `[options]` of the oncewhere.toml in this folder comes in; defaults of options go out.

    [options.drill]
    lanes  = 1
    points = "boundaries"

A flag counts most, then the environment (ONCEWHERE_DRILL_LANES), then this, then what the command has by itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from oncewhere.errors import ConfigurationError

FILES = ("oncewhere.toml", "pyproject.toml")
TABLE = "options"


def options_file(folder: Path) -> tuple[Path, Mapping[str, Any]] | None:
    """The file that says something of options, with what it says; None where none does.

    Args:
        folder: the current one.

    Raises:
        ConfigurationError: the file is not valid TOML, or `options` is no table of tables.
    """
    for name in FILES:
        file = folder / name
        if not file.is_file():
            continue
        try:
            tables = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            if name == "pyproject.toml":
                continue  # somebody else's to complain of
            raise ConfigurationError(f"{file} is not valid TOML: {error}.") from None
        if name == "pyproject.toml":
            tables = tables.get("tool", {}).get("oncewhere", {})
        options = tables.get(TABLE)
        if options is None:
            continue
        if not isinstance(options, dict) or not all(isinstance(table, dict) for table in options.values()):
            raise ConfigurationError(
                f"{file}: {TABLE} must hold one table for each command.", hint="Write [options.drill], lanes = 1"
            )
        return file, options
    return None
