"""An earlier run comes in; the declaration and the version that it drilled go out, as they stand here and now."""

from __future__ import annotations

from pathlib import Path

from oncewhere.drill import Declaration, Version
from oncewhere.errors import ConfigurationError
from oncewhere.report import Run

from .places import project_folder
from .servers import choose_versions


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


def words_to(run: Run, folder: Path, given: str) -> list[str]:
    """How a run is named in a command of `oncewhere replay`, from the current folder.

    Args:
        run: what was drilled.
        folder: where it is.
        given: how the user has named it.

    Returns:
        Its name where it is one of the project's own. Of any other the path, as the user gave it, and `--project DIR`
        where the declaration of what was drilled is not at hand: `DIR` is to be filled in.
    """
    if folder.resolve().parent == (project_folder() / "runs").resolve():
        return [folder.resolve().name]
    try:
        declaration_of(run, None)
    except ConfigurationError:
        return [given, "--project", "DIR"]
    return [given]


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
