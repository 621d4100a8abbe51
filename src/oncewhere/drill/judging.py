"""A finished trial comes in; its places are read, and the finding about each goes out."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from oncewhere.errors import InconclusiveError

from .checks import Finding, PlaceSeen, ProgressSeen, judge
from .declaration import Version
from .history import read
from .identity import Identity
from .inputs import Input
from .lane import Lane
from .points import NamedCrash
from .result import Crash, TrialResult
from .scenario import Plan
from .verdict import Verdict

NOT_REACHED = "the crash point of the clean run was not reached again, so nothing was crashed"
NOT_CROSSED = "no effect had been confirmed when the processor died, so the gap after it was not tried"


async def look(version: Version, lane: Lane, history: Path) -> list[PlaceSeen]:
    """Reads every place: the output topics, then the effects; where an effect cannot be asked, the trial's history."""
    identity = Identity.parse(version.processor.identity)
    topics = [await asyncio.to_thread(lane.kafka.outputs, topic, identity) for topic in lane.kafka.output_topics]
    return [*topics, *[await asyncio.to_thread(world.seen, read(history)) for world in lane.worlds]]


def identities(version: Version, inputs: Sequence[Input]) -> list[str]:
    """The identity of every input, in order."""
    identity = Identity.parse(version.processor.identity)
    return [
        str(identity.of(_bytes(r.key), bytes(r.value), [(k, v.encode()) for k, v in r.headers.items()])) for r in inputs
    ]


def findings(
    expected: Sequence[str],
    seen: Sequence[PlaceSeen],
    progress: ProgressSeen,
    *,
    plan: Plan,
    crashes: Sequence[Crash],
    reached: bool,
) -> tuple[Finding, ...]:
    """One finding per place; nothing that was not put to the test is called held."""
    judged = [judge(expected, place, progress) for place in seen]
    if not reached:
        return tuple(not_proved(finding, NOT_REACHED) for finding in judged)
    if not crossed_the_gap(plan, crashes, has_effects=len(seen) > sum(place.system == "kafka" for place in seen)):
        return tuple(not_proved(finding, NOT_CROSSED) for finding in judged)
    return tuple(judged)


def crossed_the_gap(plan: Plan, crashes: Sequence[Crash], *, has_effects: bool) -> bool:
    """False for a crash "after the effect" before which no effect was confirmed: it shows nothing about the gap."""
    named = plan.point is not None and plan.point.name is NamedCrash.AFTER_EFFECT
    return not (named and has_effects and crashes and crashes[0].effects_before == 0)


def not_proved(finding: Finding, why: str) -> Finding:
    """What went wrong stays wrong; what seemed to hold was not put to the test."""
    if finding.verdict is not Verdict.ONCE:
        return finding
    return dataclasses.replace(finding, check=0, verdict=Verdict.UNKNOWN, sentence=why)


def unjudged(version: Version, plan: Plan, why: InconclusiveError, *, folder: str) -> TrialResult:
    """A trial that came to no end: nothing is known about any place, and that is what is said."""
    outputs = version.processor.output
    return TrialResult(
        plan=plan,
        crashes=(),
        reached=False,
        findings=tuple(
            Finding(
                place=place,
                system="kafka" if place in outputs else version.effects[place].system,
                check=0,
                verdict=Verdict.UNKNOWN,
                sentence=why.message.rstrip("."),
            )
            for place in version.places
        ),
        lives=0,
        duration_s=0.0,
        folder=folder,
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
