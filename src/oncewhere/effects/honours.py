"""Which policy holds at which system, as one table: a pair in, nothing or a refusal that says what to use instead out.

A policy is honoured where the system has what the policy stands on: transactions of its own for those that commit the
effect together with what is known of it, a key that the system itself keeps for `IdempotencyKey`, and so on. Whatever
cannot be honoured is refused when the place is declared, and never at the first crash.
"""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING

from oncewhere.effects.policy import (
    AtLeastOnce,
    AtMostOnce,
    Compensate,
    DedupeTable,
    IdempotencyKey,
    OffsetLedger,
    Outbox,
    Policy,
    UniqueConstraint,
)
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

SQL = ("postgresql", "mysql", "sqlite")
REDIS = "redis"
OUTSIDE = ("http", "smtp", "callable")

TITLES: Mapping[str, str] = {
    "postgresql": "PostgreSQL",
    "mysql": "MySQL",
    "sqlite": "SQLite",
    "redis": "Redis",
    "http": "HTTP",
    "smtp": "SMTP",
    "callable": "Function",
}
"""What each system is called in sentences."""

HONOURED: Mapping[type[Policy], frozenset[str]] = {
    OffsetLedger: frozenset(SQL),
    DedupeTable: frozenset({*SQL, REDIS}),
    UniqueConstraint: frozenset(SQL),
    IdempotencyKey: frozenset(OUTSIDE),
    Compensate: frozenset(OUTSIDE),
    AtMostOnce: frozenset(OUTSIDE),
    Outbox: frozenset(OUTSIDE),
    AtLeastOnce: frozenset(TITLES),
}
"""By policy, the systems where it holds."""


def check(policy: object, system: str, *, place: str) -> None:
    """Refuses a policy that a system cannot honour.

    Args:
        policy: what the user gave.
        system: the system's name, such as `postgresql`.
        place: the place's name, for the sentence.

    Raises:
        ConfigurationError: it is no policy, or none for that system.
    """
    title = TITLES[system]
    if not isinstance(policy, Policy) or type(policy) not in HONOURED:
        raise ConfigurationError(
            f"{title} place {place!r} cannot honour policy {policy!r}.", hint=f"{_meant(policy)}{_instead(system)}"
        )
    if system not in HONOURED[type(policy)]:
        raise ConfigurationError(
            f"{title} place {place!r} cannot honour policy {policy.name}: {WHY_NOT[type(policy), system]}.",
            hint=_instead(system),
        )


def require_policy(kind: type, given: Mapping[str, object]) -> None:
    """Refuses a place that names no policy: in words, where Python would only say which argument is missing.

    Args:
        kind: the place's class.
        given: the keyword arguments that it is made with.

    Raises:
        ConfigurationError: its class wants a policy, and none is given.
    """
    if "policy" in given or "policy" not in signature(kind.__init__).parameters:  # type: ignore[misc]  # of a class
        return
    name = f" {given['name']!r}" if "name" in given else ""
    system = _system_of(kind)
    raise ConfigurationError(
        f"Place{name} names no policy, and there is no default: it says what protects its effects.",
        hint="Write policy=OffsetLedger(), for instance." if system is None else f"Write policy=…: {_instead(system)}",
    )


def _system_of(kind: type) -> str | None:
    """The system of a place's class; None for one that only its connection tells."""
    dialect = getattr(kind, "dialect", None)
    if dialect is not None:
        return str(dialect.name)
    return next((system for system, title in TITLES.items() if title.lower() == kind.__name__.lower()), None)


def _meant(policy: object) -> str:
    """What was probably meant: the object of that name."""
    for kind in HONOURED:
        if policy in (kind, kind.name, kind.__name__):
            return f"Write {kind.__name__}(…), an object. "
    return ""


def _instead(system: str) -> str:
    names = [policy.__name__ for policy, systems in HONOURED.items() if system in systems]
    return f"{TITLES[system]} honours {', '.join(names)}."


_NO_TRANSACTION = "it has no transaction in which an effect and what is known of it could commit together"
_NO_KEY_OF_ITS_OWN = "no unique key of its own would refuse an effect there, and nobody could read a result back"
_BETTER = "it has transactions, which hold without anybody's promise: OffsetLedger or DedupeTable"
_LESS = "a claim in its own commit would lose effects that its transactions can make exactly once"
_ROLLBACK = "an effect there has nothing to be undone for: what does not commit is rolled back"
_OLDER = (
    "a failover, or a restart without appendfsync always, brings older data back, and a ledger behind Kafka's position "
    "ends the run for good"
)

WHY_NOT: Mapping[tuple[type[Policy], str], str] = {
    **{(policy, system): _NO_TRANSACTION for policy in (OffsetLedger, DedupeTable) for system in OUTSIDE},
    (OffsetLedger, REDIS): _OLDER,
    (UniqueConstraint, REDIS): "it has no unique keys: a command that finds its key taken changes it",
    (IdempotencyKey, REDIS): "it keeps no keys of requests; one script applies commands and records their event",
    (AtMostOnce, REDIS): "a claim in its own commit would lose effects that one script makes exactly once",
    **{(Compensate, system): _ROLLBACK for system in SQL},
    (Compensate, REDIS): "one script applies commands and records their event, so that none has to be undone",
    **{(UniqueConstraint, system): _NO_KEY_OF_ITS_OWN for system in OUTSIDE},
    **{(IdempotencyKey, system): _BETTER for system in SQL},
    **{(AtMostOnce, system): _LESS for system in SQL},
    **{(Outbox, system): _BETTER for system in SQL},
    (Outbox, REDIS): "one script applies commands and records their event: DedupeTable",
}
"""For each pair that is not honoured, the reason; a test holds the table complete."""

GUARANTEES: Mapping[tuple[type[Policy], str], str] = {
    (DedupeTable, REDIS): (
        "One script applies the effect and records its event; a redelivered record gets the recorded result, and the "
        "same event at another position runs no effect and gives no output; what the server loses after it has "
        "acknowledged it (without appendfsync always, or by a failover to a replica behind) is lost, and never done "
        "twice."
    ),
}
"""Where a system honours a policy with less than, or otherwise than, its general sentence: the sentence there."""


def guarantee(policy: Policy, system: str) -> str:
    """What may be claimed of a policy at a system, in one sentence."""
    return GUARANTEES.get((type(policy), system), policy.guarantee)
