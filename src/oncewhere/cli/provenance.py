"""A command line, the folder that it was given in and the declaration's come in; where the run comes from goes out."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from oncewhere.masking import masked_argument, masked_arguments
from oncewhere.report import Commit, Provenance, ServerOption

from .servers import Wishes

GIT_LIMIT_S = 5.0
"""What git does not say in that time is not known; a drill does not wait for it."""
WITHOUT_PROGRAMS = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
"""Git asked this way starts no program of the project's: no hook, no monitor of its files."""


def provenance(wishes: Wishes, dsns: Mapping[str, str], declared_in: Path) -> Provenance:
    """Where the run that begins now comes from.

    Args:
        wishes: what the user said of servers.
        dsns: by effect, a server of the user's.
        declared_in: the declaration's folder: its repository is that of the processor, wherever the command was given.
    """
    given: object = click.get_current_context().find_root().obj
    arguments = given if isinstance(given, tuple) else ()
    return Provenance(
        command=shlex.join(["oncewhere", *masked_arguments(map(str, arguments))]),
        project=(Path.cwd() if declared_in.resolve().is_relative_to(Path.cwd()) else declared_in.resolve()).name,
        machine=platform.node(),
        commit=commit_of(declared_in),
        servers=(*(["kafka"] if wishes.bootstrap_servers else []), *sorted(dsns)),
        options=tuple(_options(wishes)),
    )


def _options(wishes: Wishes) -> Iterator[ServerOption]:
    """The options that lead to servers of the user's, without their secrets."""
    if wishes.bootstrap_servers is not None:
        yield ServerOption(flag="-b", value=wishes.bootstrap_servers)
    if wishes.kafka_file is not None:
        yield ServerOption(flag="-F", value=str(wishes.kafka_file))
    for text in wishes.kafka_options:
        yield ServerOption(flag="-X", value=masked_argument(text))
    for dsn in wishes.dsns:
        yield ServerOption(flag="--dsn", value=masked_argument(dsn))
    if wishes.brokers > 1:
        yield ServerOption(flag="--brokers", value=str(wishes.brokers))


def commit_of(folder: Path) -> Commit | None:
    """What git says of a folder; None where there is no git, or no repository."""
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if not commit:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return Commit(id=commit.strip(), changed=None if changes is None else bool(changes.strip()))


def _git(folder: Path, *arguments: str) -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    try:
        done = subprocess.run(
            [git, *WITHOUT_PROGRAMS, *arguments],
            cwd=folder,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None
