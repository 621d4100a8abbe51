"""The declaration and the code are read together, and what they say differently is kept as a contradiction."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncewhere import (
    AtMostOnce,
    Function,
    OffsetLedger,
    Postgres,
    Processor,
    RandomIdentity,
    Skip,
    StableOrdinal,
    effect,
)
from oncewhere.document import from_code, from_declaration, merged
from oncewhere.drill import load
from oncewhere.errors import ConfigurationError

FILE = """
[processor]
command = ["settle"]
input = "authorized"
output = ["settled"]
group = "settlement"
identity = "event_id"
[effects.bank]
system = "postgresql"
policy = "{policy}"
observe = "select 1, 1"
schema = "schema.sql"
[document]
transactional_id = "settlement-{{instance}}"
[document.settings]
"transaction.timeout.ms" = {timeout}
[document.effects.bank]
dedupe_table = "processed"
[drill]
inputs = "inputs.jsonl"
[versions.sound]
[versions.other]
[versions.other.document]
owner = "somebody else"
[versions.other.document.effects.bank]
retention = "3 days"
"""
BANK = Postgres("postgresql://localhost/bank", name="bank", policy=OffsetLedger())
GATEWAY = Function(name="gateway", policy=AtMostOnce(claims=BANK))


@effect(BANK)
def settle(db, event: dict) -> None: ...


@effect(GATEWAY)
def charge(attempt, event: dict) -> None: ...


def declared(folder: Path, version: str = "sound", **changes: object):
    (folder / "oncewhere.toml").write_text(FILE.format(**{"policy": "offset-ledger", "timeout": 60000} | changes))
    return from_declaration(
        load(folder).versions[version], "oncewhere.toml", {"bank": "create table processed (id int)"}
    )


def coded(*effects, group="settlement", identity: object = "settlement-0"):
    app = Processor({"bootstrap.servers": "localhost:1"}, group_id=group, transactional_id=identity)  # type: ignore[arg-type]

    @app.consume("authorized", dict, effects=effects, identity="event_id", on_error=Skip())
    def handle(record, tx): ...

    return from_code("app:app", app.declaration())


def test_where_they_agree_the_code_fills_in_what_the_file_does_not_say(tmp_path):
    both = merged(declared(tmp_path), coded(settle))
    assert both.contradictions == []
    assert both.transactional_id == "settlement-{instance}"
    assert both.settings["isolation.level"] == "read_committed"
    assert both.effects[0].functions == ["settle"]
    assert both.effects[0].idle_limit_ms == 10_000
    assert both.effects[0].keys == {"processed": []}
    assert both.poison == {"authorized": "skip"}


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"policy": "dedupe-table"}, {}, "policy of `bank` is dedupe-table in `oncewhere.toml`, and offset-ledger in"),
        (
            {"timeout": 900000},
            {},
            "`transaction.timeout.ms` is `900000` in `oncewhere.toml`, and `60000` in `app:app`.",
        ),
        ({}, {"group": "other"}, "The group is `settlement` in `oncewhere.toml`, and `other` in `app:app`."),
        ({}, {"identity": "other-0"}, "and `other-0` in `app:app`"),
    ],
)
def test_what_they_say_differently_is_told(tmp_path, changes, code, words):
    (told,) = merged(declared(tmp_path, **changes), coded(settle, **code)).contradictions
    assert words in told


def test_an_effect_that_only_one_of_them_knows_is_told(tmp_path):
    (more,) = merged(declared(tmp_path), coded(settle, charge)).contradictions
    assert "an effect in `gateway` (callable), which `oncewhere.toml` does not declare" in more
    (less,) = merged(declared(tmp_path), coded()).contradictions
    assert "declares an effect in `bank`, which `app:app` does not have" in less


def test_a_version_changes_what_it_names_and_keeps_the_rest(tmp_path):
    other = declared(tmp_path, "other")
    assert (other.owner, other.transactional_id) == ("somebody else", "settlement-{instance}")
    assert other.effects[0].retention == "3 days"


def test_a_claim_of_an_unknown_effect_is_refused(tmp_path):
    (tmp_path / "oncewhere.toml").write_text(
        FILE.format(policy="none", timeout=1).replace("document.effects.bank", "document.effects.banc")
    )
    with pytest.raises(ConfigurationError, match="banc"):
        load(tmp_path)


def test_where_an_identity_comes_from_is_told(monkeypatch):
    monkeypatch.setenv("POD", "settlement-3")
    ordinal = coded(settle, identity=StableOrdinal("settlement", "POD"))
    assert (ordinal.transactional_id, ordinal.stable) == ("settlement-3", True)
    assert "environment variable POD" in str(ordinal.identity_rule)
    random = coded(settle, identity=RandomIdentity("it is a test"))
    assert (random.transactional_id, random.stable) == (None, False)
    assert "it is a test" in str(random.identity_rule)


def test_a_place_outside_a_database_says_where_its_claims_are_kept():
    (gateway,) = coded(charge).effects
    assert gateway.promise == "at-most-once"
    assert gateway.key == "derived from event_id, the effect's name and the number of the call"
    assert gateway.tables == {"the policy's own table": "oncewhere_calls"}


def test_a_dedupe_column_that_nobody_declared_is_no_fact(tmp_path):
    (effect,) = declared(tmp_path, policy="dedupe-table").effects
    assert (effect.dedupe_table, effect.dedupe_column) == ("processed", None)
