"""A text with `{names}` comes in, and goes out with what stands for them; a name that nobody fills in is refused.

A version is asked before any server starts. What stands for a name is known only once its server runs; which names
there are is not.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from oncewhere.addresses import KAFKA
from oncewhere.errors import ConfigurationError
from oncewhere.spelling import nearest

from .declaration import INSTANCE, Version

_URL_PARTS = ("host", "port", "user", "password", "database")
_FILE_PARTS = ("url", "steps")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")


def names_of(place: str, system: str) -> tuple[str, ...]:
    """The placeholders of a place.

    Args:
        place: the effect's name.
        system: its system.
    """
    parts = _FILE_PARTS if system == "sqlite" else _URL_PARTS
    return (place, *(f"{place}.{part}" for part in parts))


def check_placeholders(version: Version) -> None:
    """Looks at the command and the environment.

    Raises:
        ConfigurationError: one of them uses a name that the drill does not fill in.
    """
    names = [KAFKA, INSTANCE, *standing_values()]
    for place, effect in version.effects.items():
        names += names_of(place, effect.system)
    values = dict.fromkeys(names, "")
    for word in version.processor.command:
        fill(word, values, "processor.command")
    for name, text in version.processor.environment.items():
        fill(text, values, f"processor.environment.{name}")


def fill(text: str, values: Mapping[str, str], where: str) -> str:
    """Replaces every `{name}` in `text`.

    Raises:
        ConfigurationError: a name that is not among `values`.
    """

    def one(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            near = nearest(name, values)
            raise ConfigurationError(
                f"{where} uses {{{name}}}, which the drill does not fill in.",
                hint=f"Did you mean {{{near}}}?" if near else f"Known: {', '.join(sorted(values))}.",
            )
        return values[name]

    return _PLACEHOLDER.sub(one, text)


def standing_values() -> dict[str, str]:
    """The placeholders that do not depend on a run."""
    return {"python": sys.executable}
