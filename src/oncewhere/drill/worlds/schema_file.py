"""An effect's `schema` comes in; the text of its files goes out."""

from __future__ import annotations

from pathlib import Path

from oncewhere.drill.effect import Effect
from oncewhere.errors import ConfigurationError


def read_schema(name: str, effect: Effect, folder: Path) -> str:
    """Reads the schema of an effect, its files one after the other; empty where it has none.

    Raises:
        ConfigurationError: a file cannot be read.
    """
    if effect.schema is None:
        return ""
    files = [effect.schema] if isinstance(effect.schema, str) else effect.schema
    return "\n".join(_text(name, folder / file) for file in files)


def _text(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"effects.{name}.schema: {path} cannot be read: {error.strerror}.") from None
