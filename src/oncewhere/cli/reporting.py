"""`--report` comes in; the kinds of reports go out, and on GitHub an error that ends the command is annotated, too."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from oncewhere.errors import OncewhereError
from oncewhere.report import ReportKind, default_kinds, github_error, parse_kinds

from .completing import words_begun

_F = TypeVar("_F", bound=Callable[..., Any])


def report_option(command: _F) -> _F:
    """The option of a command that writes reports; the command gets it as `kinds`."""

    @functools.wraps(command)
    def reporting(*, reports: str | None, **arguments: Any) -> Any:
        kinds = default_kinds(os.environ) if reports is None else parse_kinds(reports)
        try:
            return command(kinds=kinds, **arguments)
        except OncewhereError as error:
            if ReportKind.GITHUB in kinds:
                click.echo(github_error(error))
            raise

    option = click.option(
        "--report",
        "reports",
        metavar="KINDS",
        shell_complete=words_begun(*ReportKind, apart=","),
        help="How the result is written, with commas: junit, json, html, github (annotations). Default: "
        "junit,json,html, and github where GITHUB_ACTIONS is true. run.json is always written.",
    )
    return option(reporting)  # type: ignore[return-value]  # click takes any callable
