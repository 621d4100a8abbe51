"""Every code block of the site, and of the README, is tried: Python runs, declarations load, commands parse."""

from __future__ import annotations

import shlex
import sqlite3
import sys
import tomllib
import types
from itertools import groupby
from pathlib import Path
from typing import Any

import blocks
import click
import pytest
import yaml

from oncewhere import Processor
from oncewhere.cli.entry import cli
from oncewhere.cluster import Access
from oncewhere.drill.declaration_file import declare

TRIED = {"python", "toml", "console", "yaml", "sql", "json", "ini"}
SHOWN = {"text", "mermaid", ""}
"""What is only looked at. A `text` that is said to be output is held to what a run prints: test_tutorial.py."""
BASE: dict[str, Any] = {
    "processor": {
        "command": ["./settlement"],
        "input": "payment-authorized",
        "output": ["payment-settled"],
        "group": "settlement",
        "identity": "event_id",
    },
    "effects": {},
    "drill": {"inputs": "payments.jsonl"},
}
"""A whole declaration, to which a page's fragment is added."""


def ids(block: blocks.Block) -> str:
    return block.id


def test_every_language_is_tried_or_only_shown() -> None:
    unknown = {f"{block.id}: {block.language}" for block in blocks.blocks()} - {
        f"{block.id}: {block.language}" for block in blocks.of(*TRIED, *SHOWN)
    }
    assert not unknown
    assert len(blocks.of("console")) > 50
    assert len(blocks.of("python")) > 10
    assert len(blocks.of("toml")) > 10


PYTHON = {page: list(found) for page, found in groupby(blocks.of("python"), key=lambda block: block.page)}


@pytest.mark.parametrize("page", PYTHON, ids=lambda page: str(page.relative_to(blocks.ROOT)))
def test_python_runs_from_the_top_of_a_page_to_its_end(
    page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settlement = types.ModuleType("settlement")
    monkeypatch.setitem(sys.modules, "settlement", settlement)
    monkeypatch.setattr(Processor, "run", lambda self, **_: None)
    monkeypatch.setattr(Processor, "_check_free", lambda self, topic: None)  # a page shows one handler, then another
    monkeypatch.setenv("POD_NAME", "settlement-0")
    monkeypatch.setenv("ONCEWHERE_INSTANCE", "0")
    monkeypatch.setenv("BANK", "bank.db")
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    scope = vars(module)
    prelude = Path(blocks.__file__).with_name("prelude.py")
    exec(compile(prelude.read_text(), prelude, "exec"), scope)  # our own
    settlement.app = scope["app"]  # type: ignore[attr-defined]
    for block in PYTHON[page]:
        code = compile("\n" * block.line + block.text, str(page), "exec")
        exec(code, scope)  # our own pages


@pytest.mark.parametrize("block", blocks.of("toml"), ids=ids)
def test_a_declaration_loads(block: blocks.Block, tmp_path: Path) -> None:
    tables = tomllib.loads(block.text)
    for name in ("tool", "oncewhere"):
        tables = tables.get(name, tables)
    if not any(isinstance(value, dict) for value in tables.values()):
        tables = {"processor": {"environment": tables}}  # variables alone
    if "app" in tables.get("processor", {}):
        del tables["processor"]["app"]  # what it stands for is not on the page
    names = {"bank", "gateway", "post", *tables.get("effects", {})}
    effects = {
        name: {"system": "postgresql", "observe": "select 1, 1", **table}
        if table.get("system", "postgresql") in {"postgresql", "mysql", "sqlite"}
        else table
        for name, table in tables.get("effects", {}).items()
    }
    drill = {**BASE["drill"], **tables.get("drill", {})}
    whole = {**BASE, **tables, "processor": {**BASE["processor"], **tables.get("processor", {})}}
    found = declare({**whole, "effects": effects, "drill": drill}, tmp_path / "oncewhere.toml", name="page")
    assert found.versions
    for command, options in tables.get("options", {}).items():
        known = {parameter.name for parameter in _command(command).params}
        assert options.keys() <= known, f"{command} has no such options"
    for version in found.versions.values():
        for text in version.processor.environment.values():
            for place in (part.split("}")[0].split(".")[0] for part in text.split("{")[1:]):
                assert place in names | {"kafka", "instance", "python", *version.effects}


COMMANDS = [
    pytest.param(line, id=f"{block.id} {line[:60]}")
    for block in blocks.of("console", "yaml")
    for line in (
        block.commands
        if block.language == "console"
        else [part.strip(" -").removeprefix("run: ") for part in block.text.splitlines() if "oncewhere drill" in part]
    )
]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_is_one_that_we_have(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(line.partition(" | ")[0], comments=True)
    while "=" in words[0]:
        del words[0]  # a variable in front
    assert words.pop(0) == "oncewhere"
    command: click.Command = cli
    context = click.Context(cli, info_name="oncewhere")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        below = command.get_command(context, name)
        assert below is not None, f"there is no command {name}"
        command = below
        context = click.Context(command, info_name=name, parent=context)
    for parameter in command.params:
        if isinstance(parameter.type, click.Path):
            monkeypatch.setattr(parameter.type, "exists", False)
    try:
        command.make_context(command.name, [word for word in words if word not in {"…", "..."}], parent=context.parent)
    except click.exceptions.Exit:
        pass  # --help, --version
    except click.MissingParameter:
        assert "PATH" in line or not words


def _command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None, f"there is no command {name}"
    return found


@pytest.mark.parametrize("block", blocks.of("yaml"), ids=ids)
def test_yaml_is_valid(block: blocks.Block) -> None:
    for document in yaml.safe_load_all(block.text):
        assert isinstance(document, dict)


def test_sql_is_complete() -> None:
    for block in blocks.of("sql"):
        assert sqlite3.complete_statement(block.text), block.id


def test_kafka_settings_are_ones_that_we_take() -> None:
    for block in blocks.of("ini"):
        lines = [line for line in block.text.splitlines() if not line.startswith("#")]
        settings = dict(line.split("=", 1) for line in lines)
        settings.pop("ssl.ca.location", None)  # a file of the reader's
        assert Access.from_settings(settings).tls is not None
