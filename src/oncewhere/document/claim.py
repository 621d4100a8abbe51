"""Facts come in; for each place what may be claimed of it goes out, and from all of them the sentence.

"Exactly once" is said of a place only where a drill has visited all named crashes and found it once at every crash,
nothing that was seen on the wire contradicts what the guarantee needs, and the drill was of what is declared today.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from oncewhere.drill import Verdict
from oncewhere.drill.footprints import apart
from oncewhere.drill.observations import Kind

from .declared import Declared, DeclaredEffect
from .drilled import BLIND, Drilled, PlaceDrilled
from .facts import Facts
from .promises import WORDS
from .setup import set_up_otherwise
from .statement import Basis, Standing, listed

KAFKA = "Kafka"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What may be claimed of one place.

    Attributes:
        place: `Kafka`, or an effect's name.
        where: the place within a sentence.
        words: what may be claimed: `exactly once`, `NOT exactly once`, `not proved to be exactly once`.
        standing: whether the promise holds.
        basis: how that is known.
        why: what is behind it, in a sentence without its full stop; empty where there is nothing to say.
    """

    place: str
    where: str
    words: str
    standing: Standing
    basis: Basis
    why: str = ""


def claims(facts: Facts) -> tuple[Claim, ...]:
    """What may be claimed of Kafka, and then of each effect's place."""
    return (_of_kafka(facts), *(_of_effect(facts, effect) for effect in facts.declared.effects))


def sentence(facts: Facts) -> str:
    """The answer to "exactly once where?"; what holds comes first, then what does not, then what nobody knows."""
    found = claims(facts)
    parts = []
    for words in dict.fromkeys(claim.words for claim in found if claim.standing is Standing.HOLDS):
        same = [claim.where for claim in found if claim.words == words and claim.standing is Standing.HOLDS]
        parts.append(f"{words} {', and '.join(same)}")
    for standing in (Standing.BROKEN, Standing.UNKNOWN):
        parts += [f"{c.words} {c.where}: {c.why}" for c in found if c.standing is standing]
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def unpromised(facts: Facts) -> Iterator[str]:
    """Where nothing went wrong and yet nothing is promised, so that the next crash may be another: what to declare."""
    standing = {claim.place: claim.standing for claim in claims(facts)}
    for effect in facts.declared.effects:
        if standing[effect.name] is not Standing.HOLDS or effect.policy == "read-only":
            continue
        if effect.promise is None:
            yield (
                f"{effect.name}: nobody has stated what the policy “{effect.policy}” promises: declare `promise` in "
                f"[document.effects.{effect.name}]"
            )
        elif effect.promise == "nothing":
            lacks = "nothing is promised"
            if effect.policy == "undeclared":
                lacks = "nobody has declared what prevents a duplicate"
            yield f"{effect.name}: {lacks}: declare `policy` in [effects.{effect.name}], and drill again"


def stale(facts: Facts) -> list[str]:
    """What was declared otherwise when it was drilled; such a drill proves nothing of what is declared today."""
    return [] if facts.drilled is None else changed_since(facts.declared, facts.drilled)


def changed_since(declared: Declared, drilled: Drilled) -> list[str]:
    """What was declared otherwise when a run was made."""
    found = []
    if drilled.group != declared.group:
        found.append(f"the group was `{drilled.group}`")
    topics = [*declared.inputs, *declared.outputs]
    if declared.outputs and set(drilled.topics) != set(topics):
        found.append(f"the topics were {listed(drilled.topics)}")
    for effect in declared.effects:
        if effect.name not in drilled.policies:
            found.append(f"there was no effect in `{effect.name}`")
        elif drilled.policies[effect.name] != effect.policy:
            found.append(f"the policy of `{effect.name}` was {drilled.policies[effect.name]}")
    both = [effect.name for effect in declared.effects if effect.name in drilled.policies]
    return [*found, *set_up_otherwise(drilled.setup, declared.setup, both)]


def broken_in_kafka(facts: Facts) -> Iterator[str]:
    """What was seen on the wire that Kafka's guarantee does not survive."""
    observed = facts.observed
    if observed is None:
        return
    if observed.offsets_in_the_transaction is False:
        yield "consumed positions were committed by OffsetCommit, outside of any transaction"
    if observed.offsets_with_generation is False:
        yield "positions were sent to the transaction without the member's generation, so that no zombie is fenced"
    for topic in facts.outputs:
        if observed.records_outside.get(topic):
            yield f"records of `{topic}` were produced outside of any transaction"
    dirty = {topic for fetch in observed.fetches if fetch.isolation_level != "read_committed" for topic in fetch.topics}
    for topic in sorted(dirty & set(facts.declared.inputs)):
        yield f"`{topic}` was read with `isolation.level=read_uncommitted`, records of aborted transactions included"


def broken_at(facts: Facts, effect: DeclaredEffect) -> Iterator[tuple[str, Basis]]:
    """What was seen or is declared at an effect's place that its policy does not survive, and how it is known."""
    seen = None if facts.observed is None else facts.observed.places.get(effect.name)
    if effect.dedupe_table:
        on = f" is on `{effect.dedupe_column}` alone" if effect.dedupe_column else " is there"
        key = f"no unique key of `{effect.dedupe_table}`{on}, so nothing refuses a second row"
        if effect.keys is not None and effect.refuses_by(effect.keys) is False:
            yield key, Basis.DECLARED
        if seen and effect.refuses_by(seen.unique_keys) is False:
            yield key, Basis.OBSERVED
    for undeclared in facts.observed.undeclared if facts.observed else ():
        if undeclared.place == effect.name and undeclared.kind in {
            "dedupe-row-apart", "changing-idempotency-key", "no-idempotency-key"
        }:  # fmt: skip
            yield undeclared.sentence, Basis.OBSERVED
            return
    if seen and effect.dedupe_table:
        tables = apart([footprint.tables for footprint in seen.footprints], effect.dedupe_table)
        if tables:
            yield f"`{effect.dedupe_table}` and {listed(tables)} never commit in one transaction", Basis.OBSERVED


def _of_kafka(facts: Facts) -> Claim:
    declared = facts.declared
    outputs = f" to {listed(facts.outputs)}" if facts.outputs else ""
    where = f"in Kafka from {listed(declared.inputs)}{outputs}"
    if broken := list(broken_in_kafka(facts)):
        return _claim(KAFKA, where, "NOT exactly once", Standing.BROKEN, Basis.OBSERVED, "; ".join(broken))
    drilled = facts.drilled
    found = [place for topic in facts.outputs if drilled and (place := drilled.at(topic))]
    if violated := [place for place in found if place.violated]:
        return _claim(KAFKA, where, "NOT exactly once", Standing.BROKEN, Basis.DRILLED, _violations(violated))
    if reason := _unproved(facts, found, len(facts.outputs)):
        return _claim(KAFKA, where, "not proved to be exactly once", Standing.UNKNOWN, Basis.NONE, reason)
    return _claim(KAFKA, where, "exactly once", Standing.HOLDS, Basis.DRILLED)


def _of_effect(facts: Facts, effect: DeclaredEffect) -> Claim:
    where = f"in {effect.name} by {effect.policy}"
    if effect.policy in {"none", "undeclared"}:
        where = f"in {effect.name}, where no policy is declared"
    found = facts.drilled.at(effect.name) if facts.drilled else None
    promise = effect.promise or "exactly-once"
    told = WORDS["exactly-once" if promise == "nothing" else promise]
    broken = list(broken_at(facts, effect))
    if promise in {"exactly-once", "once-in-the-end"} and broken:
        return _claim(effect.name, where, f"NOT {told}", Standing.BROKEN, broken[0][1], "; ".join(b for b, _ in broken))
    if found is not None and not stale(facts) and found.violated and not _allowed(promise, found):
        return _claim(effect.name, where, f"NOT {told}", Standing.BROKEN, Basis.DRILLED, _violations([found]))
    reason = _unproved(facts, [] if found is None else [found], 1, excused=excused_by(promise))
    if reason := reason or _blind(facts, effect):
        return _claim(effect.name, where, f"not proved to be {told}", Standing.UNKNOWN, Basis.NONE, reason)
    if effect.promise in {None, "nothing"}:
        told = "once at every crash that was visited, though nobody has stated a promise,"
    return _claim(effect.name, where, told, Standing.HOLDS, Basis.DRILLED)


def _blind(facts: Facts, effect: DeclaredEffect) -> str:
    """Why a count that held proves nothing, where a run that is as new says that none can be above one; or nothing."""
    observed, drilled = facts.observed, facts.drilled
    if observed is None or drilled is None or observed.run < drilled.run:
        return ""
    seen = any(one.kind == Kind.BLIND_COUNT and one.place == effect.name for one in observed.undeclared)
    return BLIND if seen else ""


def _allowed(promise: str, found: PlaceDrilled) -> bool:
    """True where what was found is what the promise allows: duplicates of at-least-once, losses of at-most-once."""
    allowed = {
        "at-least-once": {Verdict.DUPLICATE, Verdict.ZOMBIE_WRITE, Verdict.REORDERED},
        "at-most-once": {Verdict.LOST, Verdict.TORN},
    }.get(promise, set())
    seen = {Verdict(verdict) for verdict in (*found.counts, found.verdict)}
    return all(not verdict.violated or verdict in allowed for verdict in seen)


def excused_by(promise: str) -> frozenset[Verdict]:
    """What at-most-once leaves open on purpose: a request in doubt. Evidence that does not reach excuses nothing."""
    return frozenset({Verdict.IN_DOUBT}) if promise == "at-most-once" else frozenset()


def _unproved(
    facts: Facts, found: list[PlaceDrilled], wanted: int, *, excused: frozenset[Verdict] = frozenset()
) -> str:
    """Why nothing is proved; empty where something is."""
    drilled = facts.drilled
    if drilled is None or not drilled.crashed:
        return "no drill has crashed it yet"
    if others := stale(facts):
        return f"what was drilled is not what is declared now ({'; '.join(others)})"
    if len(found) < wanted or not found:
        return "the drill did not look there"
    if doubts := [text for place in found if (text := doubt(place, excused))]:
        return "; ".join(doubts)
    if drilled.unvisited:
        return f"{unvisited_words(drilled)}; `oncewhere drill .` visits all of them"
    return ""


def doubt(place: PlaceDrilled, excused: frozenset[Verdict]) -> str:
    """What a place left open at any crash, though its worst verdict may be another; empty where nothing is."""
    seen = {Verdict(verdict) for verdict in (*place.counts, place.verdict)}
    left = [verdict for verdict in Verdict if verdict.open and verdict in seen - excused]
    if not left:
        return ""
    if place.verdict in left and place.violations:
        return place.violations[0]
    crashes = place.counts.get(left[0], 0)
    where = f" at {crashes} {'crash' if crashes == 1 else 'crashes'}" if crashes else ""
    return f"the verdict is `{left[0]}`{where} ({left[0].meaning})"


def unvisited_words(drilled: Drilled) -> str:
    """Which named crashes a run did not visit: `the drill did not visit the crashes …`."""
    names = drilled.unvisited
    several = "crashes" if len(names) > 1 else "crash"
    return f"the drill did not visit the {several} {listed([str(name) for name in names])}"


def _violations(places: list[PlaceDrilled]) -> str:
    return "; ".join(text for place in places for text in place.violations[:1])


def _claim(place: str, where: str, words: str, standing: Standing, basis: Basis, why: str = "") -> Claim:
    return Claim(place=place, where=where, words=words, standing=standing, basis=basis, why=why)
