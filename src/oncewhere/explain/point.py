"""What a trial is called comes in (a point's id, or its scenario and its points); what each part means goes out."""

from __future__ import annotations

import re
from typing import Final

from oncewhere.drill.points import NamedCrash, Phase
from oncewhere.drill.scenarios import SCENARIOS

from .entry import Entry, Topic

_TRIAL: Final = re.compile(r"(?:(?P<version>[^/]+)/)?(?:(?P<scenario>[a-z-]+)@)?(?P<points>[^@/]+)")
_POINT: Final = re.compile(
    rf"(?P<place>[^.]+)\.(?P<kind>[^.]+)\.(?P<interval>\d+)\.(?P<nth>\d+)\.(?P<phase>{'|'.join(Phase)})"
)


def explain_point(text: str) -> Entry | None:
    """The entry of a trial such as `kafka.EndTxn.9.1.before` or `zombie@after-effect`; None for what is none."""
    found = _TRIAL.fullmatch(text.strip())
    if found is None:
        return None
    part = found.groupdict()
    moments = [_moment(point) for point in part["points"].split("+")]
    if not all(moments) or (part["scenario"] or "crash") not in SCENARIOS:
        return None
    done = f"played the scenario {part['scenario']}" if part["scenario"] else "killed the processor"
    of = f" of {part['version']}" if part["version"] else ""
    kinds = [kind["kind"] for point in part["points"].split("+") if (kind := _POINT.fullmatch(point))]
    words = [*([part["scenario"]] if part["scenario"] else []), *kinds]
    more = f" More: {', '.join(f'oncewhere explain {word}' for word in words)}." if words else ""
    return Entry(
        code=text.strip(),
        topic=Topic.POINT,
        what=f"A trial{of} that {done} {', and then '.join(filter(None, moments))}.",
        why="",
        remedy=f"See it again: oncewhere replay {text.strip()} RUN.{more}",
    )


def _moment(point: str) -> str | None:
    """When that is, in words; None where it is no point."""
    if point in set(NamedCrash):
        return NamedCrash(point).words
    found = _POINT.fullmatch(point)
    if found is None:
        return None
    return (
        f"at {found['place']}'s {found['kind']}, number {found['nth']} of its kind in commit interval "
        f"{found['interval']}; the message was {Phase(found['phase']).words}"
    )
