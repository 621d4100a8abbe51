"""Facts come in; what was seen goes out beside what is declared, one row for each thing that the guarantee hangs on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from oncewhere.drill.observations import Kind

from .claim import broken_at, broken_in_kafka
from .declared import INSTANCE
from .facts import Facts
from .observed import Observed
from .statement import Standing

COMMITTED = "read_committed"
TOLD_ALREADY = {
    Kind.UNREAD,
    Kind.BLIND_COUNT,
    Kind.OUTSIDE_THE_TRANSACTION,
    Kind.OFFSETS_OUTSIDE_THE_TRANSACTION,
    Kind.READS_UNCOMMITTED,
}
"""Kinds of observations that the rows, or what breaks Kafka's guarantee, tell as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One thing, as it is declared and as it was seen.

    Attributes:
        subject: what it is.
        declared: empty where nobody has said it.
        seen: empty where it was not seen.
        standing: holds where both agree, or where what was seen is what the guarantee needs and nothing else is
            declared; unknown where it was not seen.
    """

    subject: str
    declared: str
    seen: str
    standing: Standing


def comparisons(facts: Facts) -> list[Comparison]:
    """Every row, Kafka's first; none where nothing was run."""
    observed = facts.observed
    if observed is None:
        return []
    return [
        *_identity(facts, observed),
        *_kafka(facts, observed),
        *_limits(facts, observed),
        *_effects(facts, observed),
    ]


def _identity(facts: Facts, observed: Observed) -> Iterator[Comparison]:
    declared = facts.declared.transactional_id
    seen = ", ".join(observed.transactional_ids)
    same = declared is None or _is_named_so(declared, observed.transactional_ids)
    standing = Standing.HOLDS if seen and same else Standing.BROKEN
    yield Comparison(subject="transactional.id", declared=declared or "", seen=seen or "none", standing=standing)
    restart = {True: "the same", False: "another one", None: ""}[observed.same_after_restart]
    yield Comparison(
        subject="transactional.id after a restart",
        declared={True: "the same", False: "another one", None: ""}[facts.declared.stable],
        seen=restart,
        standing=_of(observed.same_after_restart),
    )


def _is_named_so(declared: str, seen: Sequence[str]) -> bool:
    before, _, behind = declared.partition(INSTANCE)
    if INSTANCE not in declared:
        return list(seen) == [declared]
    return all(name.startswith(before) and name.endswith(behind) for name in seen)


def _kafka(facts: Facts, observed: Observed) -> Iterator[Comparison]:
    generation = {True: "with the member's generation", False: "WITHOUT the member's generation", None: ""}
    inside = observed.offsets_in_the_transaction
    seen = {
        True: f"in the transaction, {generation[observed.offsets_with_generation]}",
        False: "outside of any transaction (OffsetCommit)",
        None: "",
    }[inside]
    standing = _of(None if inside is None else inside and observed.offsets_with_generation is not False)
    yield Comparison(subject="consumed positions", declared="in the transaction", seen=seen, standing=standing)
    for topic in dict.fromkeys([*facts.declared.outputs, *observed.records_inside, *observed.records_outside]):
        outside, within = observed.records_outside.get(topic, 0), observed.records_inside.get(topic, 0)
        told = "in the transaction" if topic in facts.declared.outputs else ""
        seen = (
            f"{outside} of {outside + within} records outside of any transaction" if outside else "in the transaction"
        )
        fine = bool(within) and not outside and bool(told)
        yield Comparison(
            subject=f"output {topic}",
            declared=told or "not declared",
            seen=seen if outside or within else "",
            standing=_of(fine if outside or within else None),
        )
    for fetch in observed.fetches:
        group = f" (group {', '.join(fetch.groups)})" if fetch.groups else " (no group)"
        ours = bool(set(fetch.topics) & set(facts.declared.inputs))
        level = facts.declared.settings.get("isolation.level", "") if ours else ""
        yield Comparison(
            subject=f"isolation.level of client {fetch.client_id}{group}",
            declared=level,
            seen=f"{fetch.isolation_level} ({', '.join(fetch.topics)})",
            standing=_of(fetch.isolation_level == (level or COMMITTED)),
        )
    if observed.protocol is not None:
        seen = f"version {observed.protocol}: EndTxn v{', v'.join(map(str, observed.api_versions['EndTxn']))}"
        yield Comparison(subject="transaction protocol", declared="", seen=seen, standing=Standing.HOLDS)


def _limits(facts: Facts, observed: Observed) -> Iterator[Comparison]:
    for name, seen in {
        "transaction.timeout.ms": observed.transaction_timeout_ms,
        "session.timeout.ms": observed.session_timeout_ms,
        "max.poll.interval.ms": observed.max_poll_interval_ms,
    }.items():
        declared = facts.declared.settings.get(name, "")
        if seen or declared:
            fine = not seen or not declared or seen == [int(declared)]
            standing = _of(fine if seen else None)
            yield Comparison(subject=name, declared=declared, seen=", ".join(map(str, seen)), standing=standing)


def _effects(facts: Facts, observed: Observed) -> Iterator[Comparison]:
    for effect in facts.declared.effects:
        seen = observed.places.get(effect.name)
        if seen is None:
            continue
        tables = "; ".join(" + ".join(footprint.tables) for footprint in seen.footprints if footprint.tables)
        wrote = tables or ("written" if seen.writes else "")
        broken = [text for text, _ in broken_at(facts, effect)]
        told = f"{effect.system}, {effect.policy}"
        yield Comparison(
            subject=f"effect {effect.name}", declared=told, seen=wrote, standing=_of(None if not wrote else not broken)
        )
        if seen.keys is not None and effect.policy == "idempotency-key":
            again = f"{seen.keys.again} events asked for again, {seen.keys.changed} with another key"
            kind = (
                "random (UUID 4)"
                if seen.keys.random
                else "the same each time"
                if seen.keys.again
                else "nothing repeated"
            )
            fine = None if not seen.keys.again and not seen.keys.random else not (seen.keys.changed or seen.keys.random)
            yield Comparison(
                subject=f"keys of {effect.name}",
                declared=effect.key or "the same for the same event",
                seen=f"{kind}; {again}",
                standing=_of(False if seen.keys.keyless else fine),
            )


def _of(fine: bool | None) -> Standing:  # noqa: FBT001 - an answer of three values
    return Standing.UNKNOWN if fine is None else Standing.HOLDS if fine else Standing.BROKEN


def sentences(facts: Facts) -> list[str]:
    """What was seen that the declaration, or the guarantee, does not survive."""
    found = list(facts.declared.contradictions)
    found += [f"{text[:1].upper()}{text[1:]}." for text in broken_in_kafka(facts)]
    for effect in facts.declared.effects:
        found += [f"{effect.name}: {text}." for text, _ in broken_at(facts, effect)]
    for seen in facts.observed.undeclared if facts.observed else ():
        text = f"{seen.sentence[:1].upper()}{seen.sentence[1:]}."
        if seen.kind not in TOLD_ALREADY and not any(seen.sentence in told for told in found):
            found.append(text)
    return found
