"""`oncewhere replay`: one point of an earlier run comes in; it is crashed again, and compared with what it showed."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console

from oncewhere.drill import (
    Choice,
    Declaration,
    Drill,
    DrillEvent,
    DrillResult,
    TrialResult,
    Verdict,
    Version,
    VersionResult,
    load,
)
from oncewhere.drill.beforehand import check_beforehand
from oncewhere.errors import ConfigurationError
from oncewhere.report import (
    DrillProgress,
    Failures,
    Provenance,
    Replayed,
    Run,
    RunFolder,
    find_run,
    is_run,
    named,
    read_run,
    show_trial,
)

from . import interrupting
from .completing import runs_begun
from .drill import seen_from_here
from .places import project_folder, saying_what_remains
from .provenance import provenance
from .servers import Wishes, choose_versions, named_dsns, running_servers, server_options, with_deadline

LATEST = "latest"
NOT_REPRODUCED = 3
IDS_SHOWN = 8


@click.command(short_help="Crash a processor again at one point of an earlier run.")
@click.argument("point", metavar="POINT", default=LATEST, shell_complete=runs_begun)
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
    The processor itself is not in a run's folder: go to the project that was drilled, or name it with --project.

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
    if elsewhere:
        click.echo(elsewhere, err=True)
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
    progress = DrillProgress(Console(stderr=True, highlight=False))

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
    outcome = compared(trial, result, elsewhere=elsewhere)
    folder.compared(outcome.sentence, reproduced=outcome.reproduced, exit_code=outcome.exit_code)
    console.print(outcome.sentence, markup=False, soft_wrap=True)
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


def declaration_of(run: Run, project: Path | None) -> Path:
    """Where the declaration of a run is.

    Args:
        run: what was drilled.
        project: the folder that the run was made in, or the declaration's own; None for the current one.

    Raises:
        ConfigurationError: it is not there.
    """
    base = project_folder().parent if project is None else project.expanduser()
    if _stands_in_a_test(run):
        if project is None or not _declares(base):
            raise _made_by_a_test(run, project and base)
        return base
    folder = Path(run.path)
    if folder.is_absolute():  # by a run of an older version, from pytest
        if project is None:
            return folder
        folder = Path()
    for path in (base / folder, base) if project is not None else (base / folder,):
        if path.is_file() or (_declares(path) if ":" not in path.name else path.parent.is_dir()):
            return path
    commit = f", at {run.provenance.commit.words}" if run.provenance.commit else ""
    named = f"the folder {run.provenance.project!r}" if run.provenance.project else "the project"
    what = run.path if run.path not in {".", ""} else run.provenance.project or "another folder"
    raise ConfigurationError(
        f"The run is of {what}, which is not in {base}: a run's folder holds no processor.",
        hint=f"Get the project{commit}; it was drilled in {named}. Go there, or add: --project DIR",
    )


def _stands_in_a_test(run: Run) -> bool:
    """True where a test holds the declaration; a test may drill one that stands in a file, too."""
    return f"{run.path}::" in run.provenance.repeat


def _made_by_a_test(run: Run, folder: Path | None) -> ConfigurationError:
    """What is said of a run whose declaration is a test.

    Args:
        run: what was drilled.
        folder: where the test is; None where nobody has named it.
    """
    where = f", in {folder}" if folder else ""
    return ConfigurationError(
        "The run was made by a test, and the test holds what is drilled.",
        hint=f"Run it again: {run.provenance.repeat}{where}. Where a file declares the same, name its folder: "
        "--project DIR",
    )


def version_drilled(declaration: Declaration, run: Run, drilled: Version) -> Version:
    """The version that a run drilled; one without a name is called as its folder is, wherever that stands.

    Args:
        declaration: of the project that is at hand.
        run: what was drilled.
        drilled: the version, as the run declares it.

    Raises:
        ConfigurationError: the declaration has none that can be meant, or it is another processor.
    """
    unnamed = [*declaration.versions] == [declaration.folder.name] and not _was_named(run, drilled)
    (version,) = choose_versions(declaration, [] if unnamed else [drilled.name])
    ours, theirs = version.processor, drilled.processor
    if not ours.consumes_as(theirs):
        raise ConfigurationError(
            f"{declaration.folder} holds another processor: it consumes {ours.input} in group {ours.group}, and what "
            f"was drilled consumes {theirs.input} in group {theirs.group}.",
            hint=f"Name the project of {run.provenance.project or run.path}: --project DIR",
        )
    return version


def _was_named(run: Run, drilled: Version) -> bool:
    """True for one of [versions]: any other is called as the folder of its declaration, or as its module."""
    project = run.provenance.project
    if not project or _stands_in_a_test(run) or ":" in run.path:
        return False
    return drilled.name not in {project, Path(run.path).name}


def _declares(folder: Path) -> bool:
    """True for a folder that may hold a declaration: what is wrong with it is told when it is read."""
    python = folder / "pyproject.toml"
    return (folder / "oncewhere.toml").is_file() or (python.is_file() and b"tool.oncewhere" in python.read_bytes())


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


class Compared(NamedTuple):
    """Whether a replay shows what the run before it showed."""

    reproduced: bool
    sentence: str
    exit_code: int


def compared(before: TrialResult, result: DrillResult, *, elsewhere: str = "") -> Compared:
    """Holds a replay against the trial that it repeats.

    Args:
        before: the trial.
        result: of the replay.
        elsewhere: which of the run's servers were not used, in a sentence; it belongs to what was not reproduced.
    """
    found = _compared(before, result)
    if not elsewhere or found.reproduced:
        return found
    return found._replace(sentence=f"{found.sentence} {elsewhere}")


def _compared(before: TrialResult, result: DrillResult) -> Compared:
    """The same, whatever the servers."""
    (after,) = result.versions[0].trials
    same = {f.place: f.verdict for f in before.findings} == {f.place: f.verdict for f in after.findings}
    if not after.reached:
        told = f"NOT REPRODUCED: {before.plan.label} was not reached again in {after.tries} tries."
        return Compared(reproduced=False, sentence=told, exit_code=NOT_REPRODUCED)
    if same and before.verdict.violated:
        return Compared(reproduced=True, sentence=f"REPRODUCED: {_told(after)}, as before.", exit_code=1)
    if same:
        return Compared(reproduced=True, sentence=f"The same as before: {_told(after)}.", exit_code=result.exit_code)
    if _violated(before) & _violated(after):
        return Compared(reproduced=True, sentence=f"REPRODUCED: {_again(before, after)}", exit_code=1)
    worse = after.verdict.violated and not before.verdict.violated
    told = f"NOT REPRODUCED: {_told(before)} before; {_told(after)} now."
    return Compared(reproduced=False, sentence=told, exit_code=1 if worse else NOT_REPRODUCED)


def _again(before: TrialResult, after: TrialResult) -> str:
    """What is as it was, and beside it what is not."""
    was, now = _wrong(before), _wrong(after)
    told = [f"{_listed(was & now)}, as before."]
    told += [f"New: {_listed(now - was)}."] if now - was else []
    told += [f"No longer: {_listed(was - now)}."] if was - now else []
    return " ".join(told)


def _wrong(trial: TrialResult) -> set[tuple[str, Verdict]]:
    return {(f.place, f.verdict) for f in trial.findings if f.verdict is not Verdict.ONCE}


def _violated(trial: TrialResult) -> set[tuple[str, Verdict]]:
    return {(place, verdict) for place, verdict in _wrong(trial) if verdict.violated}


def _listed(found: set[tuple[str, Verdict]]) -> str:
    return ", ".join(f"{place} {verdict}" for place, verdict in sorted(found))


def _told(trial: TrialResult) -> str:
    differs = [f for f in trial.findings if f.verdict is not Verdict.ONCE]
    return ", ".join(f"{f.place} {f.verdict}" for f in differs) or "once at every place"
