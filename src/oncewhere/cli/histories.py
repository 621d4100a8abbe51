"""What a person calls a history comes in (a path, a run, a point of one); the folder or file to judge goes out."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from oncewhere.drill import TrialResult, worst
from oncewhere.errors import ConfigurationError
from oncewhere.report import LATEST, Run, find_run, is_run, read_run, run_around, runs_within, several_runs, unmasked

from .places import project_folder
from .replay import find_trial

FILE_NAME = "wire.jsonl"
POINT_PARTS = 2
"""VERSION/POINT."""
ANEW = "Ask for the run's folder once more, or crash at that point again: oncewhere replay POINT RUN --project DIR"


def find_history(name: str, point: str = "") -> Path:
    """Where a history is, or the folder of several.

    Args:
        name: a path; or a run's name, or `latest`. A point may stand behind it, as in RUN/VERSION/POINT, by the name
            that the run gives it: a trial whose point moved stands in a folder of its first name. Or a point of the
            newest run.
        point: of that run, or a version of it; empty for what `name` says. The two may stand in the order of `replay`,
            too.

    Raises:
        ConfigurationError: there is none, or several runs are meant.
    """
    name, point = _run_first(name, point)
    path = Path(name).expanduser()
    if not path.exists():
        around = next((folder for folder in path.parents if is_run(folder)), None)
        if around is None:
            path, point = _run_or_point(name, point)
        else:
            path, point = around, str(path.relative_to(around))
    elif path.is_dir():
        path = the_run_in(path)
    if not point:
        return path
    run = find_run(project_folder(), str(path))
    try:
        found = read_run(run)
    except ConfigurationError:  # without its run.json, a trial is known by the name of its folder alone
        if (run / point).exists():
            return run / point
        raise
    folder = run / _folder_in(found, point)
    if not folder.exists():
        gone = "the trial's history is" if len(folder.relative_to(run).parts) > 1 else "the version's histories are"
        raise ConfigurationError(f"{folder} does not exist: {gone} gone.{recorded(folder)}", hint=ANEW)
    return folder


def _folder_in(run: Run, point: str) -> str:
    """Where a trial stands in its run's folder, or a whole version, which may be named in a point's place.

    Raises:
        ConfigurationError: there is neither.
    """
    asked = point.removesuffix(f"/{FILE_NAME}").rstrip("/")
    folders = {v.version.name: str(Path(v.trials[0].folder).parent) for v in run.result.versions if v.trials}
    if asked in folders:
        return folders[asked]
    _, trial = find_trial(run, asked)
    return trial.folder


def _run_first(name: str, point: str) -> tuple[str, str]:
    """A run and a point of it in this order, where they came in the other one: only the second leads anywhere."""
    if point and not _leads_somewhere(name) and _leads_somewhere(point):
        return point, name
    return name, point


def _leads_somewhere(name: str) -> bool:
    with contextlib.suppress(ConfigurationError):
        return find_run(project_folder(), str(Path(name).expanduser())).exists()
    return Path(name).expanduser().exists()


def _run_or_point(name: str, point: str) -> tuple[Path, str]:
    """The run that is called so, with the point in it; else the newest one, where it has a point that is called so."""
    try:
        return find_run(project_folder(), str(Path(name).expanduser())), point
    except ConfigurationError:
        if point or not _may_be_point(name):
            raise
        newest = _newest_for(name)
        with contextlib.suppress(ConfigurationError):
            _folder_in(read_run(newest), name)
            return newest, name
        raise


def _may_be_point(name: str) -> bool:
    """True for POINT and VERSION/POINT; whoever begins a name with a dot means a path."""
    return name != LATEST and len(Path(name).parts) <= POINT_PARTS and not name.startswith((".", "/", "~"))


def _newest_for(name: str) -> Path:
    """The newest run, where a name is perhaps that of a point of it.

    Raises:
        ConfigurationError: there is none, which is then more to the point than that the name leads nowhere.
    """
    try:
        return find_run(project_folder())
    except ConfigurationError as error:
        told = f"{error.message} Nor is there a file or a folder {name}."
        raise ConfigurationError(told, hint=error.hint) from None


def the_run_in(folder: Path) -> Path:
    """A folder that is a run or a part of one, as it is; else the one run that lies in it, where there is one.

    Only a run says which trials there were: histories of several are not judged as if they were all.

    Raises:
        ConfigurationError: it holds several runs, or one and histories that are not of it.
    """
    if run_around(folder.resolve()) is not None or not (runs := runs_within(folder)):
        return folder
    names = [str(run.relative_to(folder)) for run in runs]
    if len(runs) > 1:
        raise several_runs(folder, names)
    if stray := next((file for file in sorted(folder.rglob(FILE_NAME)) if runs[0] not in file.parents), None):
        raise ConfigurationError(
            f"{folder} holds a run, {names[0]}, and histories that are not of it, such as {stray}.",
            hint="Name the run, or the folder of the others.",
        )
    return runs[0]


def without_history(folder: Path) -> list[str]:
    """The trials whose histories are gone, a sentence each; none where nothing says which there were.

    Args:
        folder: a run's; or a part of one, and then the trials of that part.
    """
    return [
        f"{trial.folder}/{FILE_NAME} is not there, so this trial is not judged again; the run says {trial.verdict}."
        for trial in _gone_from(folder)
    ]


def recorded(folder: Path) -> str:
    """What the run recorded of a part of it whose histories are gone, in a sentence with a blank in front; else empty.

    Args:
        folder: that part's, whether it is there or not.
    """
    gone = _gone_from(folder)
    which = f", at the worst of {len(gone)} trials" if len(gone) > 1 else ""
    return f" The run says {worst([trial.verdict for trial in gone])}{which}." if gone else ""


def _gone_from(folder: Path) -> list[TrialResult]:
    part = folder.resolve()
    run = run_around(part)
    if run is None:
        return []
    with contextlib.suppress(ConfigurationError):  # a damaged run.json: what is there is judged all the same
        trials = [trial for version in read_run(run).result.versions for trial in version.trials]
        return [
            trial
            for trial in trials
            if (run / trial.folder).is_relative_to(part) and not os.path.isfile(run / trial.folder / FILE_NAME)  # noqa: PTH113  # False, too, where nobody may look
        ]
    return []


def unmasked_logs(run: Path) -> list[str]:
    """What of a run must be read before it is sent, a sentence each; none where nothing says how far it came."""
    with contextlib.suppress(ConfigurationError):
        return unmasked(run, read_run(run)) if is_run(run) else []
    return []
