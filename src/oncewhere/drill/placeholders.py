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

_OF_AN_ADDRESS = ".port"
"""The part without which none of the others leads to the drill's server."""
_IN_A_FILE = "sqlite"
_URL_PARTS = ("host", "port", "user", "password", "database")
_FILE_PARTS = ("url", "steps")
_PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_.-]*)\}")


def names_of(place: str, system: str) -> tuple[str, ...]:
    """The placeholders of a place.

    Args:
        place: the effect's name.
        system: its system.
    """
    parts = _FILE_PARTS if system == _IN_A_FILE else _URL_PARTS
    return (place, *(f"{place}.{part}" for part in parts))


def check_placeholders(version: Version) -> None:
    """Looks at the command and the environment.

    Raises:
        ConfigurationError: one of them uses a name that the drill does not fill in; or none says where a server of
            the drill's is, so that the processor would work on another one, which may be production's.
    """
    names = [KAFKA, INSTANCE, *standing_values()]
    for place, effect in version.effects.items():
        names += names_of(place, effect.system)
    values = dict.fromkeys(names, "")
    for word in version.processor.command:
        fill(word, values, "processor.command")
    for name, text in version.processor.environment.items():
        fill(text, values, f"processor.environment.{name}")
    _check_told(version)


def _check_told(version: Version) -> None:
    """A processor finds the drill's servers by these texts alone; a file (SQLite) it may find anywhere.

    A user or a password beside an address of its own would be worse than nothing.
    """
    said = " ".join((*version.processor.command, *version.processor.environment.values()))
    told = {name.removesuffix(_OF_AN_ADDRESS) for name in _PLACEHOLDER.findall(said)}
    places = {place: place for place, effect in version.effects.items() if effect.system != _IN_A_FILE}
    for place, title in {KAFKA: "Kafka", **places}.items():
        if place not in told:
            variable = f"{place.upper()}_{'BOOTSTRAP_SERVERS' if place == KAFKA else 'URL'}"
            raise ConfigurationError(
                f"Nothing tells the processor where the drill's {title} is: it would work on its own, in production.",
                hint=f'Write {variable} = "{{{place}}}" into [processor.environment], under the name that it reads. '
                'One that is written with this library is named instead, app = "module:app".',
            )


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
