"""The table of policies and systems: each pair is honoured, or refused with a reason."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from oncewhere import ConfigurationError, Function, MySql, Postgres, Redis, Sqlite
from oncewhere.effects.honours import HONOURED, TITLES, WHY_NOT, check
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

POLICIES: dict[type[Policy], Policy] = {
    OffsetLedger: OffsetLedger(),
    DedupeTable: DedupeTable("processed_event"),
    UniqueConstraint: UniqueConstraint("settlement_pkey"),
    AtLeastOnce: AtLeastOnce(acknowledged="a test"),
    IdempotencyKey: IdempotencyKey(),
    Outbox: Outbox("captures", then=IdempotencyKey()),
    AtMostOnce: AtMostOnce(claims=Sqlite("claims.db", name="claims", policy=OffsetLedger())),
    Compensate: Compensate(journal=Sqlite("claims.db", name="claims", policy=OffsetLedger())),
}
PAIRS = list(itertools.product(POLICIES, TITLES))


@pytest.mark.parametrize(("policy", "system"), PAIRS, ids=lambda one: getattr(one, "name", one))
def test_each_pair_is_honoured_or_refused_with_a_reason(policy: type[Policy], system: str) -> None:
    if system in HONOURED[policy]:
        check(POLICIES[policy], system, place="bank")
        assert (policy, system) not in WHY_NOT
        return
    with pytest.raises(ConfigurationError, match=f"cannot honour policy {policy.name}: .+ honours .+") as refused:
        check(POLICIES[policy], system, place="bank")
    assert WHY_NOT[policy, system] in str(refused.value)


def test_every_policy_says_what_it_guarantees_in_a_sentence() -> None:
    assert set(POLICIES) == set(HONOURED)
    assert {policy.name for policy in POLICIES} == {policy.name for policy in Policy.__subclasses__()}
    assert len({policy.name for policy in POLICIES}) == len(POLICIES)
    for policy in POLICIES:
        assert policy.guarantee.endswith(".")
        assert policy.guarantee.count(". ") == 0


@pytest.mark.parametrize(
    "place",
    [
        lambda policy: Postgres("postgresql://localhost/bank", name="bank", policy=policy),
        lambda policy: MySql("mysql://localhost/bank", name="bank", policy=policy),
        lambda policy: Sqlite("bank.db", name="bank", policy=policy),
    ],
    ids=["postgresql", "mysql", "sqlite"],
)
def test_there_is_no_default_and_a_name_is_no_policy(place: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot honour policy None\. .+ honours OffsetLedger, DedupeTable"):
        place(None)
    for text in ("offset-ledger", "OffsetLedger", OffsetLedger):
        with pytest.raises(ConfigurationError, match=r"cannot honour policy .+ Write OffsetLedger\(…\), an object"):
            place(text)


@pytest.mark.parametrize(
    ("place", "honoured"),
    [
        (lambda: Postgres("postgresql://localhost/bank", name="bank"), "PostgreSQL honours OffsetLedger"),  # type: ignore[call-arg]
        (lambda: Redis("redis://localhost", name="bank"), "Redis honours DedupeTable"),  # type: ignore[call-arg]
        (lambda: Function("bank"), "Function honours IdempotencyKey"),  # type: ignore[call-arg]
    ],
    ids=["postgresql", "redis", "function"],
)
def test_a_place_without_a_policy_is_told_which_there_are(place: Any, honoured: str) -> None:
    with pytest.raises(ConfigurationError, match=f"names no policy, and there is no default.+{honoured}"):
        place()


def test_a_reason_is_asked_for_and_so_is_a_key() -> None:
    with pytest.raises(ConfigurationError, match="needs a reason"):
        AtLeastOnce(acknowledged=" ")
    with pytest.raises(ConfigurationError, match="name of at least one key"):
        UniqueConstraint()


@pytest.mark.parametrize(
    "url",
    ["mysql:/root:secret@localhost", "postgresql://root:secret@h/b", "mysql://h:port/secret", "mysql://h", "x"],
)
def test_a_url_that_cannot_be_read_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ConfigurationError, match="URL of place 'bank' cannot be read") as refused:
        MySql(url, name="bank", policy=OffsetLedger())
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("path", [":memory:", "", "file:bank?mode=memory"])
def test_a_database_that_dies_with_the_process_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="needs a file"):
        Sqlite(path, name="bank", policy=OffsetLedger())
