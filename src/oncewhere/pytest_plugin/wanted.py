"""What a test says of a processor comes in; a checked declaration goes out, as from an oncewhere.toml."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from oncewhere import Processor
from oncewhere.drill import Declaration, load
from oncewhere.drill.application import complete, read
from oncewhere.drill.declaration_file import declare
from oncewhere.drill.effect import SQL_SYSTEMS
from oncewhere.drill.inputs import Input
from oncewhere.errors import ConfigurationError
from oncewhere.runtime.declaration import Declaration as Declared
from oncewhere.runtime.loading import names_an_app

from .absent_places import Places, check_places, effects_beside
from .said_beside_a_file import refuse_beside_a_file

App = Processor | str | os.PathLike[str] | Sequence[str]
"""A Processor, `module:app`, the path of a declaration, or a command."""
_INPUT_KEYS = frozenset(Input.__struct_fields__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a test says beside the processor; what is None is left to the processor or its declaration.

    Attributes:
        inputs: the input records: each a value, or a dict of `value`, `key`, `headers`, `partition`.
        observe: the query of the only database, or one for each effect by name.
        schema: an SQL file, or SQL text; for the only database, or one for each effect by name.
        identity: where the business identity stands: a JSON field, `key` or `header:NAME`.
        output: the output topics.
        effects: more of each effect, as in `[effects.NAME]`.
        processor: more of the processor, as in `[processor]`; what a command needs.
        drill: more of the drill, as in `[drill]`.
    """

    inputs: Sequence[Any] | None = None
    observe: str | Mapping[str, str] | None = None
    schema: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None = None
    identity: str | None = None
    output: Sequence[str] | None = None
    effects: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    processor: Mapping[str, Any] = field(default_factory=dict)
    drill: Mapping[str, Any] = field(default_factory=dict)


def declaration(app: App, wanted: Wanted, *, folder: Path, scratch: Path) -> Declaration:
    """The declaration of a processor.

    Args:
        app: what is drilled.
        wanted: what the test says of it.
        folder: where relative paths start, and the processor.
        scratch: where files may be written.

    Raises:
        ConfigurationError: something is missing or contradicts itself, or is said beside a declaration in a file.
    """
    if isinstance(app, str | os.PathLike) and stands_in_a_file(app):
        refuse_beside_a_file(os.fspath(app), {name: getattr(wanted, name) for name in Wanted.__dataclass_fields__})
        return load(folder / app)
    name = _name(app)
    processor: dict[str, Any] = dict(wanted.processor)
    declared: Declared | None = None
    if name is None:
        assert not isinstance(app, Processor | os.PathLike)  # noqa: S101  # it has a name, or was loaded
        processor["command"] = list(app)
    else:
        environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **processor.get("environment", {})}
        processor |= {"app": name, "environment": environment}
        declared = app.declaration() if isinstance(app, Processor) else read(name, folder, environment)
    if wanted.identity is not None:
        processor["identity"] = wanted.identity
    if wanted.output is not None:
        processor["output"] = list(wanted.output)
    systems = {} if declared is None else {effect.place: effect.system for effect in declared.effects}
    systems |= {place: str(table["system"]) for place, table in wanted.effects.items() if "system" in table}
    places = Places(
        processor=(name or "").rpartition("/")[2],
        systems=systems,
        declared=0 if declared is None else len(declared.effects),
        beside=effects_beside(app) if isinstance(app, Processor) else (),
    )
    check_places(places, {"observe": wanted.observe, "schema": wanted.schema, "effects": wanted.effects})
    tables = {
        "processor": processor,
        "effects": _effects(wanted, systems, scratch),
        "drill": {**_inputs(wanted.inputs, scratch), **wanted.drill},
    }
    file = folder / "oncewhere_drill(…)"
    if name is not None:
        tables = complete(tables, folder, file=file.name, declared=declared)
    return declare(tables, file, name=(name or "processor").rpartition(":")[0].rpartition("/")[2] or "processor")


def stands_in_a_file(app: App) -> bool:
    """True where a test names a declaration, and is none itself."""
    return isinstance(app, str | os.PathLike) and not (isinstance(app, str) and names_an_app(app))


def _name(app: App) -> str | None:
    """`MODULE:APP` of a processor; None for a path or a command."""
    if isinstance(app, str):
        return app if names_an_app(app) else None
    if not isinstance(app, Processor):
        return None
    for module_name, module in sys.modules.copy().items():
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            if value is app:
                file = getattr(module, "__file__", None)
                where = module_name if module_name != "__main__" and _importable(module_name) else file
                return f"{where}:{attribute}"
    raise ConfigurationError(
        "The processor stands in no module, so the process that is to be crashed cannot import it.",
        hint="Write app = Processor(…) at the top of a module, or name it: 'settlement:app'.",
    )


def _importable(name: str) -> bool:
    """True where another process finds the module by that name; pytest names test modules as it likes."""
    path = name.replace(".", "/")
    return any((Path(p) / f"{path}.py").is_file() or (Path(p) / path / "__init__.py").is_file() for p in sys.path)


def _effects(wanted: Wanted, systems: Mapping[str, str], scratch: Path) -> dict[str, dict[str, Any]]:
    found = {name: dict(table) for name, table in wanted.effects.items()}
    databases = [name for name, system in systems.items() if system in SQL_SYSTEMS]
    for place, query in _each("observe", wanted.observe, databases).items():
        found.setdefault(place, {})["observe"] = query
    for place, schema in _each("schema", wanted.schema, databases).items():
        found.setdefault(place, {})["schema"] = _schema(place, schema, scratch)
    return found


def _each(what: str, given: Any, databases: Sequence[str]) -> Mapping[str, Any]:
    if given is None or isinstance(given, Mapping):
        return given or {}
    if len(databases) != 1:
        raise ConfigurationError(
            f"{what} is one text, and the processor has {len(databases)} databases: {', '.join(databases)}.",
            hint=f"Write {what}={{'NAME': …}}, by effect.",
        )
    return {databases[0]: given}


def _schema(place: str, given: str | os.PathLike[str], scratch: Path) -> str:
    if not isinstance(given, str) or ";" not in given:
        return os.fspath(given)
    file = scratch / f"{place}.sql"
    file.write_text(given, encoding="utf-8")
    return str(file)


def _inputs(given: Sequence[Any] | None, scratch: Path) -> dict[str, str]:
    if given is None:
        return {}
    file = scratch / "inputs.jsonl"
    lines = (msgspec.json.encode(record if _is_record(record) else {"value": record}) for record in given)
    file.write_bytes(b"\n".join(lines) + b"\n")
    return {"inputs": str(file)}


def _is_record(given: Any) -> bool:
    return isinstance(given, dict) and "value" in given and _INPUT_KEYS.issuperset(given)
