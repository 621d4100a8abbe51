"""Check 7, aborted read: a record whose transaction was aborted upstream has had consequences here."""

from __future__ import annotations

from oncewhere.drill.verdict import Verdict

from .evidence import Evidence, PlaceSeen
from .finding import Answer, many


def aborted_read(evidence: Evidence, seen: PlaceSeen) -> Answer | None:
    """Decides where the work of an aborted record was found: the processor does not read `read_committed`."""
    found = [identity for identity in seen.counts if identity in evidence.aborted and seen.counts[identity]]
    if not found:
        return None
    records = many(len(found), "record", "records")
    return Answer(Verdict.ABORTED_READ, f"{records} of an aborted transaction had consequences here", found)
