"""What the user has comes in as options; the servers that a drill needs go out, started where they are missing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from oncewhere.drill import Declaration, Servers, Version
from oncewhere.errors import ConfigurationError
from oncewhere.stack import Stack

from .places import cache_folder, project_folder
from .stack_progress import StackProgress

LANES_DEFAULT = 2
LANES_LIMIT = 8

_F = TypeVar("_F", bound=Callable[..., Any])


def server_options(command: _F) -> _F:
    """The options of every command that drills."""
    for option in (
        click.option("--java", type=click.Path(path_type=Path), help="Run Kafka on this Java (17 or later)."),
        click.option(
            "--recreate-topics",
            is_flag=True,
            help="With -b: delete the processor's topics where they exist already.",
        ),
        click.option(
            "--dsn",
            "dsns",
            metavar="[EFFECT=]DSN",
            multiple=True,
            help="Use this PostgreSQL instead of starting one.",
        ),
        click.option("-b", "--bootstrap-servers", metavar="HOST:PORT", help="Use this Kafka instead of starting one."),
    ):
        command = option(command)
    return command


def choose_versions(declaration: Declaration, names: Sequence[str]) -> list[Version]:
    """The versions of these names, each once; all where none is named.

    Raises:
        ConfigurationError: a name that the declaration does not have.
    """
    for name in names:
        if name not in declaration.versions:
            raise ConfigurationError(
                f"There is no version {name!r} in the declaration.",
                hint=f"It has {', '.join(declaration.versions)}.",
            )
    return [declaration.versions[name] for name in dict.fromkeys(names or declaration.versions)]


def named_dsns(given: Sequence[str], versions: Sequence[Version]) -> dict[str, str]:
    """Which effect each `--dsn` is for; one without a name serves all.

    Raises:
        ConfigurationError: one names no effect.
    """
    effects = {name for version in versions for name in version.effects}
    found: dict[str, str] = {}
    for text in given:
        name, separator, dsn = text.partition("=")
        if separator and name in effects:
            found[name] = dsn
        elif "://" in name or " " in text or "=" in dsn:
            found.update(dict.fromkeys(effects, text))
        else:
            raise ConfigurationError(
                f"--dsn {name}=… names no effect of the declaration.",
                hint=f"Its effects: {', '.join(sorted(effects))}.",
            )
    return found


@contextlib.contextmanager
def running_servers(
    versions: Sequence[Version],
    lanes: int,
    bootstrap_servers: str | None,
    dsns: Mapping[str, str],
    java: Path | None,
) -> Iterator[list[Servers]]:
    """Starts what the user does not have: a broker for each lane, one PostgreSQL for all."""
    missing = {name for version in versions for name in version.effects} - dsns.keys()
    cache = cache_folder()
    with StackProgress(Console(stderr=True, highlight=False)) as progress, contextlib.ExitStack() as running:
        stacks = []
        for number in range(lanes):
            stack = Stack(
                project_folder(),
                cache,
                kafka=bootstrap_servers is None,
                postgres=bool(missing) and number == 0,
                java=java,
                fsync=False,  # it is the processor that dies, not the machine
                progress=progress,
            )
            running.callback(stack.stop)
            stack.launch()
            stacks.append(stack)
        for stack in stacks:
            stack.wait_ready()
        progress.close()
        own = dict.fromkeys(missing, stacks[0].dsn("postgres")) if missing else {}
        yield [
            Servers(bootstrap_servers=bootstrap_servers or stack.bootstrap_servers, dsns={**dsns, **own})
            for stack in stacks
        ]
