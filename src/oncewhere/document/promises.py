"""A policy's name comes in; what it promises, and its guarantee in one sentence, goes out. One table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from oncewhere.drill.claims import Promise
from oncewhere.effects.honours import HONOURED

GUARANTEES: Final[Mapping[str, str]] = {policy.name: policy.guarantee for policy in HONOURED}
"""By the policy's name, what the library guarantees."""

BY_HAND: Final[Mapping[str, str]] = {
    "dedupe-table": "One row per event commits in the effect's own database transaction, and an event that finds its "
    "row is not done again; what becomes of the output then is the code's matter.",
}
"""By the policy's name, what any such policy gives, where the library's own gives more; all others mean the same."""

_OTHERS: Final[Mapping[str, Promise]] = {
    "compensate": "once-in-the-end",
    "at-most-once": "at-most-once",
    "at-least-once": "at-least-once",
    "none": "nothing",
    "undeclared": "nothing",
    "read-only": "nothing",
}

WORDS: Final[Mapping[Promise, str]] = {
    "exactly-once": "exactly once",
    "once-in-the-end": "once in the end, what is done besides being undone,",
    "at-most-once": "at most once",
    "at-least-once": "at least once",
    "nothing": "no promise",
}


def by_hand(policy: str) -> str | None:
    """What a policy of that name guarantees in code that is not written with the library; None for any other name."""
    return BY_HAND.get(policy) or GUARANTEES.get(policy)


def promise_of(policy: str) -> Promise | None:
    """What a policy of that name promises; None for one in somebody's own words."""
    if policy in _OTHERS:
        return _OTHERS[policy]
    return "exactly-once" if policy in GUARANTEES else None
