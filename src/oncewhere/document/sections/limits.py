"""Facts come in; what the guarantee does not cover goes out, so that nobody has to find it out by an incident."""

from __future__ import annotations

from oncewhere.document.claim import stale
from oncewhere.document.declared import Declared
from oncewhere.document.drilled import PlaceDrilled
from oncewhere.document.facts import Facts
from oncewhere.document.statement import Basis, Section, Standing, Statement, listed
from oncewhere.drill import Verdict

BY_IDENTITY = {"dedupe-table"}
UPSTREAM_DUPLICATE = "upstream-duplicate"
VIOLATED = {str(verdict) for verdict in Verdict if verdict.violated}


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
    """The same business event published twice upstream, at two offsets: what a drill found, and what is declared."""
    drilled = facts.drilled if not stale(facts) else None
    if drilled and (broken := [place for place in drilled.places if _verdict_upstream(place) in VIOLATED]):
        return [
            Statement(
                f"The same business event published twice upstream, at two offsets, was found "
                f"`{_verdict_upstream(place)}` in `{place.place}`, in the scenario `{UPSTREAM_DUPLICATE}`.",
                Basis.DRILLED,
            )
            for place in broken
        ]
    return [Statement(_twice_upstream(facts.declared), Basis.DECLARED)]


def _verdict_upstream(place: PlaceDrilled) -> str | None:
    """What was found where events were published twice; None where it was not tried."""
    told = any(f"in the scenario {UPSTREAM_DUPLICATE}" in text for text in place.violations)
    return place.scenarios.get(UPSTREAM_DUPLICATE) or (place.verdict if told else None)


def _twice_upstream(declared: Declared) -> str:
    """What is declared of it; of a policy that is written by hand no more than any dedupe row gives."""
    effects, again = declared.effects, "The same event published twice upstream, at two offsets,"
    known = [effect for effect in effects if effect.dedupe_table or effect.policy in BY_IDENTITY]
    if not effects or len(known) < len(effects):
        by_position = [effect.name for effect in effects if effect.policy not in BY_IDENTITY]
        where = f" in {listed(by_position)}" if by_position else ""
        return (
            f"The same business event published twice upstream, at two offsets, is two events{where}: exactly once is "
            "said of each record, not of each fact in the world."
        )
    if all(effect.functions for effect in known):
        return f"{again} is suppressed: it is known by its identity."
    output = "whether its output is given again is the code's matter."
    places = listed([effect.name for effect in known])
    if all(effect.key and effect.key == declared.identity for effect in known):
        return f"{again} finds its row in {places} and is not done again there; {output}"
    return f"{again} finds its row in {places} only if the row bears the event's identity, not its position; {output}"


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
