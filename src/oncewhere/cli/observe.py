"""`oncewhere observe`: a declaration comes in; it is run once behind the proxies, and what was seen goes out."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from oncewhere.document import Facts
from oncewhere.document.comparison import comparisons, sentences
from oncewhere.document.statement import Standing
from oncewhere.drill import Choice, Drill, load
from oncewhere.drill.beforehand import check_beforehand
from oncewhere.drill.control import but_the_control
from oncewhere.drill.observations import Kind
from oncewhere.errors import ConfigurationError
from oncewhere.report import RunFolder

from . import interrupting
from .drill import seen_from_here
from .facts import declared_of, runs_of, with_runs
from .places import project_folder, short
from .provenance import provenance
from .servers import Wishes, choose_versions, named_dsns, running_servers, server_options

DIFFERS, UNREAD = 1, 3
NOT_SEEN = frozenset({Kind.UNREAD, Kind.BLIND_COUNT})
"""Kinds that say that something cannot be seen, which is neither as it is declared nor otherwise."""
SEPARATOR = "--"
BEHIND = "oncewhere.behind"
MARKS = {Standing.HOLDS: ("✓", "green"), Standing.BROKEN: ("✗", "bold red"), Standing.UNKNOWN: ("?", "yellow")}


class _WithCommand(click.Command):
    """A command that takes another program's command line behind `--`, and leaves it alone."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keeps what stands behind `--` in the context."""
        if SEPARATOR in args:
            at = args.index(SEPARATOR)
            args, ctx.meta[BEHIND] = args[:at], tuple(args[at + 1 :])
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Shows it in the usage."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]


@click.command(
    cls=_WithCommand, short_help="Run a processor once without a crash, and compare it with what it declares."
)
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.argument("version", required=False)
@server_options
def observe(path: Path, version: str | None, *, wishes: Wishes) -> int:
    """Run a processor behind the proxies without any crash, and print what was seen against what is declared.

    PATH is a folder with an oncewhere.toml; VERSION is one of its versions, where it has several. Behind -- stands a
    COMMAND to run instead of the declared one. The run is kept like a drill's: oncewhere document takes it.

    Exit codes: 0 what was seen is what is declared, 1 it is not, 3 something could not be read.

    \b
    oncewhere observe .
    oncewhere observe examples/payments plain
    oncewhere observe . -- java -jar build/settlement.jar --new
    """  # noqa: D301  # click keeps the lines below \b as they are
    command: tuple[str, ...] = click.get_current_context().meta.get(BEHIND, ())
    declaration = load(path)
    chosen = choose_versions(declaration, [version] if version else but_the_control(declaration))
    if len(chosen) > 1:
        names = ", ".join(one.name for one in chosen)
        raise ConfigurationError("The declaration has several versions.", hint=f"Name one of {names}.")
    (one,) = chosen
    if command:
        one = msgspec.structs.replace(one, processor=msgspec.structs.replace(one.processor, command=list(command)))
    check_beforehand(one, declaration.folder)
    given = named_dsns(wishes.dsns, [one])
    folder = RunFolder(
        project_folder(),
        f"{declaration.folder.name}-observed",
        declaration=seen_from_here(declaration),
        versions=[one],
        provenance=provenance(wishes, given, declaration.folder),
        replay=True,
    )
    with folder, running_servers([one], 1, wishes, given) as servers:
        Console(stderr=True, highlight=False).print(
            f"observing {one.name}: one run, and nothing is crashed", markup=False
        )
        interrupting.run(
            Drill(
                declaration,
                versions=[one],
                choice=Choice(),
                servers=servers,
                folder=folder.path,
                recreate_topics=wishes.recreate_topics,
                demonstration=False,
                listener=folder,
            ).observe()
        )
    facts = with_runs(declared_of(declaration, one), runs_of(declaration, one.name, [folder.path]))
    return _show(facts, short(folder.path), Console(highlight=False))


def _show(facts: Facts, folder: str, console: Console) -> int:
    table = Table(box=None, pad_edge=False)
    for column in ("", "", "declared", "seen"):
        table.add_column(column, overflow="fold")
    rows = comparisons(facts)
    for row in rows:
        mark, style = MARKS[row.standing]
        table.add_row(
            Text(mark, style=style), Text(row.subject), Text(row.declared or "—"), Text(row.seen or "not seen")
        )
    console.print(table)
    console.print()
    unread = [seen for seen in facts.observed.undeclared if seen.kind in NOT_SEEN] if facts.observed else []
    wrong = sentences(facts)
    for text in wrong:
        console.print(Text.assemble(("✗ ", "bold red"), text.replace("`", "")), soft_wrap=True)
    for seen in unread:
        console.print(Text.assemble(("? ", "yellow"), f"{seen.sentence}."), soft_wrap=True)
    differs = bool(wrong) or any(row.standing is Standing.BROKEN for row in rows)
    if not differs and not unread:
        console.print(
            Text.assemble(("✓ ", "green"), "What was seen is what is declared. Nothing was crashed: a drill proves.")
        )
    console.print(f"Evidence: {folder}", markup=False, soft_wrap=True)
    return DIFFERS if differs else UNREAD if unread else 0
