"""Facts come in; what the guarantee does not cover goes out, so that nobody has to find it out by an incident."""

from __future__ import annotations

from oncewhere.document.facts import Facts
from oncewhere.document.statement import Basis, Section, Standing, Statement, listed

BY_IDENTITY = {"dedupe-table"}


def limits(facts: Facts) -> Section:
    """What is not covered."""
    declared = facts.declared
    found = [Statement(text if text.endswith(".") else f"{text}.", Basis.DECLARED) for text in declared.outside]
    found += _duplicates(facts)
    for topic, action in declared.poison.items():
        found.append(Statement(_poison(topic, action), Basis.DECLARED))
    code = "other than through a declared effect" if declared.written_with_the_library else "that is not named above"
    text = (
        f"What the processor's code does outside Kafka {code} is not protected, and may happen again for every record "
        "that is redelivered: a log line, a counter, a call that nobody declared."
    )
    found.append(Statement(text, Basis.DECLARED))
    text = (
        "A record that Kafka itself loses (too few in-sync replicas, an unclean leader election) or that its retention "
        "removes before it was processed is not brought back by any of this."
    )
    found.append(Statement(text, Basis.DECLARED))
    found += _not_visited(facts)
    return Section("What is not covered", tuple(found))


def _duplicates(facts: Facts) -> list[Statement]:
    """The same business event published twice upstream, at two offsets, is two events to whoever goes by position."""
    effects = facts.declared.effects
    by_table = [effect.name for effect in effects if effect.dedupe_table and effect.policy not in BY_IDENTITY]
    if by_table and len(by_table) == len(effects):
        text = (
            f"The same event published twice upstream, at two offsets, finds its row in {listed(by_table)} and is not "
            "done again there; whether its output is given again is the code's matter."
        )
        return [Statement(text, Basis.DECLARED)]
    by_position = [effect.name for effect in effects if effect.policy not in BY_IDENTITY]
    if effects and not by_position:
        text = "The same event published twice upstream, at two offsets, is suppressed: it is known by its identity."
        return [Statement(text, Basis.DECLARED)]
    where = f" in {listed(by_position)}" if by_position else ""
    text = (
        f"The same business event published twice upstream, at two offsets, is two events{where}: exactly once is said "
        "of each record, not of each fact in the world."
    )
    return [Statement(text, Basis.DECLARED)]


def _poison(topic: str, action: str) -> str:
    kind, _, dead_letters = action.partition(" ")
    match kind:
        case "skip":
            return f"A record of `{topic}` that cannot be processed is skipped and counted: its work happens nowhere."
        case "dead-letter":
            return (
                f"A record of `{topic}` that cannot be processed goes to `{dead_letters}`, in the transaction "
                "that commits its position: its work is done by whoever reads that topic."
            )
        case _:
            return (
                f"A record of `{topic}` that cannot be processed stops the processor; nothing behind it is processed."
            )


def _not_visited(facts: Facts) -> list[Statement]:
    drilled = facts.drilled
    if drilled is None or not drilled.crashed:
        return [Statement("No crash was tried: nothing here is proved.", Basis.NONE, Standing.UNKNOWN)]
    found = [
        Statement(
            f"{drilled.reached} of {drilled.recorded} boundary messages of a clean run were crashed at. That a "
            f"place held "
            "there is no proof for crashes that were not visited.",
            Basis.DRILLED,
        )
    ]
    if drilled.chosen > drilled.reached + sum(drilled.skipped.values()):
        missed = drilled.chosen - drilled.reached - sum(drilled.skipped.values())
        text = f"{missed} of {drilled.chosen} chosen points were not reached again."
        found.append(Statement(text, Basis.DRILLED, Standing.UNKNOWN))
    found += [
        Statement(f"{number} points were not visited: {why}.", Basis.DRILLED, Standing.UNKNOWN)
        for why, number in sorted(drilled.skipped.items())
    ]
    if drilled.not_tried:
        text = f"Not tried: {listed(drilled.not_tried)} (`oncewhere drill --scenarios` says what they are)."
        found.append(Statement(text, Basis.NONE, Standing.UNKNOWN))
    return found
