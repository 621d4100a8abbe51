"""A version comes in; how it is started and how its places are asked goes out: by it one program is told from another.

A drill proves something of the program that it started, and of what it counted. Where the declaration names another
program today, or counts something else, that drill proves nothing of it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from oncewhere.drill import Version
from oncewhere.masking import masked_arguments

CHARACTERS_SHOWN = 120


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """How a processor is started, and how its places are asked; without secrets, and as a run's folder tells it.

    Attributes:
        command: the words of the command; passwords in them are masked.
        observe: by effect, how it is asked, where it is.
        schema: by effect, the files that make its tables; of a path through this machine, the last part.
    """

    command: list[str]
    observe: dict[str, str] = {}
    schema: dict[str, list[str]] = {}


def setup_of(version: Version) -> Setup:
    """The setup of a version, be it declared today or read from a run's folder."""
    effects = version.effects
    return Setup(
        command=masked_arguments(version.processor.command),
        observe={name: effect.observe for name, effect in effects.items() if effect.observe},
        schema={name: _files(effect.schema) for name, effect in effects.items() if effect.schema},
    )


def set_up_otherwise(then: Setup | None, now: Setup | None, places: Iterable[str]) -> Iterator[str]:
    """What was another one, in words that follow "when it was drilled"; nothing where either is not known.

    Args:
        then: when it was drilled.
        now: as it is declared today.
        places: the effects that there were then and are today.
    """
    if then is None or now is None:
        return
    if then.command != now.command:
        yield f"the command was {_shown(_line(then.command))}"
    for place in places:
        if then.observe.get(place) != now.observe.get(place):
            yield f"`observe` of `{place}` was {_shown(then.observe.get(place))}"
        if then.schema.get(place) != now.schema.get(place):
            yield f"the schema of `{place}` was {_shown(' '.join(then.schema.get(place, [])))}"


def _files(schema: str | list[str]) -> list[str]:
    paths = [schema] if isinstance(schema, str) else schema
    return [Path(path).name if Path(path).is_absolute() else path for path in paths]


def _line(command: Iterable[str]) -> str:
    """A command to be read: words are quoted where a blank is in them, and `{python}` stays as it is declared."""
    return " ".join(shlex.quote(word) if word.split() != [word] else word for word in command)


def _shown(text: str | None) -> str:
    line = " ".join((text or "").split()).replace("`", "'")
    if not line:
        return "not declared"
    return f"`{line[:CHARACTERS_SHOWN]}…`" if len(line) > CHARACTERS_SHOWN else f"`{line}`"
