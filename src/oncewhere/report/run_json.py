"""A drill's result comes in; run.json goes out, and the result again comes out of it, on any machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from oncewhere.drill import DrillResult, TrialResult, Version, VersionResult
from oncewhere.errors import ConfigurationError
from oncewhere.masking import masked_argument, masked_arguments

from .provenance import Ending, Provenance, Replayed, State
from .sentence import answer

FORMAT = 3
"""Version of run.json; raised when a field changes its meaning or goes away."""

ADDED = frozenset({"options", "repeat"})
"""Fields of this format's that its first writers did not have."""
FILE_NAME = "run.json"
OPEN = 3
INPUTS_LINE = "Made for the drill, as drill.inputs says: not the traffic of production."


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run, as far as it came.

    Attributes:
        path: the declaration that was drilled, as the user named it, seen from the project's folder.
        result: what was found.
        made_with: versions of what took part.
        provenance: where it comes from.
        ending: how it stands.
        replayed: which point of which run it repeats, if it does.
    """

    path: str
    result: DrillResult
    made_with: dict[str, str]
    provenance: Provenance
    ending: Ending
    replayed: Replayed | None = None

    @property
    def is_finished(self) -> bool:
        """True where it came to its end; of any other, what stands in it is not all."""
        return self.ending.state is State.FINISHED

    @property
    def exit_code(self) -> int:
        """That of the command; of one that has not said how it ended, never 0."""
        if self.ending.state is State.LISTED:
            return OPEN
        if self.ending.exit_code is not None:
            return self.ending.exit_code
        return self.result.exit_code if self.is_finished else self.result.exit_code or OPEN

    @property
    def owner(self) -> str | None:
        """Who answers for what was drilled, where the declaration says it."""
        return next((v.version.claims.owner for v in self.result.versions if v.version.claims.owner), None)


def encode(run: Run) -> bytes:
    """The text of run.json."""
    result = run.result
    data = {
        "format": FORMAT,
        "state": run.ending.state,
        "reason": run.ending.reason or None,
        **msgspec.to_builtins(run.provenance),
        "inputs": INPUTS_LINE,
        "owner": run.owner,
        "replayed": None if run.replayed is None else msgspec.to_builtins(run.replayed),
        "path": run.path,
        "demonstration": result.demonstration,
        "control": result.control,
        "exit_code": run.ending.exit_code,
        "duration_s": result.duration_s,
        "made_with": run.made_with,
        "versions": [_version(result, v) for v in result.versions],
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
    except FileNotFoundError:
        raise ConfigurationError(f"{folder} holds no {FILE_NAME}.", hint=what_is_there(folder)) from None
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.", hint=what_is_there(folder)) from None
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{file} is damaged: {error}.", hint=what_is_there(folder)) from None
    written = data.get("format") if isinstance(data, dict) else None
    if written != FORMAT:
        raise ConfigurationError(
            f"{file} was written by {_writer(data)} (format {written or 'unknown'}, not {FORMAT}).",
            hint="Drill again, or read it with that version. " + what_is_there(folder),
        )
    try:
        result = DrillResult(
            versions=tuple(_read_version(v) for v in data["versions"]),
            demonstration=data["demonstration"],
            folder=str(folder),
            duration_s=data["duration_s"],
            control=data["control"],
        )
        return Run(
            path=data["path"],
            result=result,
            made_with=data["made_with"],
            provenance=msgspec.convert(_of(data), Provenance),
            ending=msgspec.convert(
                {"state": data["state"], "reason": data["reason"] or "", "exit_code": data["exit_code"]}, Ending
            ),
            replayed=None if data["replayed"] is None else msgspec.convert(data["replayed"], Replayed),
        )
    except (msgspec.ValidationError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{file} is damaged: {error}.", hint=what_is_there(folder)) from None


def _of(data: dict[str, Any]) -> dict[str, Any]:
    """Where a run comes from."""
    return {name: data[name] for name in Provenance.__dataclass_fields__ if name in data or name not in ADDED}


def what_is_there(folder: Path) -> str:
    """What else of a run a folder holds, in a sentence that says what can be done with it."""
    histories = sorted(path.parent.relative_to(folder) for path in folder.glob("*/*/wire.jsonl"))
    pages = [name for name in ("report.html", "junit.xml") if (folder / name).is_file()]
    if not histories and not pages:
        return "There is nothing of a run in it." if folder.is_dir() else "There is no such folder."
    told = [f"{' and '.join(pages)} can be read"] if pages else []
    if histories:
        told.append(f"oncewhere check {folder} judges the {len(histories)} trials whose histories are there")
    return f"In it, {'; '.join(told)}."


def _writer(data: Any) -> str:
    made = data.get("made_with") if isinstance(data, dict) else None
    version = made.get("oncewhere") if isinstance(made, dict) else None
    return f"oncewhere {version}" if version else "another version of oncewhere"


def _version(drill: DrillResult, result: VersionResult) -> dict[str, Any]:
    return {
        "name": result.version.name,
        "about": result.version.about,
        "sentence": answer(drill, result),
        "verdict": result.verdict,
        "as_demonstrated": not result.surprises and not result.unvisited,
        "cut_off": result.cut_off,
        "coverage": None if result.coverage is None else msgspec.to_builtins(result.coverage),
        "declaration": msgspec.to_builtins(without_secrets(result.version)),
        "trials": [_trial(t) for t in result.trials],
    }


def without_secrets(version: Version) -> Version:
    """What a run's folder says of a version: it carries no variables, no password, no path of a schema or of inputs."""
    processor, inputs, control = version.processor, version.settings.inputs, version.settings.control
    command = masked_arguments(processor.command)
    told = _carried(masked_argument(inputs)) if isinstance(inputs, str) else masked_arguments(inputs)
    effects = {name: msgspec.structs.replace(e, schema=_files(e.schema)) for name, e in version.effects.items()}
    return msgspec.structs.replace(
        version,
        processor=msgspec.structs.replace(processor, environment={}, command=command),
        effects=effects,
        settings=msgspec.structs.replace(
            version.settings, inputs=told, control=masked_arguments(control) if isinstance(control, list) else control
        ),
        claims=version.claims.without_secrets(),
    )


def _files(schema: str | list[str] | None) -> str | list[str] | None:
    if isinstance(schema, list):
        return [_carried(path) for path in schema]
    return None if schema is None else _carried(schema)


def _carried(path: str) -> str:
    """A path that means something elsewhere: of one that leads through this machine, the last part."""
    return Path(path).name if Path(path).is_absolute() else path


def _trial(trial: TrialResult) -> dict[str, Any]:
    return {
        "crash": trial.point.name if trial.point else None,
        "id": trial.plan.id,
        "verdict": trial.verdict,
        "proof": None if trial.crash is None else msgspec.to_builtins(trial.crash),
        **msgspec.to_builtins(trial),
    }


_FIELDS = {"version": "declaration", "trials": "trials", "coverage": "coverage", "cut_off": "cut_off"}
"""Where each field of a version's result stands."""


def _read_version(data: dict[str, Any]) -> VersionResult:
    return msgspec.convert({name: data[other] for name, other in _FIELDS.items()}, VersionResult)
