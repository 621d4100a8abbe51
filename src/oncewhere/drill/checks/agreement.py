"""Check 10, different: the output says one thing of an input, and the effect another.

A processor that computes its output anew on redelivery, instead of giving the recorded one, is caught by this alone:
everything happened once, and the two do not fit.
"""

from __future__ import annotations

from oncewhere.drill.verdict import Verdict

from .evidence import Evidence, PlaceSeen
from .finding import Answer, many


def different(evidence: Evidence, seen: PlaceSeen) -> Answer | None:
    """Decides at an output topic whose values disagree with those of an effect, or cannot be compared with them."""
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
        if not seen.values and _has_values_elsewhere(evidence, effect, seen):
            continue
        if here := _without_value(seen, seen, other):
            told = many(len(here), "output has", "outputs have")
            return Answer(Verdict.UNKNOWN, f"{told} no text or whole number to compare with {effect}", here)
        if there := _without_value(other, seen, other):
            told = many(len(there), "output has", "outputs have")
            return Answer(Verdict.UNKNOWN, f"{told} nothing to be compared with: {effect} has no value there", there)
    return None


def _without_value(place: PlaceSeen, *both: PlaceSeen) -> list[str]:
    """What was found at both places, and has nothing that can be compared at this one."""
    first, second = both
    return [i for i, count in first.counts.items() if count and second.counts.get(i) and i not in place.values]


def _has_values_elsewhere(evidence: Evidence, effect: str, seen: PlaceSeen) -> bool:
    """True where the compared field is one of another output topic's records, and so none of these."""
    others = (evidence.at(output) for name, output in evidence.compared if name == effect and output != seen.place)
    return any(other is not None and other.values for other in others)


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
