"""`--help`: every command has an example to copy, and says in one line what it is for."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from oncewhere.cli.entry import COMMANDS, cli


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    yield context.command_path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, click.Context(below, info_name=name, parent=context))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_of_each_what_it_says_of_itself(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.get_short_help_str(200) == COMMANDS[name]


def test_the_help_page_and_a_typing_mistake_import_no_command() -> None:
    code = (
        "import sys; from oncewhere.cli.entry import main; main(['--help']); main(['dril']); "
        "sys.exit([m for m in sys.modules if m.startswith(('oncewhere.drill', 'kio', 'confluent_kafka'))] != [])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "drill " in done.stdout
    assert "Did you mean 'drill'?" in done.stderr


@pytest.mark.parametrize(("path", "command"), list(commands(cli, click.Context(cli, info_name="oncewhere"))))
def test_every_command_has_an_example_and_a_line(path: str, command: click.Command) -> None:
    examples = [
        line
        for line in inspect.cleandoc(command.help or "").splitlines()
        if line.startswith(path) or f" {path} " in line
    ]
    assert examples, f"{path} --help shows no example"
    assert command.get_short_help_str(200)
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help, f"{path}: {option.opts} says nothing"


def test_a_misspelt_scenario_is_answered_with_the_nearest_one() -> None:
    drill = cli.get_command(click.Context(cli), "drill")
    assert drill is not None
    with pytest.raises(click.BadParameter, match="Did you mean 'zombie'"):
        drill.make_context("drill", [".", "--scenario", "zombi"])
    with pytest.raises(click.BadParameter, match="is not one of"):
        drill.make_context("drill", [".", "--scenario", "xyzzy"])
