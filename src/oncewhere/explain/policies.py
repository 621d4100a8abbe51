"""The policies of effects: what each guarantees stands with it; what it leaves open, and how it is said, is here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from oncewhere.effects.honours import HONOURED, TITLES

from .entry import Entry, Topic

LEAVES_OPEN: Final[Mapping[str, str]] = {
    "offset-ledger": "It knows positions, not events: the same event published twice upstream, at two offsets, "
    "is done twice.",
    "dedupe-table": "It grows by a row for each event, and an event whose row was purged is new again. Written by "
    "hand: whoever skips the record when its row is there loses its output: it must be made from what was recorded.",
    "unique-constraint": "The key must be the event's, and a redelivered record must still give its output: the effect "
    "says how its result is read back.",
    "idempotency-key": "It stands on the downstream's promise. A key that is forgotten there, or that is another one "
    "at the second attempt (uuid4(), the time), does the work twice.",
    "at-most-once": "What a crash left between the claim and the answer is never done again, and nobody knows whether "
    "it was done: `oncewhere effects in-doubt` lists it for a person.",
    "outbox": "The call comes later, by another processor: its answer cannot decide what this one produces.",
    "compensate": "What is undone was there for a moment, and the downstream must refuse what comes after its undo.",
    "at-least-once": "A duplicate after a crash is allowed, and the reason stands in the declaration.",
}
"""By the policy's name, what it does not do."""
WITHOUT_ONE: Final[Mapping[str, str]] = {
    "undeclared": "Nobody has said what prevents duplicates at this place. The drill judges what happens there all the "
    "same; the document claims nothing.",
    "none": "The declaration says that nothing prevents duplicates at this place.",
    "read-only": "The declaration says that the processor changes nothing at this place.",
}
"""What stands in a declaration where there is no policy."""
CHOOSE: Final = (
    "Which policy fits where, and a dedupe table by hand in any language: the guide Choose a policy "
    "(docs/guides/choose-a-policy.md, in oncewhere's repository and on its site)."
)


def entries() -> Iterator[Entry]:
    """All of them."""
    for policy, systems in HONOURED.items():
        where = ", ".join(title for system, title in TITLES.items() if system in systems)
        yield Entry(
            code=policy.name,
            topic=Topic.POLICY,
            what=policy.guarantee,
            why=LEAVES_OPEN[policy.name],
            remedy=f'It holds at: {where}. In an oncewhere.toml: policy = "{policy.name}"; with the library: '
            f"policy={policy.__name__}(…). {CHOOSE}",
        )
    for name, what in WITHOUT_ONE.items():
        remedy = "" if name == "read-only" else f"Say it by policy in [effects.NAME]. {CHOOSE}"
        yield Entry(code=name, topic=Topic.POLICY, what=what, why="", remedy=remedy)
