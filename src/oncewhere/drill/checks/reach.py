"""Check 1, reach: a topic whose LSO has not passed its high watermark, a place that could not be read: unknown.

Where all that hides the truth are requests whose outcome nobody knows, that is said: in doubt (check 12).
"""

from __future__ import annotations

from oncewhere.drill.verdict import Verdict

from .evidence import Evidence, PlaceSeen
from .finding import Answer, many


def reach(evidence: Evidence, seen: PlaceSeen) -> Answer | None:
    """Decides where the evidence does not reach."""
    if not evidence.inputs:
        return Answer(Verdict.UNKNOWN, "no input was sent, so nothing can be said")
    return Answer(Verdict.UNKNOWN, seen.hidden) if seen.hidden else None


def in_doubt(_evidence: Evidence, seen: PlaceSeen) -> Answer | None:
    """Decides where a request left, and no answer to it ever came."""
    if not seen.in_doubt:
        return None
    requests = many(seen.in_doubt, "request was", "requests were")
    return Answer(Verdict.IN_DOUBT, f"{requests} sent here whose outcome nobody knows")
