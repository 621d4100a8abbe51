"""What a replay says where the processor at hand is not the one that the run drilled."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from made_run import make_run, version

from oncewhere.cli.drilled_before import version_drilled
from oncewhere.drill import Version, load
from oncewhere.report import Commit, drilled_otherwise, read_run
from oncewhere.report.run_json import without_secrets

ONE, TWO = Commit(id="1" * 40, changed=False), Commit(id="2" * 40, changed=False)
EXAMPLE = Path(__file__).parents[2] / "examples" / "payments"


def changed(told: Version, **fields: object) -> Version:
    """The version with other values, each by `table__field`; `bank__…` is the effect's."""
    effect, processor, settings = told.effects["bank"], told.processor, told.settings
    for name, value in fields.items():
        table, _, field = name.partition("__")
        match table:
            case "processor":
                processor = msgspec.structs.replace(processor, **{field: value})
            case "drill":
                settings = msgspec.structs.replace(settings, **{field: value})
            case _:
                effect = msgspec.structs.replace(effect, **{field: value})
    return msgspec.structs.replace(told, processor=processor, settings=settings, effects={"bank": effect})


@pytest.mark.parametrize(
    ("before", "now", "says"),
    [
        (ONE, ONE, ""),
        (None, TWO, ""),
        (None, None, ""),
        (ONE, TWO, "it was drilled at commit 1111111111, and this is commit 2222222222"),
        (ONE, None, "it was drilled at commit 1111111111, and of what is here git names no commit"),
        (ONE, Commit(id=ONE.id), ""),
        (ONE, Commit(id=ONE.id, changed=True), "this is commit 1111111111 with changes that are in no commit"),
    ],
)
def test_another_commit_is_named(before: Commit | None, now: Commit | None, says: str) -> None:
    told = drilled_otherwise(before, version(), now, version())
    assert says in told
    assert bool(told) is bool(says)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("processor__command", ["java", "-jar", "other.jar"]),
        ("processor__output", ["payment-settled-eu"]),
        ("processor__identity", "key"),
        ("bank__policy", "dedupe-table"),
        ("bank__observe", "select 1"),
        ("drill__inputs", "others.jsonl"),
        ("drill__deadline_s", 120.0),
    ],
)
def test_what_is_declared_otherwise_is_named_as_in_the_file(name: str, value: object) -> None:
    told = drilled_otherwise(ONE, version(), ONE, changed(version(), **{name: value}))
    where = name.replace("__", ".").replace("bank", "effects.bank")
    assert told == f"This is not what that run drilled: the declaration differs: {where}."


def test_an_effect_that_is_gone_is_named() -> None:
    without = msgspec.structs.replace(version(), effects={})
    assert "the declaration differs: effects.bank." in drilled_otherwise(None, version(), None, without)


def test_what_a_folder_does_not_carry_makes_no_difference(tmp_path: Path) -> None:
    here = changed(
        version(),
        processor__command=["settle", "--password", "hush"],
        processor__environment={"TOKEN": "hush"},
        drill__inputs=str(tmp_path / "inputs.jsonl"),
        bank__schema=str(tmp_path / "schema.sql"),
    )
    assert drilled_otherwise(ONE, without_secrets(here), ONE, here) == ""
    longer = changed(here, processor__command=["settle", "--batch", "9", "--password", "other"])
    told = drilled_otherwise(ONE, without_secrets(here), ONE, longer)
    assert told.endswith("the declaration differs: processor.command.")


def test_a_declaration_that_is_read_again_is_the_same(tmp_path: Path) -> None:
    declaration = load(EXAMPLE)
    run = read_run(make_run(tmp_path, points=1))
    for drilled in declaration.versions.values():
        carried = msgspec.convert(msgspec.to_builtins(without_secrets(drilled)), Version)
        assert drilled_otherwise(ONE, carried, ONE, version_drilled(declaration, run, carried)) == ""
