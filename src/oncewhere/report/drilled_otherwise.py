"""What an earlier run drilled and what is at hand come in; how they differ goes out, in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from oncewhere.drill import Version

from .provenance import Commit
from .run_json import without_secrets

OF_A_PROCESSOR: Final = ("command", "output", "identity")
"""What a run's folder says of it; the topic and the group that it consumes are the same, or it is another processor."""
OF_A_DRILL: Final = ("inputs", "partitions", "deadline_s", "restart_limit")
"""What may change a trial; how many inputs are sent is taken from the run."""


def drilled_otherwise(before: Commit | None, drilled: Version, now: Commit | None, chosen: Version) -> str:
    """In what the processor at hand is not the one that was drilled, in a sentence; empty where nothing says so.

    Args:
        before: what git said when it was drilled; None where it said nothing.
        drilled: the version, as the run's folder holds it.
        now: what git says of the declaration that is at hand.
        chosen: its version.
    """
    told = []
    if before is not None and now is None:
        told.append(f"it was drilled at {before.words}, and of what is here git names no commit")
    elif before is not None and now is not None and before.words != now.words:
        told.append(f"it was drilled at {before.words}, and this is {now.words}")
    if others := list(_differing(drilled, without_secrets(chosen))):
        told.append(f"the declaration differs: {', '.join(others)}")
    return f"This is not what that run drilled: {'; '.join(told)}." if told else ""


def _differing(drilled: Version, chosen: Version) -> Iterator[str]:
    """What is declared otherwise, by the names that it has in the file."""
    yield from _fields("processor", drilled.processor, chosen.processor, OF_A_PROCESSOR)
    for name in dict.fromkeys((*drilled.effects, *chosen.effects)):
        if name in drilled.effects and name in chosen.effects:
            one = drilled.effects[name]
            yield from _fields(f"effects.{name}", one, chosen.effects[name], one.__struct_fields__)
        else:
            yield f"effects.{name}"
    yield from _fields("drill", drilled.settings, chosen.settings, OF_A_DRILL)


def _fields(table: str, one: msgspec.Struct, other: msgspec.Struct, names: tuple[str, ...]) -> Iterator[str]:
    was: Mapping[str, object] = msgspec.structs.asdict(one)
    now: Mapping[str, object] = msgspec.structs.asdict(other)
    yield from (f"{table}.{name}" for name in names if was[name] != now[name])
