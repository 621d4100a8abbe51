"""Facts come in; the sentence goes out, and how each part of it is known."""

from __future__ import annotations

from oncewhere.document.claim import claims, sentence
from oncewhere.document.facts import Facts
from oncewhere.document.statement import Basis, Row, Section, Standing, Statement, Table, Text

MARKS = {Standing.HOLDS: "holds", Standing.BROKEN: "**broken**", Standing.UNKNOWN: "unknown"}


def answer(facts: Facts) -> Section:
    """The answer to "exactly once, where?"."""
    found = claims(facts)
    worst = next(
        (s for s in (Standing.BROKEN, Standing.UNKNOWN) if any(c.standing is s for c in found)), Standing.HOLDS
    )
    basis = next((claim.basis for claim in found if claim.standing is worst), Basis.NONE)
    rows = [
        Row(
            (
                claim.where.removeprefix("in ").partition(" by ")[0],
                claim.words.rstrip(","),
                MARKS[claim.standing],
                claim.why,
            ),
            (claim.basis,),
            claim.standing,
        )
        for claim in found
    ]
    disagreements = [Statement(text, Basis.DECLARED, Standing.BROKEN) for text in facts.declared.contradictions]
    return Section(
        "Exactly once, where?",
        (
            Statement(sentence(facts), basis, worst),
            Text(
                "Kafka makes consuming, producing and committing positions one atomic step. Everything else that the "
                "processor touches lies outside of that step, and is protected by a policy of its own or not at all. "
                "So the guarantee is stated for each place by itself:"
            ),
            Table(("place", "what may be claimed", "stands", "why"), tuple(rows)),
            *disagreements,
        ),
    )
