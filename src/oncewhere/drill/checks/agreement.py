"""Checks 10 and 13, different: the output says one thing of an input, and the effect another; or nobody can say so.

A processor that computes its output anew on redelivery, instead of giving the recorded one, is caught by this alone:
everything happened once, and the two do not fit. What cannot be compared hides no violation that another check sees:
it is asked for last. A value that is at neither place is a field that may be empty, and is so at both; where all are
empty, nothing was said.
"""

from __future__ import annotations

from collections.abc import Iterator

from oncewhere.drill.verdict import Verdict

from .evidence import Evidence, PlaceSeen
from .finding import Answer, many


def different(evidence: Evidence, seen: PlaceSeen) -> Answer | None:
    """Decides at an output topic whose values disagree with those of an effect."""
    for effect, other in _compared_with(evidence, seen):
        apart = [i for i, value in seen.values.items() if i in other.values and other.values[i] != value]
        if apart:
            first = apart[0]
            told = f"{many(len(apart), 'output disagrees', 'outputs disagree')} with {effect}"
            example = f"{first} is {_short(seen.values[first])} here and {_short(other.values[first])} there"
            return Answer(Verdict.DIFFERENT, f"{told}: {example}", apart)
    return None


def incomparable(evidence: Evidence, seen: PlaceSeen) -> Answer | None:
    """Decides at an output topic with values that cannot be compared with those of an effect."""
    for effect, other in _compared_with(evidence, seen):
        if not seen.values and _has_values_elsewhere(evidence, effect, seen):
            continue
        both = [i for i, count in seen.counts.items() if count and other.counts.get(i)]
        nothing = not any(i in seen.values or i in other.values for i in both)
        if here := [i for i in both if i not in seen.values and (nothing or i in other.values)]:
            told = many(len(here), "output has", "outputs have")
            return Answer(Verdict.UNKNOWN, f"{told} no text or whole number to compare with {effect}", here)
        if there := [i for i in both if i in seen.values and i not in other.values]:
            told = many(len(there), "output has", "outputs have")
            return Answer(Verdict.UNKNOWN, f"{told} nothing to be compared with: {effect} has no value there", there)
    return None


def _compared_with(evidence: Evidence, seen: PlaceSeen) -> Iterator[tuple[str, PlaceSeen]]:
    """The effects, by name, that an output topic is compared with."""
    for effect, output in evidence.compared:
        other = evidence.at(effect)
        if output == seen.place and other is not None:
            yield effect, other


def _has_values_elsewhere(evidence: Evidence, effect: str, seen: PlaceSeen) -> bool:
    """True where the compared field is one of another output topic's records, and so none of these."""
    others = (evidence.at(output) for name, output in evidence.compared if name == effect and output != seen.place)
    return any(other is not None and other.values for other in others)


def _short(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
