"""Check 4, progress, and 9, torn: inputs that the group has not committed, and nothing moves any more.

An effect without its output, or the other way round, is what a processor goes through; where it never goes on, it has
stopped there. One that was still going on when its time was over has proved neither.
"""

from __future__ import annotations

from oncewhere.drill.verdict import Verdict

from .evidence import Evidence, PlaceSeen
from .finding import Answer, many


def torn(evidence: Evidence, seen: PlaceSeen) -> Answer | None:
    """Decides where inputs that are not committed happened at another place, and not here."""
    if evidence.progress.complete or evidence.progress.going_on:
        return None
    half = [
        identity
        for identity, entry in evidence.expected.items()
        if not evidence.passed(entry)
        and not seen.counts.get(identity, 0)
        and any(other.counts.get(identity, 0) for other in evidence.places)
    ]
    if not half:
        return None
    others = ", ".join(p.place for p in evidence.places if any(p.counts.get(identity, 0) for identity in half))
    told = f"{many(len(half))} happened in {others} and not here, and the processor has stopped in between"
    return Answer(Verdict.TORN, f"{told}: {_committed(evidence)}", half)


def stuck(evidence: Evidence, _seen: PlaceSeen) -> Answer | None:
    """Decides where the processor did not finish; it is stuck only where it makes no progress."""
    if evidence.progress.complete:
        return None
    if evidence.progress.going_on:
        told = f"{_committed(evidence)}, and it was still going on ({evidence.progress.going_on}): give it more time"
        return Answer(Verdict.UNKNOWN, told)
    return Answer(Verdict.STUCK, _committed(evidence))


def _committed(evidence: Evidence) -> str:
    progress = evidence.progress
    why = f": {progress.why}" if progress.why else ""
    return f"{progress.committed} of {progress.total} inputs were committed before the deadline{why}"
