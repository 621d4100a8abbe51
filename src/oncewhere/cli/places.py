"""Where things are kept: the environment comes in (here and nowhere else), folders go out."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from oncewhere.errors import ConfigurationError

PROJECT_FOLDER = ".oncewhere"


def project_folder() -> Path:
    """Runs and servers' data: `.oncewhere` in the current folder."""
    return Path.cwd() / PROJECT_FOLDER


def install(extra: str) -> str:
    """The command that adds what an extra brings."""
    return f"pip install 'oncewhere[{extra}]', or from a clone: pip install '/path/to/oncewhere[{extra}]'"


def short(path: Path) -> str:
    """A path below the current folder, from there; any other as it is."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def say_where(page: Path) -> None:
    """Prints where a run's page is, from the current folder; a link such as `latest` is followed."""
    click.echo(f"Report:   {os.path.relpath(page.resolve())}")


@contextlib.contextmanager
def saying_what_remains(run: Path) -> Iterator[None]:
    """Where its block is interrupted, says where the evidence is and how it is read."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"What was judged until then: oncewhere show {shlex.quote(short(run))}", err=True)
        raise


def start_limit_s() -> float | None:
    """How long ONCEWHERE_START_LIMIT lets a server take to start, in seconds; None where it says nothing.

    Raises:
        ConfigurationError: it says no number of seconds.
    """
    from oncewhere.stack import patience  # noqa: PLC0415  # whoever only asks for a folder starts no server

    said = os.environ.get(patience.VARIABLE)
    if not said:
        return None
    if not said.isdecimal() or not int(said):
        raise ConfigurationError(
            f"{patience.VARIABLE}={said} is no number of seconds.", hint=f"For example: {patience.VARIABLE}=600"
        )
    return float(said)


def heed_start_limit() -> None:
    """Gives servers the time that ONCEWHERE_START_LIMIT says, where it says one.

    Raises:
        ConfigurationError: it says no number of seconds.
    """
    from oncewhere.stack import patience  # noqa: PLC0415  # likewise

    if (limit_s := start_limit_s()) is not None:
        patience.allow(limit_s)


def cache_folder() -> Path:
    """What is fetched once for a user: ONCEWHERE_CACHE, else the platform's cache folder.

    It is absolute, since the servers that are started from it have working folders of their own.
    """
    if asked := os.environ.get("ONCEWHERE_CACHE"):
        return Path(asked).absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "oncewhere"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "oncewhere"
