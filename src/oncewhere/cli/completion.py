"""`oncewhere completion`: a shell's name comes in; the script that completes our commands goes to standard output."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

VARIABLE = "_ONCEWHERE_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print the script that completes commands in your shell.")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> int:
    """Print what your shell needs to complete commands, options and their values.

    \b
    eval "$(oncewhere completion bash)"       # in ~/.bashrc
    eval "$(oncewhere completion zsh)"        # in ~/.zshrc
    oncewhere completion fish | source        # in ~/.config/fish/config.fish
    """  # noqa: D301  # click keeps the lines below \b as they are
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101  # click has all three
    root = click.get_current_context().find_root().command
    click.echo(found(root, {}, "oncewhere", VARIABLE).source())
    return 0
