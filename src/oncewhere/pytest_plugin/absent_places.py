"""What a test says of places comes in; nothing goes out where there are such, and else why not, and what to write."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from oncewhere.drill.effect import SQL_SYSTEMS
from oncewhere.effects.effect import Effect
from oncewhere.errors import ConfigurationError

EXAMPLE = "bank"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What is known of a processor's places.

    Attributes:
        processor: its name; empty for a command.
        systems: by place, those that it declares and those that the test gives a system.
        declared: how many effects its handlers run.
        beside: effects that stand beside it in its module, as far as that is loaded here.
    """

    processor: str
    systems: Mapping[str, str]
    declared: int = 0
    beside: tuple[Effect[Any, Any], ...] = ()


def effects_beside(app: object) -> tuple[Effect[Any, Any], ...]:
    """The effects in the modules in which a processor stands, each once."""
    modules = [dict(getattr(module, "__dict__", {})) for module in sys.modules.copy().values()]
    found = [value for module in modules if any(v is app for v in module.values()) for value in module.values()]
    return tuple(dict.fromkeys(value for value in found if isinstance(value, Effect)))


def check_places(places: Places, said: Mapping[str, Any]) -> None:
    """Looks whether the processor has the places that a test speaks of.

    Args:
        places: what is known of them.
        said: by argument of `oncewhere_drill`, what stands there: a text means the only database.

    Raises:
        ConfigurationError: it has not.
    """
    given = {what: value for what, value in said.items() if value}
    absent = {
        place: what
        for what, value in given.items()
        if isinstance(value, Mapping)
        for place in value
        if place not in places.systems
    }
    databases = [place for place, system in places.systems.items() if system in SQL_SYSTEMS]
    texts = [what for what, value in given.items() if not isinstance(value, Mapping)] if not databases else []
    if not absent and not texts:
        return
    example = next(iter((*absent, *(effect.place.name for effect in places.beside))), EXAMPLE)
    asked = " and ".join(dict.fromkeys((*texts, *absent.values())))
    raise ConfigurationError(_sentence(places, asked, list(absent)), hint=_hint(places, example))


def _sentence(places: Places, asked: str, absent: list[str]) -> str:
    if not places.processor:
        return f"{asked}: a command does not say where it works, and the test names no system of {_named(absent)}."
    if places.declared:
        which = f"place {' or '.join(absent)}" if absent else "database"
        return f"{asked}: {places.processor} has no {which}; its places are {', '.join(places.systems)}."
    beside = ", ".join(f"{effect.name} at {effect.place.name}" for effect in places.beside)
    told = f" (declared beside it: {beside})" if beside else ""
    return f"No handler of {places.processor} runs an effect{told}, so there is no place for {asked}."


def _named(absent: list[str]) -> str:
    return " and ".join(absent) or "a database"


def _hint(places: Places, example: str) -> str:
    run = next((effect.name for effect in places.beside), "effect")
    inside = f"Run it in a handler: tx.run({run}, …). " if places.processor and not places.declared else ""
    reached = "a database that is reached by other means" if places.processor else "PostgreSQL, for example,"
    return (
        f"{inside}For {reached} write effects={{'{example}': {{'system': 'postgresql'}}}}, "
        f"processor={{'environment': {{'DATABASE_URL': '{{{example}}}'}}}}."
    )
