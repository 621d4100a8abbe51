"""Check 11, reordered: outputs of one key stand in another order than their inputs.

Kafka keeps the order of a partition, so inputs of one key have an order; so have outputs of one key. In a topic that
was made anew offsets begin at 0 again, and all that stood in it before came earlier. Only the first output of each
input counts: what came twice is a duplicate, and told as such.
"""

from __future__ import annotations

from oncewhere.drill.verdict import Verdict

from .evidence import Evidence, PlaceSeen
from .finding import Answer, many


def reordered(evidence: Evidence, seen: PlaceSeen) -> Answer | None:
    """Decides at an output topic where an output of a key comes behind one whose input came later."""
    last: dict[tuple[str, int, int], tuple[bool, int]] = {}
    told: set[str] = set()
    wrong: list[str] = []
    for record in seen.records:
        entry = evidence.expected.get(record.identity)
        if entry is None or entry.key is None or record.key is None or record.identity in told:
            continue
        told.add(record.identity)
        stream = (record.key, record.partition, entry.partition)
        if entry.key != record.key:
            continue  # keyed anew: inputs of several keys may meet in it, and have no order among them
        position = (not entry.settled, entry.offset)
        if position < last.get(stream, position):
            wrong.append(record.identity)
        last[stream] = max(last.get(stream, position), position)
    if not wrong:
        return None
    outputs = many(len(wrong), "output", "outputs")
    return Answer(Verdict.REORDERED, f"{outputs} came behind later ones of their key", wrong)
