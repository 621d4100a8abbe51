"""The facts of the committed examples are real evidence: variants of them are made here, one change at a time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from committed_facts import committed
from drilled_folder import DECLARATION
from made_run import make_run

from oncewhere.cli.entry import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from oncewhere.document import Facts


@pytest.fixture
def dedupe() -> Facts:
    return committed("dedupe-table")


@pytest.fixture
def ledger() -> Facts:
    return committed("offset-ledger")


@pytest.fixture
def naive() -> Facts:
    return committed("naive")


@pytest.fixture
def changed() -> Callable[..., Facts]:
    """Facts with one part of them replaced: `changed(facts, "observed", offsets={…})`."""

    def change(facts: Facts, part: str, **fields: Any) -> Facts:
        replaced = msgspec.structs.replace(getattr(facts, part), **fields)
        return msgspec.structs.replace(facts, **{part: replaced})

    return change


@pytest.fixture
def with_effect(changed: Callable[..., Facts]) -> Callable[..., Facts]:
    """Facts whose one effect is declared otherwise."""

    def change(facts: Facts, **fields: Any) -> Facts:
        (effect,) = facts.declared.effects
        return changed(facts, "declared", effects=[msgspec.structs.replace(effect, **fields)])

    return change


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """The command, in a folder whose processor was drilled once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "oncewhere.toml").write_text(DECLARATION)
    make_run(tmp_path, points=1, names=[tmp_path.name], declaration=".")

    def run(*arguments: str) -> tuple[int, str]:
        code = main(["document", *arguments])
        told = capsys.readouterr()
        return code, told.out + told.err

    return run
