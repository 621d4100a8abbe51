"""`--help`: every command has an example to copy, and says in one line what it is for."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click
import pytest

from oncewhere.cli.entry import cli


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    yield context.command_path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, click.Context(below, info_name=name, parent=context))


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
