"""A processor written with the library is drilled by its name: what it declares is read from the object."""

from __future__ import annotations

from pathlib import Path

import pytest

from oncewhere import Http, IdempotencyKey, OffsetLedger, Postgres, Processor, addresses
from oncewhere.cli.drill import seen_from_here
from oncewhere.drill import application, load
from oncewhere.drill.application import read
from oncewhere.errors import ConfigurationError
from oncewhere.runtime import loading

APP = """
import os
import msgspec
from oncewhere import *

class Event(msgspec.Struct):
    event_id: str

OUT = "payment-settled"
bank = Postgres("postgresql://prod/bank", name="bank", policy=DedupeTable("processed_event"))
gateway = Http("https://prod/v1", name="gateway", policy=IdempotencyKey())
siren = Function("siren", policy=AtLeastOnce(acknowledged="a test"))
app = Processor({"bootstrap.servers": "prod:9092"}, group_id="settlement", transactional_id=StableOrdinal("settlement"))
loud = Processor({"bootstrap.servers": "prod:9092"}, group_id="settlement", transactional_id="s-0")

@effect(bank)
def settle(db, event: Event) -> None: ...
@effect(gateway)
def charge(requests, event: Event) -> None: ...
@effect(siren)
def ring(key, event: Event) -> None: ...

def tell(record, tx):
    tx.produce(OUT, record.value)

@app.consume("payment-authorized", Event, identity="event_id")
def handle(record, tx):
    tx.run(settle, record.value)
    tx.run(charge, record.value)
    tell(record, tx)
    tx.produce("audit", b"")

@loud.consume("payment-authorized", Event)
def handle_loudly(record, tx):
    tx.run(ring, record.value)
"""
FILE = """
[effects.bank]
observe = "select event_id, count(*) from settlement group by event_id"
[drill]
inputs = "payments.jsonl"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "settlement.py").write_text(APP)
    (tmp_path / "oncewhere.toml").write_text(FILE)
    return tmp_path


def test_what_the_object_says_need_not_be_said_twice(folder: Path) -> None:
    found = load(folder / "settlement:app")
    (version,) = found.versions.values()
    processor = version.processor
    assert (version.name, processor.input, processor.group, processor.identity) == (
        "settlement",
        "payment-authorized",
        "settlement",
        "event_id",
    )
    assert sorted(processor.output) == ["audit", "payment-settled"]
    assert {name: (e.system, e.policy, e.stand_in) for name, e in version.effects.items()} == {
        "bank": ("postgresql", "dedupe-table", None),
        "gateway": ("http", "idempotency-key", "honours-keys"),
    }
    assert processor.command == ["{python}", "-m", "oncewhere", "run", "--instances", "1", "settlement:app"]
    assert processor.environment == {
        "ONCEWHERE_AT_kafka": "{kafka}",
        "ONCEWHERE_AT_bank": "{bank}",
        "ONCEWHERE_AT_gateway": "{gateway}",
        "ONCEWHERE_INSTANCE": "{instance}",
    }
    assert version.scales


def test_the_file_may_name_the_app_and_counts_more(folder: Path) -> None:
    (folder / "oncewhere.toml").write_text('[processor]\napp = "settlement:app"\noutput = ["audit"]\n' + FILE)
    (version,) = load(folder).versions.values()
    assert version.processor.output == ["audit"]
    assert version.processor.group == "settlement"


def test_a_replay_finds_the_app_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    named = seen_from_here(load(folder / "settlement:app"))
    assert named == f"{folder.name}/settlement:app"
    assert load(Path(named)).app == "settlement:app"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import time\ntime.sleep(60)", "did not end within 1 s"),
        ("from kafka_of_ours import consumer", "ModuleNotFoundError"),
    ],
)
def test_a_program_that_is_not_written_with_the_library_is_told_to_name_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    monkeypatch.setattr(application, "STRANGER_LIMIT_S", 1.0)
    (tmp_path / "worker.py").write_text(text)
    with pytest.raises(ConfigurationError, match=why) as caught:
        read("worker:app", tmp_path, {})
    assert "Any other is declared by its command: oncewhere init" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "name", "says"),
    [
        (lambda file: file.replace("observe", "# observe"), "settlement:app", "into \\[effects.bank\\]"),
        (lambda file: file, "settlement:loud", "cannot see what happens at place 'siren'"),
        (lambda file: file, "settlement:no", "no Processor named no"),
        (lambda file: file, "nowhere:app", "no module nowhere"),
    ],
)
def test_what_only_the_file_can_say_is_asked_for_by_the_line_to_write(
    folder: Path, change, name: str, says: str
) -> None:
    (folder / "oncewhere.toml").write_text(change(FILE))
    with pytest.raises(ConfigurationError, match=says):
        load(folder / name)


def test_a_place_in_sqlite_that_announces_its_steps_is_read(folder: Path) -> None:
    own = APP.replace(
        'Postgres("postgresql://prod/bank", name="bank",', 'Sqlite("b.db", name="bank", steps=os.environ["TO"],'
    )
    (folder / "settlement.py").write_text(own)
    declared = read("settlement:app", folder, {"TO": "{bank.steps}"})
    assert {effect.system for effect in declared.effects} == {"sqlite", "http"}


def test_a_module_that_fails_is_told_in_its_own_words(folder: Path) -> None:
    (folder / "settlement.py").write_text("import os\nos.environ['LICENCE']\n")
    with pytest.raises(ConfigurationError, match=r"processor.environment") as caught:
        load(folder / "settlement:app")
    assert caught.value.message == "settlement:app cannot be imported: KeyError: 'LICENCE'."
    assert "settlement.py" in (caught.value.detail or "")
    assert "importlib" not in (caught.value.detail or "")
    (folder / "oncewhere.toml").write_text('[processor.environment]\nLICENCE = "{kafka}"\n' + FILE)
    with pytest.raises(ConfigurationError, match="no Processor named app"):
        load(folder / "settlement:app")


def test_addresses_that_are_given_take_the_place_of_those_in_the_code() -> None:
    own = {"bootstrap.servers": "prod:9092", "security.protocol": "ssl", "ssl.ca.location": "ca.pem", "linger.ms": 3}
    with addresses.given({"kafka": "127.0.0.1:1", "bank": "postgresql://here:5/b", "gateway": "http://here:6"}):
        bank = Postgres("postgresql://prod/bank", name="bank", policy=OffsetLedger())
        gateway = Http("https://prod/v1", name="gateway", policy=IdempotencyKey())
        app = Processor(own, group_id="g", transactional_id="g-0")
        with pytest.raises(ConfigurationError, match="'other' has no address here"):
            Postgres("postgresql://prod/bank", name="other", policy=OffsetLedger())
    assert bank.address == "here:5/b"
    assert str(gateway._base_url) == "http://here:6/v1/"[:-1]
    settings = app._settings.producer
    assert (settings["bootstrap.servers"], settings["linger.ms"]) == ("127.0.0.1:1", 3)
    assert not [name for name in settings if name.startswith(("security.", "ssl."))]
    assert Postgres("postgresql://prod/bank", name="other", policy=OffsetLedger()).address == "prod:5432/bank"


@pytest.mark.parametrize("name", ["settlement:app", "settlement.py:app"])
def test_a_module_that_runs_its_processor_when_it_is_imported_is_refused_and_reaches_nothing(
    folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "settlement.py").write_text(f"{APP}\napp.run()\n")
    lines = len(APP.splitlines()) + 2
    with pytest.raises(ConfigurationError, match=f"settlement.py line {lines} runs the processor when") as caught:
        load(folder / name)
    assert "Nothing was contacted" in caught.value.message
    assert 'if __name__ == "__main__"' in (caught.value.hint or "")
    monkeypatch.setenv("ONCEWHERE_INSTANCE", "0")
    with pytest.raises(ConfigurationError, match="runs the processor when"):
        loading.load(name, folder)


def test_a_place_without_a_policy_is_told_in_words(folder: Path) -> None:
    (folder / "settlement.py").write_text(APP.replace(', policy=DedupeTable("processed_event")', ""))
    with pytest.raises(ConfigurationError, match="Place 'bank' names no policy, and there is no default"):
        load(folder / "settlement:app")
