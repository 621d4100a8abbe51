"""Facts come in; the limits of time go out in the order in which they must stand, each with where it is known from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from oncewhere.document.facts import Facts
from oncewhere.document.statement import Basis, Block, Row, Section, Standing, Statement, Table, Text

INTERVAL = "commit_interval_ms"
TRANSACTION = "transaction.timeout.ms"
POLL = "max.poll.interval.ms"
SESSION = "session.timeout.ms"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of time.

    Attributes:
        name: the setting.
        value_ms: what it is; None where nobody knows.
        basis: how it is known.
        means: what ends when it has passed.
    """

    name: str
    value_ms: int | None
    basis: tuple[Basis, ...]
    means: str


def timeouts(facts: Facts) -> Section:
    """Timeouts, the shortest first."""
    chain = _chain(facts)
    rows = tuple(
        Row(
            (limit.name, "not stated" if limit.value_ms is None else _shown(limit.value_ms), limit.means),
            limit.basis,
            Standing.UNKNOWN if limit.value_ms is None else Standing.HOLDS,
        )
        for limit in chain
    )
    blocks: list[Block] = [
        Text("Each limit below must be shorter than the one under it."),
        Table(("limit", "value", "when it has passed"), rows),
    ]
    known = [limit for limit in chain if limit.value_ms is not None]
    wrong = [(a, b) for a, b in pairwise(known) if (a.value_ms or 0) >= (b.value_ms or 0)]
    for shorter, longer in wrong:
        text = (
            f"`{shorter.name}` ({_shown(shorter.value_ms)}) is not below `{longer.name}` ({_shown(longer.value_ms)})."
        )
        blocks.append(Statement(text, shorter.basis[0], Standing.BROKEN))
    if not wrong and len(known) == len(chain):
        blocks.append(Statement("They stand in this order.", known[-1].basis[0]))
    elif not wrong:
        text = "Whether they stand in this order is not known: some of them nobody has stated."
        blocks.append(Statement(text, Basis.NONE, Standing.UNKNOWN))
    blocks += _parted(facts)
    blocks += _beside(facts)
    return Section("Timeouts, in their order", tuple(blocks))


def _chain(facts: Facts) -> list[Limit]:
    found = []
    if INTERVAL in facts.declared.settings:
        value = int(facts.declared.settings[INTERVAL])
        found.append(Limit(INTERVAL, value, (Basis.DECLARED,), "the open transaction is committed"))
    idle = [effect for effect in facts.declared.effects if effect.idle_limit_ms is not None]
    for effect in sorted(idle, key=lambda one: one.idle_limit_ms or 0):
        name = f"idle limit of {effect.name}"
        means = "the database ends a transaction that stands still, so that a zombie does not keep its locks"
        found.append(Limit(name, effect.idle_limit_ms, (Basis.DECLARED,), means))
    means = "the coordinator aborts a transaction that is still open"
    found.append(_limit(facts, TRANSACTION, means))
    found.append(_limit(facts, POLL, "the group gives the partitions of a processor that does not ask to another one"))
    return found


def _limit(facts: Facts, name: str, means: str) -> Limit:
    declared = facts.declared.settings.get(name)
    seen = _seen(facts, name)
    if declared is not None:
        basis = (Basis.DECLARED, Basis.OBSERVED) if seen == [int(declared)] else (Basis.DECLARED,)
        return Limit(name, int(declared), basis, means)
    if seen:
        return Limit(name, max(seen), (Basis.OBSERVED,), means)
    return Limit(name, None, (Basis.NONE,), means)


def _seen(facts: Facts, name: str) -> list[int]:
    observed = facts.observed
    if observed is None:
        return []
    return {
        TRANSACTION: observed.transaction_timeout_ms,
        POLL: observed.max_poll_interval_ms,
        SESSION: observed.session_timeout_ms,
    }[name]


def _parted(facts: Facts) -> list[Statement]:
    """What was asked for on the wire and is not what was declared."""
    found = []
    for name in (TRANSACTION, POLL, SESSION):
        declared, seen = facts.declared.settings.get(name), _seen(facts, name)
        if declared is not None and seen and seen != [int(declared)]:
            asked = ", ".join(_shown(value) for value in seen)
            text = f"`{name}` is declared as {_shown(int(declared))}, and the processor asked for {asked}."
            found.append(Statement(text, Basis.OBSERVED, Standing.BROKEN))
    return found


def _beside(facts: Facts) -> list[Statement]:
    found = []
    session = _limit(facts, SESSION, "")
    if session.value_ms is not None:
        text = (
            f"`{SESSION}` is {_shown(session.value_ms)}: so long the group waits for a dead dynamic member before its "
            "partitions are read by another one; a static member that comes back does not wait."
        )
        found.append(Statement(text, session.basis[0]))
    text = (
        f"The broker's `transaction.max.timeout.ms` must not be below `{TRANSACTION}`, and its "
        "`transactional.id.expiration.ms` must outlive the longest time for which the processor is stopped; both "
        "are the "
        "cluster's, and are not known here."
    )
    found.append(Statement(text, Basis.NONE, Standing.UNKNOWN))
    return found


def _shown(value_ms: int | None) -> str:
    value = value_ms or 0
    if value >= 1000 and value % 1000 == 0:
        return f"{value // 1000} s"
    return f"{value} ms"
