"""`oncewhere drill`: a declaration comes in; servers are started or taken, versions drilled, and the answer printed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console

from oncewhere.drill import Declaration, Drill, DrillEvent, DrillResult, NamedCrash, Servers, Version, load
from oncewhere.errors import ConfigurationError
from oncewhere.report import DrillProgress, RunFolder, show_result
from oncewhere.stack import Stack

from .places import cache_folder, project_folder
from .stack_progress import StackProgress

LANES_DEFAULT = 2
LANES_LIMIT = 8


@click.command(short_help="Crash a processor, and say where its work happened once.")
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.argument("versions", nargs=-1)
@click.option("-b", "--bootstrap-servers", metavar="HOST:PORT", help="Use this Kafka instead of starting one.")
@click.option(
    "--dsn",
    "dsns",
    metavar="[EFFECT=]DSN",
    multiple=True,
    help="Use this PostgreSQL instead of starting one.",
)
@click.option("-k", "keyword", metavar="TEXT", default="", help="Only the crashes whose name contains TEXT.")
@click.option(
    "-j",
    "--lanes",
    type=click.IntRange(1, LANES_LIMIT),
    help=f"Trials at a time, each on its own broker (default {LANES_DEFAULT}).",
)
@click.option(
    "--recreate-topics", is_flag=True, help="With -b: delete the processor's topics where they exist already."
)
@click.option("--java", type=click.Path(path_type=Path), help="Run Kafka on this Java (17 or later).")
def drill(
    path: Path,
    versions: tuple[str, ...],
    *,
    bootstrap_servers: str | None,
    dsns: tuple[str, ...],
    keyword: str,
    lanes: int | None,
    recreate_topics: bool,
    java: Path | None,
) -> int:
    """Kill a processor at the three crashes, restart it, and say where the work happened once.

    PATH is a folder with an oncewhere.toml. With VERSIONS, only these are drilled, and any violation ends in exit
    code 1; without, a declaration that says what its versions demonstrate is held to that.

    \b
    oncewhere drill examples/payments
    oncewhere drill examples/payments naive
    oncewhere drill examples/payments plain -k after-effect
    oncewhere drill . -b localhost:9092 --dsn bank=postgresql://me@localhost/postgres
    """  # noqa: D301  # click keeps the lines below \b as they are
    declaration = load(path)
    chosen = _choose(declaration, versions)
    crashes = [name for name in NamedCrash if keyword in name]
    if not crashes:
        raise ConfigurationError(f"No crash's name contains {keyword!r}.", hint=f"They are {', '.join(NamedCrash)}.")
    given = _dsns(dsns, chosen)
    if lanes is None or bootstrap_servers:
        lanes = 1 if bootstrap_servers else LANES_DEFAULT
    folder = RunFolder(project_folder(), declaration.folder.name)
    progress = DrillProgress(Console(stderr=True, highlight=False))

    def tell(event: DrillEvent) -> None:
        progress(event)
        folder(event)

    with _servers(chosen, lanes, bootstrap_servers, given, java) as servers, contextlib.closing(progress):
        result: DrillResult = asyncio.run(
            Drill(
                declaration,
                versions=chosen,
                crashes=crashes,
                servers=servers,
                folder=folder.path,
                recreate_topics=recreate_topics,
                demonstration=declaration.demonstrates and not versions,
                listener=tell,
            ).run()
        )
    show_result(result, Console(highlight=False), path=str(path))
    return result.exit_code


def _choose(declaration: Declaration, names: Sequence[str]) -> list[Version]:
    for name in names:
        if name not in declaration.versions:
            raise ConfigurationError(
                f"There is no version {name!r} in the declaration.",
                hint=f"It has {', '.join(declaration.versions)}.",
            )
    return [declaration.versions[name] for name in dict.fromkeys(names or declaration.versions)]


def _dsns(given: Sequence[str], versions: Sequence[Version]) -> dict[str, str]:
    """Which effect each `--dsn` is for; one without a name serves all."""
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
def _servers(
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
