"""`oncewhere drill`: a declaration comes in; servers are started or taken, versions drilled, and the answer printed."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import click
from rich.console import Console

from oncewhere.drill import (
    CRASH,
    EVERY,
    SCENARIOS,
    Choice,
    Declaration,
    Drill,
    DrillEvent,
    Keyword,
    NamedCrash,
    PointSet,
    load,
    scenarios_named,
)
from oncewhere.drill.beforehand import check_beforehand
from oncewhere.drill.control import with_control
from oncewhere.errors import ConfigurationError
from oncewhere.report import (
    REPORT_NAME,
    DrillProgress,
    Failures,
    ReportKind,
    RunFolder,
    github_annotations,
    show_points,
    show_result,
    show_scenarios,
)

from . import interrupting
from .completing import versions_begun, words_begun
from .near import NearChoice
from .places import project_folder, say_where, saying_what_remains
from .provenance import provenance
from .reporting import report_option
from .servers import (
    LANES_DEFAULT,
    LANES_LIMIT,
    Wishes,
    choose_versions,
    default_lanes,
    named_dsns,
    running_servers,
    server_options,
    with_deadline,
)


@click.command(short_help="Crash a processor, and say where its work happened once.")
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.argument("versions", nargs=-1, shell_complete=versions_begun)
@server_options
@click.option(
    "--points",
    type=click.Choice([s.value for s in PointSet]),
    default=PointSet.MISSION.value,
    show_default=True,
    help="mission: the three named crashes. boundaries: every kind of boundary message, in every commit interval that "
    "differs. all: every boundary message of every interval.",
)
@click.option(
    "--scenario",
    "scenarios",
    type=NearChoice([*SCENARIOS, EVERY]),
    metavar="NAME",
    multiple=True,
    default=(CRASH,),
    show_default=True,
    help="What is done at the points, or `all`; may be given several times. --scenarios says what there is.",
)
@click.option("--scenarios", "list_scenarios", is_flag=True, help="Print what the scenarios do, and drill nothing.")
@click.option("--list", "listing", is_flag=True, help="Print the points of a clean run, and crash nothing.")
@click.option(
    "-k",
    "keyword",
    metavar="EXPR",
    default="",
    shell_complete=words_begun(*NamedCrash),
    help='Only the points whose name, id or version matches: "kafka and not Produce", bank.commit, after-effect.',
)
@click.option(
    "--control",
    is_flag=True,
    help="Drill a version with its protection off as well (drill.control); fail if nothing turns red there.",
)
@click.option("-x", "stop_at_first", is_flag=True, help="Start no further trial after the first violation.")
@click.option(
    "-j",
    "--lanes",
    type=click.IntRange(1, LANES_LIMIT),
    help=f"Trials at a time, each on its own broker (default {LANES_DEFAULT}; 1 with -b).",
)
@click.option(
    "--inputs",
    "inputs_limit",
    type=click.IntRange(1),
    metavar="N",
    help="Send only the first N inputs (default: all; for a sweep, what drill.sweep_inputs says).",
)
@click.option("--seed", type=int, metavar="N", help="Visit the points in an order that this number shuffles.")
@click.option(
    "--time-limit",
    "time_limit_s",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Start no further trial after that long; what was not visited is inconclusive.",
)
@click.option(
    "--deadline",
    "deadline_s",
    type=click.FloatRange(1, 3600),
    metavar="SECONDS",
    help="How long a life may go without progress (four times that in all), instead of drill.deadline_s.",
)
@report_option
def drill(  # noqa: PLR0913  # one parameter for each option
    path: Path,
    versions: tuple[str, ...],
    *,
    wishes: Wishes,
    points: str,
    scenarios: tuple[str, ...],
    list_scenarios: bool,
    listing: bool,
    keyword: str,
    control: bool,
    stop_at_first: bool,
    lanes: int | None,
    inputs_limit: int | None,
    seed: int | None,
    time_limit_s: float | None,
    deadline_s: float | None,
    kinds: frozenset[ReportKind],
) -> int:
    """Kill a processor at its boundary messages, restart it, and say where the work happened once.

    PATH is a folder with an oncewhere.toml (`oncewhere init` writes one), or MODULE:APP, a processor written with the
    library, beside a file that says only the inputs and how each database is asked. With VERSIONS, only these are
    drilled, and any violation ends in exit code 1; without, a declaration that says what its versions demonstrate is
    held to that at the named crashes.
    Points that failed in the last run come first.

    \b
    oncewhere drill examples/payments
    oncewhere drill examples/payments naive --points boundaries
    oncewhere drill settlement:app
    oncewhere drill examples/payments naive --points all --list
    oncewhere drill examples/payments dedupe-table --scenario zombie --scenario second-crash
    oncewhere drill examples/payments plain -k "bank.commit and replied" --points boundaries -x
    oncewhere drill . --report junit,github --deadline 120
    oncewhere drill . -b localhost:9092 --dsn bank=postgresql://me@localhost/postgres
    """  # noqa: D301  # click keeps the lines below \b as they are
    if list_scenarios:
        show_scenarios(Console(highlight=False))
        return 0
    declaration = load(path)
    chosen = choose_versions(declaration, versions)
    control_name: str | None = None
    if control:
        chosen, control_name = with_control(declaration, chosen)
    chosen = [with_deadline(version, deadline_s) for version in chosen]
    point_set = PointSet(points)
    failures = Failures(project_folder(), seen_from_here(declaration))
    mission = point_set is PointSet.MISSION and scenarios == (CRASH,)
    demonstration = declaration.demonstrates and not versions and mission and not control
    choice = Choice(
        points=point_set,
        scenarios=scenarios_named(scenarios),
        keyword=Keyword(keyword),
        failed_before=frozenset() if demonstration else failures.read(),
        seed=seed,
        stop_at_first=stop_at_first,
        inputs_limit=inputs_limit or (None if point_set is PointSet.MISSION else chosen[0].settings.sweep_inputs),
        time_limit_s=time_limit_s,
    )
    choice.refuse_misspelt(chosen)
    for version in chosen:
        check_beforehand(version, declaration.folder)
    given = named_dsns(wishes.dsns, chosen)
    if lanes is None:
        lanes = default_lanes(wishes, given, chosen, most=len(chosen) if listing else choice.most_at_once(chosen))
    elif lanes > 1 and wishes.bootstrap_servers:
        raise ConfigurationError(
            f"-j {lanes} needs {lanes} clusters, and -b names one.",
            hint="Leave -j out: on a cluster of yours, one trial follows the other.",
        )
    told = provenance(wishes, given, declaration.folder)
    folder = RunFolder(
        project_folder(),
        declaration.folder.name,
        declaration=seen_from_here(declaration),
        versions=chosen,
        provenance=told,
        demonstration=demonstration,
        control=control_name,
        reports=kinds,
        replay=listing,
    )
    progress = DrillProgress(Console(stderr=True, highlight=False))

    def tell(event: DrillEvent) -> None:
        progress(event)
        folder(event)
        failures(event)

    with (
        saying_what_remains(folder.path),
        folder,
        running_servers(chosen, lanes, wishes, given) as servers,
        contextlib.closing(progress),
    ):
        work = Drill(
            declaration,
            versions=chosen,
            choice=choice,
            servers=servers,
            folder=folder.path,
            recreate_topics=wishes.recreate_topics,
            demonstration=demonstration,
            control=control_name,
            listener=tell,
        )
        if listing:
            found = interrupting.run(work.survey())
            folder.listed()
        else:
            result = interrupting.run(work.run())
    console = Console(highlight=False)
    if listing:
        show_points(found, console)
        return 0
    show_result(result, console, told)
    if ReportKind.HTML in kinds:
        say_where(folder.path / REPORT_NAME)
    if ReportKind.GITHUB in kinds:
        for line in github_annotations(result, told):
            click.echo(line)
    return result.exit_code


def seen_from_here(declaration: Declaration) -> str:
    """The declaration's folder, from the folder that the project's `.oncewhere` stands in: it means the same there."""
    found = Path(os.path.relpath(declaration.folder, project_folder().parent))
    return str(found if declaration.app is None else found / declaration.app)
