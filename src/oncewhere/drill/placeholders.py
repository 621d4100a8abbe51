"""A version comes in; nothing goes out where the drill can fill in all that it uses, and the wrong name otherwise.

Asked before any server starts. What stands for a name is known only once its server runs; which names there are is not.
"""

from __future__ import annotations

from oncewhere.addresses import KAFKA

from .declaration import INSTANCE, Version, fill, standing_values

_URL_PARTS = ("host", "port", "user", "password", "database")
_FILE_PARTS = ("url", "steps")


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
