"""An effect's `schema` comes in; the file's text goes out."""

from __future__ import annotations

from pathlib import Path

from oncewhere.drill.effect import Effect
from oncewhere.errors import ConfigurationError


def read_schema(name: str, effect: Effect, folder: Path) -> str:
    """Reads the schema of an effect; empty where it has none.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    if effect.schema is None:
        return ""
    path = folder / effect.schema
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"effects.{name}.schema: {path} cannot be read: {error.strerror}.") from None
