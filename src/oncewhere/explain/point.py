"""A point's id comes in; what each of its parts means goes out."""

from __future__ import annotations

import re
from typing import Final

from oncewhere.drill.points import Phase

from .entry import Entry, Topic

_ID: Final = re.compile(
    r"(?:(?P<version>[^/]+)/)?(?:(?P<scenario>[a-z-]+)@)?(?P<place>[^.@/]+)\.(?P<kind>[^.]+)"
    rf"\.(?P<interval>\d+)\.(?P<nth>\d+)\.(?P<phase>{'|'.join(Phase)})"
)


def explain_point(text: str) -> Entry | None:
    """The entry of an id such as `kafka.EndTxn.9.1.before`; None for what is none."""
    found = _ID.fullmatch(text.strip())
    if found is None:
        return None
    part = found.groupdict()
    done = f"played the scenario {part['scenario']}" if part["scenario"] else "killed the processor"
    of = f" of {part['version']}" if part["version"] else ""
    return Entry(
        code=text.strip(),
        topic=Topic.POINT,
        what=f"A trial{of} that {done} at {part['place']}'s {part['kind']}, number {part['nth']} of its kind in commit "
        f"interval {part['interval']}; the message was {Phase(part['phase']).words}.",
        why="",
        remedy=f"See it again: oncewhere replay {text.strip()} RUN. The message: oncewhere explain {part['kind']}",
    )
