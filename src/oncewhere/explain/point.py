"""What a trial is called comes in (a point's id, or its scenario and its points); what each part means goes out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from oncewhere.drill.points import NamedCrash, Phase
from oncewhere.drill.scenario import CRASH, Action
from oncewhere.drill.scenarios import SCENARIOS

from .entry import Entry, Topic

_TRIAL: Final = re.compile(r"(?:(?P<version>[^/]+)/)?(?:(?P<scenario>[a-z-]+)@)?(?P<points>[^@/]+)")
_POINT: Final = re.compile(
    rf"(?P<place>[^.]+)\.(?P<kind>[^.]+)\.(?P<interval>\d+)\.(?P<nth>\d+)\.(?P<phase>{'|'.join(Phase)})"
)


def explain_point(text: str, is_known: Callable[[str], bool]) -> Entry | None:
    """The entry of a trial such as `kafka.EndTxn.9.1.before` or `zombie@after-effect`; None for what is none.

    Args:
        text: what a person typed.
        is_known: tells a word that has an entry of its own.
    """
    found = _TRIAL.fullmatch(text.strip())
    if found is None:
        return None
    part = found.groupdict()
    scenario = SCENARIOS.get(part["scenario"] or CRASH)
    if scenario is None:
        return None
    moments = [_moment(point, killed=scenario.action is Action.KILL) for point in part["points"].split("+")]
    if not all(moments):
        return None
    done = f"played the scenario {part['scenario']}" if part["scenario"] else "killed the processor"
    of = f" of {part['version']}" if part["version"] else ""
    kinds = [kind["kind"] for point in part["points"].split("+") if (kind := _POINT.fullmatch(point))]
    words = dict.fromkeys(word for word in (part["scenario"], *kinds) if word and is_known(word))
    more = f" More: {', '.join(f'oncewhere explain {word}' for word in words)}." if words else ""
    return Entry(
        code=text.strip(),
        topic=Topic.POINT,
        what=f"A trial{of} that {done} {', and then '.join(filter(None, moments))}.",
        why="",
        remedy=f"See it again: oncewhere replay {text.strip()} RUN.{more}",
    )


def _moment(point: str, *, killed: bool) -> str | None:
    """When that is, in words, and where it died there, what became of the message; None where it is no point."""
    if point in set(NamedCrash):
        return NamedCrash(point).words
    found = _POINT.fullmatch(point)
    if found is None:
        return None
    phase = Phase(found["phase"])
    message = f"; the message was {phase.words}" if killed else ""
    whose = "the answer to " if phase is Phase.REPLIED and not killed else ""
    return (
        f"at {whose}{found['place']}'s {found['kind']}, number {found['nth']} of its kind in commit interval "
        f"{found['interval']}{message}"
    )
