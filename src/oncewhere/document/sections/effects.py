"""Facts come in; how a duplicate is prevented at each place outside Kafka goes out."""

from __future__ import annotations

from oncewhere.document.claim import broken_at
from oncewhere.document.declared import DeclaredEffect
from oncewhere.document.facts import Facts
from oncewhere.document.promises import WORDS
from oncewhere.document.statement import Basis, Block, Row, Section, Standing, Statement, Table, listed
from oncewhere.drill.durations import seconds

NO_ROWS = {"offset-ledger"}
NO_PROMISE = {"none", "undeclared"}


def effects(facts: Facts) -> Section:
    """External effect policy."""
    declared = facts.declared
    if not declared.effects:
        return Section(
            "External effect policy",
            (Statement("No effect outside Kafka is declared.", Basis.DECLARED),),
        )
    head = ("place", "system", "policy", "promise", "key", "retention")
    rows = tuple(
        Row(
            (
                e.name,
                e.system,
                e.policy,
                WORDS[e.promise] if e.promise else "not stated",
                e.key or "not stated",
                _kept(e),
            ),
            (Basis.DECLARED,),
        )
        for e in declared.effects
    )
    blocks: list[Block] = [Table(head, rows)]
    for effect in declared.effects:
        blocks += _about(facts, effect)
    return Section("External effect policy", tuple(blocks))


def _kept(effect: DeclaredEffect) -> str:
    if effect.policy in NO_ROWS:
        return "none is needed: a position, no rows"
    return effect.retention or ("—" if effect.policy in NO_PROMISE else "not stated")


def _about(facts: Facts, effect: DeclaredEffect) -> list[Statement]:
    found = [_guarantee(effect)]
    if effect.acknowledged:
        text = f"{effect.name}: why what this policy lets happen does no harm: {effect.acknowledged}"
        found.append(Statement(text if text.endswith(".") else f"{text}.", Basis.DECLARED))
    if effect.functions:
        text = f"{effect.name}: the code reaches it by {listed(effect.functions)}, and in no other way."
        found.append(Statement(text, Basis.DECLARED))
    for words, table in effect.tables.items():
        found.append(
            Statement(f"{effect.name}: `{table}` keeps {words}; nothing else may write to it.", Basis.DECLARED)
        )
    found += [Statement(f"{effect.name}: {text}.", basis, Standing.BROKEN) for text, basis in broken_at(facts, effect)]
    found += _key_stands(facts, effect)
    found += _together(facts, effect)
    found += _retention(facts, effect)
    found += _keys(facts, effect)
    return found


def _guarantee(effect: DeclaredEffect) -> Statement:
    if effect.guarantee:
        return Statement(f"{effect.name}: {effect.guarantee}", Basis.DECLARED)
    if effect.policy == "undeclared":
        text = f"{effect.name}: nobody has declared what prevents a duplicate."
        return Statement(text, Basis.NONE, Standing.UNKNOWN)
    if effect.policy in NO_PROMISE:
        text = f"{effect.name}: nothing prevents a duplicate: after a crash the effect may happen again."
        return Statement(text, Basis.DECLARED, Standing.BROKEN)
    text = f"{effect.name}: nobody has stated what the policy “{effect.policy}” guarantees."
    return Statement(text, Basis.NONE, Standing.UNKNOWN)


def _key_stands(facts: Facts, effect: DeclaredEffect) -> list[Statement]:
    """Whether the dedupe table has its unique key: by the schema, and by the database itself."""
    if not effect.dedupe_table:
        return []
    table, column = effect.dedupe_table, effect.dedupe_column or effect.key
    found = []
    if effect.keys is not None and effect.refuses_by(effect.keys):
        text = f"{effect.name}: the schema makes `{column}` a unique key of `{table}`."
        found.append(Statement(text, Basis.DECLARED))
    seen = facts.observed.places.get(effect.name) if facts.observed else None
    if seen and effect.refuses_by(seen.unique_keys):
        text = f"{effect.name}: the database itself says that `{column}` is a unique key of `{table}`."
        found.append(Statement(text, Basis.OBSERVED))
    if not found and not any("unique key" in text for text, _ in broken_at(facts, effect)):
        text = f"whether `{column}` is a unique key of `{table}` is not known: no schema makes that table"
        if not effect.dedupe_column:
            text = f"which column of `{table}` is to refuse a second row is not stated (`dedupe_column`)"
        text = f"{effect.name}: {text}."
        found.append(Statement(text, Basis.NONE, Standing.UNKNOWN))
    return found


def _together(facts: Facts, effect: DeclaredEffect) -> list[Statement]:
    seen = facts.observed.places.get(effect.name) if facts.observed else None
    if seen is None or not seen.footprints:
        return []
    known = [footprint for footprint in seen.footprints if footprint.tables]
    if not known:
        return []
    lists = "; ".join(listed(footprint.tables) for footprint in known)
    text = f"{effect.name}: tables that were written together, in one database transaction: {lists}."
    return [Statement(text, Basis.OBSERVED)]


def _retention(facts: Facts, effect: DeclaredEffect) -> list[Statement]:
    """A duplicate is refused as long as it is remembered; the input can be read again for as long as it is kept."""
    if effect.policy in NO_PROMISE or effect.promise == "at-least-once":
        return []
    if effect.policy in NO_ROWS:
        text = f"{effect.name}: a replay from any distance is recognised by its position, which is never removed."
        return [Statement(text, Basis.DECLARED)]
    kept, horizon = seconds(effect.retention), seconds(facts.declared.replay_horizon)
    if kept is None or horizon is None:
        missing = "how long it is remembered" if kept is None else "how far back the input can be read again"
        text = f"{effect.name}: nobody has stated {missing}; what is forgotten before the last replay is done again."
        return [Statement(text, Basis.NONE, Standing.UNKNOWN)]
    said = f"{effect.name}: it is remembered for {effect.retention}, and the input can be read again for "
    said += f"{facts.declared.replay_horizon}"
    if kept >= horizon:
        return [Statement(f"{said}: no replay outlives the memory.", Basis.DECLARED)]
    return [Statement(f"{said}: a replay from further back is done again.", Basis.DECLARED, Standing.BROKEN)]


def _keys(facts: Facts, effect: DeclaredEffect) -> list[Statement]:
    seen = facts.observed.places.get(effect.name) if facts.observed else None
    keys = seen.keys if seen else None
    if keys is None or effect.policy != "idempotency-key":
        return []
    if keys.changed:
        return []  # told among what is broken
    if keys.again:
        text = f"{effect.name}: {keys.again} events were asked for more than once, each with the same key every time."
        return [Statement(text, Basis.OBSERVED)]
    text = (
        f"{effect.name}: whether a redelivered event has the same key was not seen: nothing was redelivered in the run."
    )
    return [Statement(text, Basis.NONE, Standing.UNKNOWN)]
