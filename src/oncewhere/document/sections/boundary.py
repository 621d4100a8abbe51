"""Facts come in; what is inside Kafka's transaction and what is outside goes out, as a diagram and in words."""

from __future__ import annotations

from oncewhere.document.facts import Facts
from oncewhere.document.statement import Basis, Boundary, Box, Section, Standing, Statement, listed
from oncewhere.drill.observations import Kind


def boundary(facts: Facts) -> Section:
    """The boundary of the transaction."""
    declared, observed = facts.declared, facts.observed
    loose = tuple(topic for topic in facts.outputs if observed and observed.records_outside.get(topic))
    inside = tuple(topic for topic in facts.outputs if topic not in loose)
    diagram = Boundary(
        inputs=tuple(declared.inputs),
        outputs=inside,
        offsets=declared.group,
        processor=declared.title or declared.name,
        effects=tuple(Box(f"{effect.name} ({effect.system})", effect.policy) for effect in declared.effects),
        loose=loose,
        readers=tuple(Box(reader.name, reader.isolation_level) for reader in declared.readers),
    )
    return Section("Boundary", (diagram, *_inside(facts), *_outside(facts)))


def _inside(facts: Facts) -> list[Statement]:
    declared, observed = facts.declared, facts.observed
    outputs = f"what is produced to {listed(facts.outputs)}" if facts.outputs else "what is produced"
    said = (
        f"Inside the transaction: what is consumed from {listed(declared.inputs)} as group `{declared.group}`, "
        f"{outputs}, and the consumed positions."
    )
    found = [Statement(said, Basis.DECLARED)]
    if observed is None:
        found.append(Statement("That this is so was not observed: no run is at hand.", Basis.NONE, Standing.UNKNOWN))
        return found
    for topic, number in observed.records_inside.items():
        if not observed.records_outside.get(topic) and number:
            found.append(Statement(f"Every record of `{topic}` was produced inside a transaction.", Basis.OBSERVED))
    for topic in observed.records_outside:
        text = f"Records of `{topic}` were produced outside of any transaction: a crash doubles or loses them."
        found.append(Statement(text, Basis.OBSERVED, Standing.BROKEN))
    if observed.offsets_in_the_transaction:
        fenced = (
            " with the member's id and generation, so that a zombie is refused."
            if observed.offsets_with_generation
            else ", but without the member's generation: a zombie is not refused there."
        )
        standing = Standing.HOLDS if observed.offsets_with_generation else Standing.BROKEN
        found.append(
            Statement(f"Positions went into the transaction (TxnOffsetCommit){fenced}", Basis.OBSERVED, standing)
        )
    elif observed.offsets_in_the_transaction is False:
        text = (
            "Positions were committed outside of the transaction (OffsetCommit): they and the outputs part at a crash."
        )
        found.append(Statement(text, Basis.OBSERVED, Standing.BROKEN))
    return found


def _outside(facts: Facts) -> list[Statement]:
    found = []
    for effect in facts.declared.effects:
        text = f"Outside the transaction: what is done in {effect.name} ({effect.system}); see its policy below."
        found.append(Statement(text, Basis.DECLARED))
    if not facts.declared.effects:
        found.append(Statement("Nothing is declared to happen outside the transaction.", Basis.DECLARED))
    for seen in facts.observed.undeclared if facts.observed else ():
        if seen.kind == Kind.BLIND_COUNT:
            found.append(Statement(f"{seen.place}: {seen.sentence}.", Basis.OBSERVED, Standing.UNKNOWN))
            continue
        text = f"Seen, and not declared ({seen.place}): {seen.sentence}."
        found.append(Statement(text, Basis.OBSERVED, Standing.BROKEN))
    return found
