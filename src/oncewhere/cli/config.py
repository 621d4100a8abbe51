"""`oncewhere config`: a command's name comes in; the values that it would go by go out, and where each comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.table import Table

from oncewhere.masking import masked_argument, masked_arguments
from oncewhere.stack.patience import VARIABLE as START_LIMIT

from .app import AT
from .places import cache_folder, project_folder
from .project_file import options_file

WIDE = 110
"""Columns from which on the environment's variables are printed as well."""
_NAMED = frozenset({"ONCEWHERE_CACHE", "ONCEWHERE_INSTANCE", START_LIMIT, "NO_COLOR"})


@click.command(short_help="Say each setting's value, and where it comes from.")
@click.argument("command", required=False)
@click.option("--show", is_flag=True, help="Print them; it does so without the option as well.")
@click.option("--changed", is_flag=True, help="Only what is not the default.")
@click.pass_context
def config(context: click.Context, command: str | None, *, show: bool, changed: bool) -> int:
    """Print every option of every command (or of COMMAND) with its value, and where that comes from.

    A flag counts most; then the environment, by a variable such as ONCEWHERE_DRILL_LANES (a terminal of 110 columns
    shows each one's name); then [options.COMMAND] in this folder's
    oncewhere.toml, or [tool.oncewhere.options.COMMAND] in its pyproject.toml; then the default. Passwords are masked.

    \b
    oncewhere config --show
    oncewhere config --show --changed
    ONCEWHERE_DRILL_LANES=1 oncewhere config --show drill
    """  # noqa: D301  # click keeps the lines below \b as they are
    del show
    root = context.find_root()
    group = root.command
    assert isinstance(group, click.Group)  # noqa: S101  # the entry is one
    names = group.list_commands(root)
    if command is not None and command not in names:
        raise click.UsageError(f"There is no command {command!r}; there are {', '.join(names)}.", context)
    console = Console(highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    columns = ("option", "value", "from", "variable") if console.width >= WIDE else ("option", "value", "from")
    for heading in columns:
        table.add_column(heading, overflow="fold", no_wrap=heading != "value")
    for name in [command] if command is not None else names:
        found = group.get_command(root, name)
        if found is not None:
            for row in _rows(found, name, root):
                if not changed or row[2] != "default":
                    table.add_row(*row[: len(columns)])
    console.print(table)
    if command is None:
        _show_places(console)
    return 0


def _rows(command: click.Command, name: str, parent: click.Context) -> Iterator[tuple[str, str, str, str]]:
    """One row for each option; of a group, those of its commands."""
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None:
                yield from _rows(found, below, context)
        return
    path = context.command_path.removeprefix(parent.find_root().command_path).strip()
    for parameter in command.params:
        if not isinstance(parameter, click.Option) or parameter.hidden or parameter.name in {None, "help"}:
            continue
        value, source = parameter.consume_value(context, {})
        yield (
            f"{path} {max(parameter.opts, key=len)}",
            _text(value, whole=source is ParameterSource.ENVIRONMENT),
            _source(source),
            f"{context.auto_envvar_prefix}_{(parameter.name or '').upper()}",
        )


def _source(source: ParameterSource) -> str:
    if source is ParameterSource.ENVIRONMENT:
        return "environment"
    if source is ParameterSource.DEFAULT_MAP:
        file = options_file(Path.cwd())
        return "project file" if file is None else file[0].name
    return "default"


def _text(value: Any, *, whole: bool) -> str:
    """A value without the secrets in it.

    Args:
        value: the option's.
        whole: it was split at its blanks, where a password may have had one.
    """
    if value is None or value in ((), "") or type(value).__name__ == "Sentinel":
        return "–"
    if isinstance(value, tuple | list):
        return masked_argument(" ".join(map(str, value))) if whole else " ".join(masked_arguments(map(str, value)))
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else masked_argument(str(value))


def _show_places(console: Console) -> None:
    file = options_file(Path.cwd())
    cache = "ONCEWHERE_CACHE" if os.environ.get("ONCEWHERE_CACHE") else "default"
    rows = [
        ("oncewhere", metadata.version("oncewhere"), ""),
        ("project folder", str(project_folder()), "the current folder"),
        ("options of the project", "–" if file is None else str(file[0]), "the current folder"),
        ("cache", str(cache_folder()), cache),
        *(
            (name, masked_argument(value), "environment")
            for name, value in sorted(os.environ.items())
            if _is_ours(name)
        ),
    ]
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value, source in rows:
        table.add_row(name, value, source)
    console.print()
    console.print(table)


def _is_ours(name: str) -> bool:
    return name in _NAMED or name.startswith(AT)
