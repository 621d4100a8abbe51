"""`oncewhere replay`: one point of an earlier run comes in; it is crashed again, and compared with what it showed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from oncewhere.drill import (
    Choice,
    Drill,
    DrillEvent,
    TrialResult,
    Version,
    VersionResult,
    load,
)
from oncewhere.drill.beforehand import check_beforehand
from oncewhere.errors import ConfigurationError
from oncewhere.report import (
    LATEST,
    DrillProgress,
    Failures,
    Provenance,
    Replayed,
    Run,
    RunFolder,
    again,
    drilled_otherwise,
    find_run,
    is_run,
    named,
    read_run,
    show_trial,
)
from oncewhere.report.compared import compared, shown_elsewhere

from . import interrupting
from .completing import points_begun, runs_begun
from .drill import seen_from_here
from .drilled_before import declaration_of, version_drilled, words_to
from .places import project_folder, saying_what_remains
from .provenance import provenance
from .servers import Wishes, named_dsns, running_servers, server_options, with_deadline

IDS_SHOWN = 8


@click.command(short_help="Crash a processor again at one point of an earlier run.")
@click.argument("point", metavar="POINT", default=LATEST, shell_complete=points_begun)
@click.argument("run", metavar="[RUN]", default=LATEST, shell_complete=runs_begun)
@click.option(
    "--project",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="The project that the run is of, where you are not in its folder: the declaration is looked for there.",
)
@server_options
def replay(
    point: str,
    run: str,
    *,
    wishes: Wishes,
    project: Path | None,
) -> int:
    """Run one trial of an earlier run again, and say whether it shows the same.

    POINT is a point's id or name, with the version in front where several were drilled; `latest` is the first violation
    of the run. RUN is a run's folder or name; the newest is taken where none is given. A folder alone is a RUN, too.
    The processor itself is not in a run's folder: go to the project that was drilled, or name it with --project. Where
    that is at another commit, or declares the processor otherwise, the outcome says so.

    Exit codes: 1 reproduced (a violation is there again; what is new is named), 3 NOT REPRODUCED, 0 a point that held
    holds again.

    \b
    oncewhere replay latest
    oncewhere replay kafka.EndTxn.9.1.before
    oncewhere replay naive/after-effect 2026-11-25T18-25-25Z-payments
    oncewhere replay ~/Downloads/2026-11-25T18-25-25Z-payments --project ~/src/payments
    """  # noqa: D301  # click keeps the lines below \b as they are
    if run == LATEST and is_run(Path(point).expanduser()):
        point, run = LATEST, point
    found = find_run(project_folder(), str(Path(run).expanduser()))
    before = read_run(found)
    version, trial = find_trial(before, point)
    declaration = load(declaration_of(before, project))
    declared = version_drilled(declaration, before, version.version)
    chosen = with_deadline(declared, max(declared.settings.deadline_s, version.version.settings.deadline_s))
    check_beforehand(chosen, declaration.folder)
    given = named_dsns(wishes.dsns, [chosen])
    told = provenance(wishes, given, declaration.folder)
    elsewhere = other_servers(before.provenance, told, chosen)
    otherwise = drilled_otherwise(before.provenance.commit, version.version, told.commit, chosen)
    for doubt in filter(None, (otherwise, elsewhere)):
        click.echo(doubt, err=True)
    folder = RunFolder(
        project_folder(),
        f"{declaration.folder.name}-replay",
        declaration=seen_from_here(declaration),
        versions=[chosen],
        provenance=told,
        replay=True,
        replayed=Replayed(run=found.name, version=chosen.name, point=trial.plan.id),
    )
    failures = Failures(project_folder(), seen_from_here(declaration))
    progress = DrillProgress(
        Console(stderr=True, highlight=False), repeated=f"{chosen.name}/{trial.plan.label}, as in {found.name}"
    )

    def tell(event: DrillEvent) -> None:
        progress(event)
        folder(event)
        failures(event)

    with (
        saying_what_remains(folder.path),
        folder,
        running_servers([chosen], 1, wishes, given) as servers,
        contextlib.closing(progress),
    ):
        result = interrupting.run(
            Drill(
                declaration,
                versions=[chosen],
                choice=Choice(exactly={chosen.name: (trial.plan,)}, inputs_limit=inputs_of(version)),
                servers=servers,
                folder=folder.path,
                recreate_topics=wishes.recreate_topics,
                demonstration=False,
                listener=tell,
            ).run()
        )
    console = Console(highlight=False)
    show_trial(result, console)
    outcome = compared(trial, result, elsewhere=elsewhere, otherwise=otherwise)
    folder.compared(outcome.sentence, reproduced=outcome.reproduced, exit_code=outcome.exit_code)
    console.print(outcome.sentence, markup=False, soft_wrap=True)
    if not outcome.reproduced:
        called = [str(project) if word == "DIR" and project else word for word in words_to(before, found, run)]
        if told_elsewhere := same_elsewhere(before, version, trial, called):
            console.print(told_elsewhere, markup=False, soft_wrap=True)
    return outcome.exit_code


def other_servers(before: Provenance, now: Provenance, version: Version) -> str:
    """What a replay does not have of the servers that the run used, and how it gets them, in a sentence; else empty.

    Args:
        before: where the run comes from.
        now: where the replay comes from.
        version: what is replayed; servers of other versions' effects are not needed.
    """
    needed = [name for name in before.servers if name == "kafka" or name in version.effects]
    lacking = [name for name in needed if name not in now.servers]
    if not lacking:
        return ""
    options = before.missing(printed=False).removeprefix("with the same ")
    if before.repeat:  # its options were pytest's
        options = ", ".join("-b HOST:PORT" if name == "kafka" else f"--dsn {name}=…" for name in lacking)
    return (
        f"That run used servers of yours ({named(lacking)}); this replay starts its own. For the same servers, give it "
        f"the same options: {options}."
    )


def same_elsewhere(run: Run, version: VersionResult, trial: TrialResult, called: Sequence[str]) -> str:
    """What shows the violation of a trial that was not reproduced, and the command for it; empty where nothing does.

    Args:
        run: that had the trial.
        version: what was drilled.
        trial: that was repeated in vain.
        called: the words that lead to the run.
    """
    found = shown_elsewhere(version, trial)
    command = found and again(run.result, version, found[0], run.provenance, called=called)
    if not found or not command:
        return ""
    return f"{found[0].plan.label} showed the same in that run ({found[1]}); " + " ".join(command.lines)


def find_trial(run: Run, asked: str) -> tuple[VersionResult, TrialResult]:
    """The trial that a person means.

    Args:
        run: where to look.
        asked: an id, a name or the name of a trial's folder, perhaps with a version in front; or `latest`.

    Raises:
        ConfigurationError: there is none, or several versions have it.
    """
    everything = [(v, t) for v in run.result.versions for t in v.crashes]
    if asked == LATEST:
        found = [(v, t) for v, t in everything if t.verdict.violated] or everything
        if not found:
            why = f": {run.ending.words}" if run.ending.words else ""
            raise ConfigurationError(
                f"That run crashed nothing, so there is nothing to replay{why}.",
                hint="Name an earlier run: oncewhere replay latest RUN",
            )
        return found[0]
    version, _, point = asked.rpartition("/")
    found = [
        (v, t)
        for v, t in everything
        if point in {t.plan.id, t.plan.label, Path(t.folder).name} and (not version or v.version.name == version)
    ]
    if not found:
        known = ", ".join(f"{v.version.name}/{t.plan.label}" for v, t in everything[:IDS_SHOWN])
        raise ConfigurationError(f"That run has no point {asked!r}.", hint=f"It has {known} …")
    failed = [(v, t) for v, t in found if t.verdict.violated]
    # Within one version two trials may have come to one point: what was not reached is looked for elsewhere.
    if len({v.version.name for v, _ in found}) > 1 and len({v.version.name for v, _ in failed}) != 1:
        names = ", ".join(dict.fromkeys(f"{v.version.name}/{asked}" for v, _ in found))
        raise ConfigurationError(f"Several versions have the point {asked!r}.", hint=f"Say which: {names}.")
    return (failed or found)[0]


def inputs_of(version: VersionResult) -> int | None:
    """How many inputs the run sent: a point's interval means the same only with as many."""
    return version.coverage.inputs if version.coverage is not None else None
