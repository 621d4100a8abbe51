"""What a person has begun to write comes in; the runs of this project, and files, that may be meant go to the shell."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from .places import project_folder


def runs_begun(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The project's runs by their names, the newest first; files, where none is called like that.

    Args:
        begun: what stands there already.
    """
    runs = project_folder() / "runs"
    names = sorted((path.name for path in runs.iterdir() if path.is_dir()), reverse=True) if runs.is_dir() else []
    found = [CompletionItem(name) for name in names if name.startswith(begun)]
    return found or [CompletionItem(begun, type="file")]
