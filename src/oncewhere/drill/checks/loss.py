"""Check 5, loss: the group has committed an input as done, and its work is not here: nothing will bring it."""

from __future__ import annotations

from oncewhere.drill.verdict import Verdict

from .evidence import Evidence, PlaceSeen
from .finding import Answer, many


def loss(evidence: Evidence, seen: PlaceSeen) -> Answer | None:
    """Decides where an input below the committed position never happened."""
    gone = [
        identity
        for identity, entry in evidence.expected.items()
        if not seen.counts.get(identity, 0) and evidence.passed(entry)
    ]
    if not gone:
        return None
    return Answer(Verdict.LOST, f"{many(len(gone))} never happened here, and nothing will bring them", gone)
