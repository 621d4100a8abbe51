"""A test that speaks of a place that the processor does not have is told why, and what to write."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from oncewhere import OffsetLedger, Postgres, Processor, effect
from oncewhere.errors import ConfigurationError
from oncewhere.pytest_plugin.absent_places import effects_beside
from oncewhere.pytest_plugin.wanted import App, Wanted, declaration

OBSERVE = "select event_id, count(*) from settlement group by event_id"
BY_OTHER_MEANS = (
    "write effects={'bank': {'system': 'postgresql'}}, processor={'environment': {'DATABASE_URL': '{bank}'}}."
)
COMMAND = {"input": "in", "output": ["out"], "group": "g"}

bank = Postgres("postgresql://localhost/bank", name="bank", policy=OffsetLedger())


@effect(bank)
def settle(db: Any, event: dict[str, str]) -> None: ...


def relaying(record: Any, tx: Any) -> None:
    tx.produce("out", record.value)


def settling(record: Any, tx: Any) -> None:
    tx.run(settle, record.value)
    tx.produce("out", record.value)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module with an effect, a processor that runs it, and one that does not."""
    made = ModuleType("settlements")
    made.__file__ = "settlements.py"
    for name, handler in (("relay", relaying), ("app", settling)):
        app = Processor({"bootstrap.servers": "localhost:1"}, group_id="g", transactional_id="t")
        app.consume("in", dict[str, str], identity="event_id")(handler)
        setattr(made, name, app)
    made.__dict__["settle"] = settle
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


def refused(app: App, folder: Path, **said: Any) -> str:
    with pytest.raises(ConfigurationError) as error:
        declaration(app, Wanted(**said), folder=folder, scratch=folder)
    return str(error.value)


@pytest.mark.parametrize("said", [{"observe": OBSERVE}, {"observe": {"bank": OBSERVE}}, {"effects": {"bank": {}}}])
def test_a_processor_whose_handlers_run_no_effect_is_told_so_at_once(
    module: ModuleType, tmp_path: Path, said: dict[str, Any]
) -> None:
    (what,) = said
    told = refused(module.relay, tmp_path, **said)
    assert told == (
        "No handler of settlements.py:relay runs an effect (declared beside it: settle at bank), so there is no place "
        f"for {what}. Run it in a handler: tx.run(settle, …). For a database that is reached by other means "
        f"{BY_OTHER_MEANS}"
    )


def test_what_it_is_told_to_write_is_taken(module: ModuleType, tmp_path: Path) -> None:
    found = declaration(
        module.relay,
        Wanted(
            inputs=[{"event_id": "1"}],
            observe=OBSERVE,
            schema="create table settlement (event_id text);",
            effects={"bank": {"system": "postgresql"}},
            processor={"environment": {"DATABASE_URL": "{bank}"}},
        ),
        folder=tmp_path,
        scratch=tmp_path,
    )
    (version,) = found.versions.values()
    assert {place: effect.system for place, effect in version.effects.items()} == {"bank": "postgresql"}


def test_a_place_that_is_misspelt_is_told_with_those_that_there_are(module: ModuleType, tmp_path: Path) -> None:
    told = refused(module.app, tmp_path, observe={"bonk": OBSERVE})
    assert "observe: settlements.py:app has no place bonk; its places are bank." in told


def test_a_command_says_nothing_of_its_places(tmp_path: Path) -> None:
    told = refused(["settle"], tmp_path, observe=OBSERVE, processor=COMMAND)
    assert "a command does not say where it works, and the test names no system of a database" in told
    assert BY_OTHER_MEANS in told


def test_a_package_that_a_test_hides_is_no_obstacle(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "a_hidden_package", None)
    monkeypatch.setitem(sys.modules, module.__name__, sys.modules.pop(module.__name__))  # behind it
    assert effects_beside(module.app) == (settle,)
