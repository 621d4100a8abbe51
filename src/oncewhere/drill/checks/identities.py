"""Check 2, identity: what carries no business identity, or one that was never an input, cannot be judged: unknown."""

from __future__ import annotations

from oncewhere.drill.verdict import Verdict

from .evidence import Evidence, PlaceSeen
from .finding import Answer


def identities(evidence: Evidence, seen: PlaceSeen) -> Answer | None:
    """Decides where something was found that cannot be assigned to an input."""
    if seen.unidentified:
        return Answer(Verdict.UNKNOWN, f"{seen.unidentified} found here carry no business identity")
    strangers = [identity for identity in seen.counts if identity not in evidence.expected]
    if not strangers:
        return None
    return Answer(Verdict.UNKNOWN, f"{len(strangers)} identities found here were never an input", strangers)
