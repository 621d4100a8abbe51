"""`oncewhere replay`: one point of an earlier run comes in; it is crashed again, and compared with what it showed."""

from __future__ import annotations

import asyncio
import contextlib

import click
from rich.console import Console

from oncewhere.drill import Choice, Drill, DrillEvent, DrillResult, TrialResult, Verdict, VersionResult, load
from oncewhere.errors import ConfigurationError
from oncewhere.report import DrillProgress, Failures, Run, RunFolder, find_run, read_run, show_trial

from .places import project_folder
from .servers import Wishes, choose_versions, named_dsns, running_servers, server_options

LATEST = "latest"
NOT_REPRODUCED = 3
IDS_SHOWN = 8


@click.command(short_help="Crash a processor again at one point of an earlier run.")
@click.argument("point", metavar="POINT", default=LATEST)
@click.argument("run", metavar="[RUN]", default=LATEST)
@server_options
def replay(
    point: str,
    run: str,
    *,
    wishes: Wishes,
) -> int:
    """Run one trial of an earlier run again, and say whether it shows the same.

    POINT is a point's id or name, with the version in front where several were drilled; `latest` is the first violation
    of the run. RUN is a run's folder or name; the newest is taken where none is given.

    Exit codes: 1 reproduced (a violation is there again; what is new is named), 3 NOT REPRODUCED, 0 a point that held
    holds again.

    \b
    oncewhere replay latest
    oncewhere replay kafka.EndTxn.9.1.before
    oncewhere replay naive/after-effect 2026-11-25T18-25-25Z-payments
    """  # noqa: D301  # click keeps the lines below \b as they are
    before = read_run(find_run(project_folder(), run))
    version, trial = find_trial(before, point)
    declaration = load(project_folder().parent / before.path)
    (chosen,) = choose_versions(declaration, [version.version.name])
    folder = RunFolder(project_folder(), f"{declaration.folder.name}-replay", declaration=before.path, replay=True)
    failures = Failures(project_folder(), before.path)
    progress = DrillProgress(Console(stderr=True, highlight=False))

    def tell(event: DrillEvent) -> None:
        progress(event)
        folder(event)
        failures(event)

    given = named_dsns(wishes.dsns, [chosen])
    with running_servers([chosen], 1, wishes, given) as servers, contextlib.closing(progress):
        result = asyncio.run(
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
    sentence, code = compared(trial, result)
    console.print(sentence, markup=False, soft_wrap=True)
    return code


def find_trial(run: Run, asked: str) -> tuple[VersionResult, TrialResult]:
    """The trial that a person means.

    Args:
        run: where to look.
        asked: an id or a name, perhaps with a version in front; or `latest`.

    Raises:
        ConfigurationError: there is none, or several versions have it.
    """
    everything = [(v, t) for v in run.result.versions for t in v.crashes]
    if asked == LATEST:
        found = [(v, t) for v, t in everything if t.verdict.violated] or everything
        if not found:
            raise ConfigurationError("That run crashed nothing, so there is nothing to replay.")
        return found[0]
    version, _, point = asked.rpartition("/")
    found = [
        (v, t)
        for v, t in everything
        if point in {t.plan.id, t.plan.label} and (not version or v.version.name == version)
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


def compared(before: TrialResult, result: DrillResult) -> tuple[str, int]:
    """Whether a replay shows what it showed before, in words, and the exit code."""
    (after,) = result.versions[0].trials
    same = {f.place: f.verdict for f in before.findings} == {f.place: f.verdict for f in after.findings}
    if not after.reached:
        return f"NOT REPRODUCED: {before.plan.label} was not reached again in {after.tries} tries.", NOT_REPRODUCED
    if same and before.verdict.violated:
        return f"REPRODUCED: {_told(after)}, as before.", 1
    if same:
        return f"The same as before: {_told(after)}.", result.exit_code
    if _violated(before) & _violated(after):
        return f"REPRODUCED: {_again(before, after)}", 1
    if after.verdict.violated and not before.verdict.violated:
        return f"NOT REPRODUCED: {_told(before)} before; {_told(after)} now.", 1
    return f"NOT REPRODUCED: {_told(before)} before; {_told(after)} now.", NOT_REPRODUCED


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
