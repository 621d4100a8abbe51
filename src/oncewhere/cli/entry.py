"""The `oncewhere` command: every error that a user can act on becomes one sentence here, and nowhere else."""

from __future__ import annotations

import signal
import sys
import traceback
import types
from importlib import metadata

import click
from rich.console import Console
from rich.text import Text

from oncewhere.errors import OncewhereError

INTERRUPTED = 130
INTERNAL = 4
USAGE = 2
DETAIL_LINES = 30


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 held · 1 violated · 2 usage or configuration · 3 inconclusive · 4 internal error · "
    "5 nothing ran · 130 interrupted.",
)
@click.version_option(metadata.version("oncewhere"), prog_name="oncewhere")
def cli() -> None:
    """Exactly once, where? Run, crash-test and document Kafka processors that touch more than Kafka."""


def _register() -> None:
    from .drill import drill  # noqa: PLC0415  # a command's imports are paid by that command's users
    from .run import run  # noqa: PLC0415
    from .stack import stack  # noqa: PLC0415

    for command in (drill, run, stack):
        cli.add_command(command)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: without the program's name; None takes the process's own.

    Returns:
        The exit code.
    """
    signal.signal(signal.SIGTERM, _terminated)
    try:
        _register()
        answer = cli.main(args=arguments, prog_name="oncewhere", standalone_mode=False)
    except OncewhereError as error:
        _explain(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        Console(stderr=True).print("Interrupted; everything that was started is stopped.")
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return USAGE
    except Exception:  # noqa: BLE001  # the last line of defence: a bug of ours is said to be one
        traceback.print_exc()
        Console(stderr=True).print("This is a bug in oncewhere; please report it with the lines above.")
        return INTERNAL
    return answer if isinstance(answer, int) else 0


def _terminated(_number: int, _frame: types.FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _explain(error: OncewhereError) -> None:
    console = Console(stderr=True, highlight=False)
    head = Text("oncewhere: ", style="bold red")
    head.append(error.message, style="default")
    console.print(head, soft_wrap=True)
    if error.hint:
        console.print(f"  {error.hint}", markup=False, soft_wrap=True)
    if error.detail:
        for line in error.detail.splitlines()[-DETAIL_LINES:]:
            console.print(f"  | {line}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
