"""Check 10, different: the output says one thing of an input, and the effect another.

A processor that computes its output anew on redelivery, instead of giving the recorded one, is caught by this alone:
everything happened once, and the two do not fit.
"""

from __future__ import annotations

from oncewhere.drill.verdict import Verdict

from .evidence import Evidence, PlaceSeen
from .finding import Answer, many


def different(evidence: Evidence, seen: PlaceSeen) -> Answer | None:
    """Decides at an output topic whose values disagree with those of an effect that is compared with it."""
    for effect, output in evidence.compared:
        other = evidence.at(effect)
        if output != seen.place or other is None:
            continue
        apart = [i for i, value in seen.values.items() if i in other.values and other.values[i] != value]
        if apart:
            first = apart[0]
            told = f"{many(len(apart), 'output disagrees', 'outputs disagree')} with {effect}"
            example = f"{first} is {_short(seen.values[first])} here and {_short(other.values[first])} there"
            return Answer(Verdict.DIFFERENT, f"{told}: {example}", apart)
    return None


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
