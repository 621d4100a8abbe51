"""What a person calls a run comes in (a name, its beginning, a path, a place within one); its folder goes out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from oncewhere.errors import ConfigurationError

from .run_folder import LATEST
from .run_json import FILE_NAME

RUNS_SHOWN = 5
ARCHIVES = {".tgz", ".gz", ".zip", ".xz", ".zst", ".bz2", ".tar"}
DEPTH = 4
"""How far below a run's folder something may lie: RUN/VERSION/POINT/wire.jsonl."""


def find_run(root: Path, name: str = LATEST) -> Path:
    """The folder of a run.

    Args:
        root: the project's `.oncewhere` folder.
        name: the run's name, the beginning of one, or a path: its folder, or anything within it. `latest` is the newest
            of the project; within a run's folder it is that run.

    Raises:
        ConfigurationError: there is none, or it may not be looked at.
    """
    try:
        return _found(root / "runs", name)
    except PermissionError as error:
        raise ConfigurationError(
            f"{error.filename} may not be looked at: {error.strerror}.",
            hint="Copy the run's folder to where you may read all of it.",
        ) from None


def _found(runs: Path, name: str) -> Path:
    if name == LATEST and not runs.is_dir() and (around := run_around(Path.cwd())):
        return around
    for path in (runs / name, Path(name)):
        if path.exists():
            return run_around(path.resolve()) or _as_it_is(path)
    if _is_path(name):
        raise ConfigurationError(f"{name} does not exist.", hint="Name a run's folder, or a run of this project.")
    matching = sorted(path for path in _runs_in(runs) if path.name.startswith(name))
    if len(matching) == 1:
        return matching[0].resolve()
    known = [path.name for path in _runs_in(runs)][-RUNS_SHOWN:]
    if name == LATEST and known:
        raise ConfigurationError(
            f"No run in {runs} is marked as the newest one: a drill marks itself, what repeats a point does not.",
            hint=f"The last one there is {known[-1]}: name it.",
        )
    if name == LATEST:
        raise ConfigurationError(
            f"There is no run in {runs} yet.",
            hint="Make one with: oncewhere drill PATH. One from elsewhere is named by its folder.",
        )
    raise ConfigurationError(
        f"There is no run {name!r} in {runs}, and no such file.",
        hint=(f"The newest are {', '.join(known)}. " if known else "")
        + "One from elsewhere is named by the path of its folder.",
    )


def is_run(folder: Path) -> bool:
    """True for a folder with a run.json."""
    return (folder / FILE_NAME).is_file()


def run_around(path: Path) -> Path | None:
    """The run that a path is, or lies in.

    Args:
        path: without links in it.
    """
    return next((folder for folder in (path, *path.parents[:DEPTH]) if is_run(folder)), None)


def runs_within(folder: Path) -> list[Path]:
    """The runs that lie anywhere below a folder."""
    return sorted(file.parent for file in folder.rglob(FILE_NAME) if file.is_file())


def _as_it_is(path: Path) -> Path:
    """A folder that may still hold something of a run.

    Raises:
        ConfigurationError: it is a file of no run, or a folder of runs.
    """
    if path.is_file():
        raise ConfigurationError(
            f"{path} is a file, and no run is around it.",
            hint=f"{'Unpack it, and name' if path.suffix in ARCHIVES else 'Name'} the folder that holds run.json.",
        )
    if found := [folder.name for folder in _runs_in(path) if is_run(folder)]:
        raise several_runs(path, found)
    return path.resolve()


def several_runs(folder: Path, found: Sequence[str]) -> ConfigurationError:
    """What is said of a folder of runs where one run is meant.

    Args:
        folder: that holds them.
        found: what they are called in it, the newest last.
    """
    more = f", and {len(found) - RUNS_SHOWN} more" if len(found) > RUNS_SHOWN else ""
    told = f"{', '.join(found[-RUNS_SHOWN:])}{more}"
    number = "1 run" if len(found) == 1 else f"{len(found)} runs"
    return ConfigurationError(f"{folder} holds {number}.", hint=f"Name one of them: {told}.")


def _runs_in(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


def _is_path(name: str) -> bool:
    return len(Path(name).parts) != 1
