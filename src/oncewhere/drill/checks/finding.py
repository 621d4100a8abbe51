"""The answer about one place: the verdict, the check that decided it, and what shows it. Data only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oncewhere.drill.verdict import Verdict

from .evidence import PlaceSeen

EXAMPLES_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The verdict about one place, and what it rests on.

    Attributes:
        check: the number of the check that decided.
        verdict: the answer.
        sentence: the answer in words, complete by itself.
        examples: some identities that show it, at most `EXAMPLES_SHOWN` unless more are asked for.
        duplicates: identities found more than once.
        missing: identities found never.
        most: how often the identity was found that was found most often.
        chain: how it came about, a sentence each, the last one the contradiction; none where nothing is wrong.
    """

    place: str
    system: str
    check: int
    verdict: Verdict
    sentence: str
    examples: tuple[str, ...] = ()
    duplicates: int = 0
    missing: int = 0
    most: int = 0
    chain: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What one check says, where it decides.

    Attributes:
        verdict: the answer.
        sentence: in words.
        shown: the identities that show it.
    """

    verdict: Verdict
    sentence: str
    shown: Sequence[str] = ()


def many(number: int, one: str = "input", several: str = "inputs") -> str:
    """A number and its noun."""
    return f"{number} {one if number == 1 else several}"


def duplicated(expected: Sequence[str], seen: PlaceSeen) -> list[str]:
    """The identities that were found more than once."""
    return [identity for identity in expected if seen.counts.get(identity, 0) > 1]


def missing(expected: Sequence[str], seen: PlaceSeen) -> list[str]:
    """The identities that were found never."""
    return [identity for identity in expected if not seen.counts.get(identity, 0)]
