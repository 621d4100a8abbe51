"""Check 3, duplicate, and 8, zombie write: an identity that happened more than once, whatever else is open.

Where a life that had a successor wrote to the place, and was let, the duplicate has a name of its own: fencing failed.
"""

from __future__ import annotations

from oncewhere.drill.verdict import Verdict

from .evidence import Evidence, PlaceSeen
from .finding import Answer, duplicated, many


def zombie_write(evidence: Evidence, seen: PlaceSeen) -> Answer | None:
    """Decides where a zombie's writes were confirmed, and something happened twice."""
    twice, writes = duplicated(list(evidence.expected), seen), evidence.zombies.get(seen.place, 0)
    if not twice or not writes:
        return None
    told = f"{many(writes, 'write', 'writes')} of a life that had a successor took effect here"
    return Answer(Verdict.ZOMBIE_WRITE, f"{told}, and {many(len(twice))} happened more than once", twice)


def duplicate(evidence: Evidence, seen: PlaceSeen) -> Answer | None:
    """Decides where an identity was found more than once."""
    twice = duplicated(list(evidence.expected), seen)
    if not twice:
        return None
    return Answer(Verdict.DUPLICATE, f"{many(len(twice))} happened here more than once", twice)
