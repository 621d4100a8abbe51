"""oncewhere.toml comes in; a checked, frozen `Declaration` of what is drilled comes out."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from oncewhere.errors import ConfigurationError
from oncewhere.runtime.loading import names_an_app

from . import application
from .claims import Claims
from .declaration import FILE_NAME, Declaration, Processor, Settings, Version, VersionChange
from .effect import Effect, EffectChange, check_name
from .misdeclared import misdeclared, unknown_name, wrong_table

SIZE_LIMIT_BYTES = 1_000_000


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    processor: Processor
    drill: Settings
    effects: dict[str, Effect] = {}
    versions: dict[str, VersionChange] = {}
    options: dict[str, dict[str, Any]] = {}  # of the command line; nothing of a drill
    document: Claims = Claims()


def load(path: Path) -> Declaration:
    """Reads a declaration.

    Args:
        path: a folder with an `oncewhere.toml` or a `pyproject.toml` with `[tool.oncewhere]`, or such a file; or
            `MODULE:APP`, a processor written with the library, beside such a file.

    Raises:
        ConfigurationError: no such file, not TOML, an unknown key (the nearest known one is named), a wrong type.
    """
    named = path.name if not path.exists() and names_an_app(path.name) else None
    file, tables = _read(path if named is None else path.parent)
    if named is not None:
        tables = {**tables, "processor": {**tables.get("processor", {}), "app": named}}
        tables["processor"].pop("command", None)
    alone = file.parent.resolve().name if named is None else Path(named.rpartition(":")[0]).stem
    return msgspec.structs.replace(_completed(tables, file, name=alone), app=named)


def loads(text: str, file: Path) -> Declaration:
    """Reads a declaration that is not written yet.

    Args:
        text: TOML.
        file: where it is to stand.

    Raises:
        ConfigurationError: see `load`.
    """
    return _completed(_parsed(text, file), file, name=file.parent.resolve().name)


def _completed(tables: Mapping[str, Any], file: Path, *, name: str) -> Declaration:
    """With what the application says, where one is named."""
    if "app" in tables.get("processor", {}):
        tables = application.complete(tables, file.parent, file=str(file))
    return declare(tables, file, name=name)


def declare(tables: Mapping[str, Any], file: Path, *, name: str) -> Declaration:
    """Checks what a declaration says.

    Args:
        tables: of the file.
        file: where they stand; its folder is where the command starts.
        name: of the only version, where the tables name none.

    Raises:
        ConfigurationError: see `load`.
    """
    try:
        parsed = msgspec.convert(tables, _File)
    except msgspec.ValidationError as error:
        raise misdeclared(error, tables, _File, file=str(file)) from None
    _check(parsed, file)
    changes = parsed.versions or {name: VersionChange()}
    return Declaration(
        folder=file.parent.resolve(),
        versions={name: _apply(parsed, name, change, file) for name, change in changes.items()},
        demonstrates=any(change.expect for change in changes.values()),
    )


def _read(path: Path) -> tuple[Path, Any]:
    if path.is_file():
        candidates = [path]
    elif path.is_dir():
        candidates = [path / FILE_NAME, path / "pyproject.toml"]
    else:
        raise ConfigurationError(f"{path} does not exist.", hint=f"Name a folder with an {FILE_NAME}, or the file.")
    for file in candidates:
        if not file.is_file():
            continue
        if file.stat().st_size > SIZE_LIMIT_BYTES:
            raise ConfigurationError(f"{file} is larger than {SIZE_LIMIT_BYTES} bytes: no declaration is.")
        try:
            tables = _parsed(file.read_text(encoding="utf-8"), file)
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"{file} is not valid TOML: {error}.") from None
        if file.name != "pyproject.toml":
            return file, tables
        if "oncewhere" in tables.get("tool", {}):
            return file, tables["tool"]["oncewhere"]
    raise ConfigurationError(
        f"{path} has no {FILE_NAME}, and no [tool.oncewhere] in a pyproject.toml.",
        hint="Write one with: oncewhere init",
    )


def _parsed(text: str, file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}.") from None


def _check(parsed: _File, file: Path) -> None:
    if not parsed.processor.command:
        raise ConfigurationError(f"{file}: processor.command is empty.", hint="Write the program and its arguments.")
    if not parsed.processor.output:
        raise ConfigurationError(f"{file}: processor.output is empty.", hint="Name at least one output topic.")
    for name in parsed.effects:
        check_name(name, str(file))
    _check_claims(parsed.document, parsed, file, "document.effects")
    for name, change in parsed.versions.items():
        for effect in change.effects:
            if effect not in parsed.effects:
                raise unknown_name(str(file), f"versions.{name}.effects", effect, list(parsed.effects))
        _check_claims(change.document, parsed, file, f"versions.{name}.document.effects")
        places = dict.fromkeys([*parsed.processor.output, *parsed.effects])
        for crash, verdicts in change.expect.items():
            for place in verdicts:
                if place not in places:
                    raise unknown_name(str(file), f"versions.{name}.expect.{crash}", place, list(places))


def _check_claims(claims: Claims, parsed: _File, file: Path, where: str) -> None:
    for effect in claims.effects:
        if effect not in parsed.effects:
            raise unknown_name(str(file), where, effect, list(parsed.effects))


def _apply(parsed: _File, name: str, change: VersionChange, file: Path) -> Version:
    effects = {
        key: _changed(effect, change.effects.get(key, EffectChange()), file, f"versions.{name}.effects.{key}")
        for key, effect in parsed.effects.items()
    }
    command = parsed.processor.command if change.command is None else change.command
    return Version(
        name=name,
        about=change.about,
        processor=msgspec.structs.replace(parsed.processor, command=command),
        effects=effects,
        settings=parsed.drill,
        expect=change.expect,
        claims=parsed.document.changed(change.document),
    )


def _changed(effect: Effect, change: EffectChange, file: Path, where: str) -> Effect:
    given = {field: value for field, value in msgspec.structs.asdict(change).items() if value is not None}
    try:
        return msgspec.structs.replace(effect, **given)
    except ValueError as error:
        raise wrong_table(str(file), where, str(error)) from None
