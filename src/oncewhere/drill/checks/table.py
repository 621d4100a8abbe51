"""Evidence comes in; one finding per place goes out: the first check of the table that decides. Pure.

The order of the table is the order of what may be said. A duplicate is one whatever else is open. What hides the truth
comes before everything that could be an illusion of it: a loss is claimed only where the evidence reaches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from oncewhere.drill.verdict import Verdict

from .aborted_read import aborted_read
from .agreement import different, incomparable
from .duplicates import duplicate, zombie_write
from .evidence import Evidence, PlaceSeen
from .finding import EXAMPLES_SHOWN, Answer, Finding, duplicated, many, missing
from .identities import identities
from .loss import loss
from .order import reordered
from .progress import stuck, torn
from .reach import in_doubt, reach


@dataclass(frozen=True, slots=True)
class Check:
    """One row of the table.

    Attributes:
        number: what findings, documents and run.json call it; never given to another.
        name: in a word or two.
        decide: looks at the evidence of one place.
    """

    number: int
    name: str
    decide: Callable[[Evidence, PlaceSeen], Answer | None]


HELD: Final = 6
"""The number of what is left when no check decides: every identity happened exactly once."""

CHECKS: Final = (
    Check(7, "aborted read", aborted_read),
    Check(8, "zombie write", zombie_write),
    Check(3, "duplicate", duplicate),
    Check(1, "reach", reach),
    Check(12, "in doubt", in_doubt),
    Check(2, "identity", identities),
    Check(5, "loss", loss),
    Check(9, "torn", torn),
    Check(4, "progress", stuck),
    Check(10, "different", different),
    Check(11, "order", reordered),
    Check(13, "comparison", incomparable),
)
"""In the order in which they are asked."""


def judge(evidence: Evidence, seen: PlaceSeen, *, named: int = EXAMPLES_SHOWN) -> Finding:
    """Judges one place.

    Args:
        evidence: of the whole trial.
        seen: what was found at the place.
        named: how many of the identities that show it are named.
    """
    expected = list(evidence.expected)
    number, answer = HELD, Answer(Verdict.ONCE, f"all {many(len(expected))} happened here exactly once")
    for check in CHECKS:
        decided = check.decide(evidence, seen)
        if decided is not None:
            number, answer = check.number, decided
            break
    return Finding(
        place=seen.place,
        system=seen.system,
        check=number,
        verdict=answer.verdict,
        sentence=answer.sentence,
        examples=tuple(answer.shown[:named]),
        duplicates=len(duplicated(expected, seen)),
        missing=len(missing(expected, seen)),
        most=max(seen.counts.values(), default=0),
    )
