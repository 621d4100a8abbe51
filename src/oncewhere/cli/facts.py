"""A declaration, a processor's code and run folders come in; the facts of a document go out. Nothing is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from oncewhere.document import (
    Declared,
    Drilled,
    Facts,
    Observed,
    drilled,
    from_code,
    from_declaration,
    merged,
    observed,
    standing_run,
)
from oncewhere.drill import Declaration, Version, VersionResult, application, read
from oncewhere.drill.declaration import FILE_NAME, INSTANCE
from oncewhere.drill.observations import together
from oncewhere.drill.worlds.schema_file import read_schema
from oncewhere.errors import ConfigurationError
from oncewhere.report import Run, read_run

from .drill import seen_from_here
from .places import project_folder

HISTORY = "wire.jsonl"
REPLAY = "-replay"


@dataclass(frozen=True, slots=True)
class Told:
    """What one run tells of one version.

    Attributes:
        name: the run's.
        folder: where it is.
        run: all of it.
        result: the version's part.
        other_way: True where it was drilled by its module and is named by its folder here, or the other way round: the
            same program by another command.
    """

    name: str
    folder: Path
    run: Run
    result: VersionResult
    other_way: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What runs are at hand, of one version.

    Attributes:
        runs: the newest first.
    """

    runs: tuple[Told, ...]


def declared_of(declaration: Declaration, version: Version) -> Declared:
    """What the declaration says, and the code where the declaration names it.

    Raises:
        ConfigurationError: a schema cannot be read, or the code cannot be asked.
    """
    schemas = {
        name: read_schema(name, effect, declaration.folder) for name, effect in version.effects.items() if effect.schema
    }
    said = from_declaration(version, FILE_NAME, schemas)
    app = version.claims.app
    return said if app is None else merged(said, code_of(app, declaration.folder, version.processor.environment))


def code_of(app: str, folder: Path, environment: Mapping[str, str] | None = None) -> Declared:
    """What a processor that is written with the library says of itself; it is imported in a process of its own.

    Args:
        app: `MODULE:APP`.
        folder: where the module is.
        environment: variables that it needs; the addresses in them lead nowhere, and `{instance}` is 0.

    Raises:
        ConfigurationError: there is none, or its module cannot be imported.
    """
    variables = {name: text.replace(f"{{{INSTANCE}}}", "0") for name, text in (environment or {}).items()}
    return from_code(app, application.read(app, folder, variables))


def with_runs(declared: Declared, evidence: Evidence, *, known: Iterable[Drilled] = ()) -> Facts:
    """The facts: what is declared, the newest run that saw the wire, and the run whose crashes count today.

    Args:
        declared: what is declared.
        evidence: the runs at hand.
        known: what was proved by runs that are not at hand: those of a committed document.
    """
    seen = next((found for told in evidence.runs if (found := _observed(told.name, told.folder, told.result))), None)
    proved = [_drilled(told) for told in evidence.runs if told.result.crashes]
    drills = sorted([*proved, *known], key=lambda drill: drill.run, reverse=True)
    return Facts(declared=declared, observed=seen, drilled=standing_run(drills, declared))


def _drilled(told: Told) -> Drilled:
    run = told.run
    control = next((found for found in run.result.versions if found.version.name == run.result.control), None)
    found = drilled(told.result, run=told.name, made_with=run.made_with, control=control)
    return msgspec.structs.replace(found, setup=None) if told.other_way else found


def runs_of(declaration: Declaration | None, version: str, named: Sequence[Path]) -> Evidence:
    """The runs that tell of a version.

    Args:
        declaration: what was drilled; None where only named runs count.
        version: its name.
        named: folders of runs; where there are none, those in `.oncewhere` that drilled this declaration.

    Raises:
        ConfigurationError: a named folder is no run, or tells nothing of the version.
    """
    found: list[Told] = []
    for folder in named:
        run = read_run(folder)
        if not run.is_finished:
            raise ConfigurationError(f"The run {folder} is no evidence: {run.ending.words}.")
        result = _result_of(run, version) or _renamed(run, version, declaration)
        if result is None:
            raise ConfigurationError(
                f"The run {folder} tells nothing of {version}.",
                hint=f"It is of {', '.join(other.version.name for other in run.result.versions)}.",
            )
        found.append(Told(folder.resolve().name, folder, run, result))
    if not named and declaration is not None:
        found = list(_standing_runs(declaration, version))
    return Evidence(runs=tuple(sorted(found, key=lambda told: told.name, reverse=True)))


def _result_of(run: Run, version: str) -> VersionResult | None:
    return next((result for result in run.result.versions if result.version.name == version), None)


def _renamed(run: Run, version: str, declaration: Declaration | None) -> VersionResult | None:
    """A version without a name is called as its folder or module is, and the run may have called it otherwise."""
    if declaration is None or not _is_unnamed(declaration, version) or len(run.result.versions) != 1:
        return None
    (result,) = run.result.versions
    return result if declaration.versions[version].processor.consumes_as(result.version.processor) else None


def _is_unnamed(declaration: Declaration, version: str) -> bool:
    return [*declaration.versions] == [version] and (declaration.app is not None or version == declaration.folder.name)


def _standing_runs(declaration: Declaration, version: str) -> Iterator[Told]:
    here = seen_from_here(declaration)
    as_well = _other_way(declaration, version)
    for folder in sorted((project_folder() / "runs").glob("*Z-*"), reverse=True):
        if folder.name.endswith(REPLAY) or not folder.is_dir():
            continue
        try:
            run = read_run(folder)
        except ConfigurationError:
            continue  # interrupted, or of another version of oncewhere
        if not run.is_finished:
            continue
        result = _result_of(run, version) if run.path == here else None
        other_way = result is None and run.path == as_well
        if other_way:
            result = _renamed(run, version, declaration)
        if result is not None:
            yield Told(folder.name, folder, run, result, other_way)


def _other_way(declaration: Declaration, version: str) -> str | None:
    """The same processor, drilled by its folder where it is named by its module here, or the other way round."""
    app = declaration.versions[version].claims.app
    if app is None or not _is_unnamed(declaration, version):
        return None
    here = Path(seen_from_here(declaration))
    return str(here / app if declaration.app is None else here.parent)


def _observed(name: str, folder: Path, result: VersionResult) -> Observed | None:
    histories = [path for trial in result.trials if (path := folder / trial.folder / HISTORY).is_file()]
    if not histories:
        return None
    try:
        trials = [list(read(path)) for path in histories]
    except (msgspec.MsgspecError, OSError) as error:
        raise ConfigurationError(f"A history in {folder} cannot be read: {error}.") from None
    undeclared = together(trial.observations for trial in result.trials)
    return observed(name, trials, undeclared, result.version.effects)
