"""What a declaration's check refuses comes in; an error that names the key, the values that there are, and the nearest.

The check names a place by its kind (`effects[...].system`); which table it is, is found by asking it of each alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import inspect

from oncewhere.errors import ConfigurationError
from oncewhere.spelling import nearest

Part = str | int
"""Of a key's path: a name, or a place in a list."""

_PLACE: Final = re.compile(r"(?P<what>.*?)(?: - at (?P<key>`key` in )?`\$\.?(?P<path>[^`]*)`)?", re.DOTALL)
_PART: Final = re.compile(r"\[(?P<index>\d+)\]|(?P<any>\[\.\.\.\])|(?P<name>[^.\[\]]+)")
_UNKNOWN_FIELD: Final = re.compile(r"unknown field `(?P<name>[^`]+)`")
_MISSING_FIELD: Final = re.compile(r"missing required field `(?P<name>[^`]+)`")
_WRONG_VALUE: Final = re.compile(r"Invalid enum value '(?P<name>.*)'", re.DOTALL)


def misdeclared(
    error: msgspec.ValidationError, tables: Mapping[str, Any], kind: type[msgspec.Struct], *, file: str
) -> ConfigurationError:
    """The error that a person is shown.

    Args:
        error: what the check said.
        tables: what it was given.
        kind: what they were to become.
        file: where they stand.
    """
    match = _PLACE.fullmatch(str(error))
    if match is None:  # pragma: no cover  # all of it may be left out but the words
        return ConfigurationError(f"{file}: {error}.")
    what, parts = match["what"], _parts(match["path"] or "", error, tables, kind)
    where = _written(parts)
    kinds = list(_kinds_at(inspect.type_info(kind), parts))
    if (unknown := _UNKNOWN_FIELD.search(what)) is not None:
        return unknown_name(file, where or "the top level", unknown["name"], _fields(kinds))
    if (missing := _MISSING_FIELD.search(what)) is not None:
        return ConfigurationError(f"{file}: {_written([*parts, missing['name']])} is missing.")
    if (wrong := _WRONG_VALUE.search(what)) is not None:
        known = _values(kinds, of_keys=match["key"] is not None)
        if match["key"] is not None:
            return unknown_name(file, where, wrong["name"], known)
        return ConfigurationError(
            f"{file}: {where} cannot be {wrong['name']!r}.", hint=_instead(wrong["name"], known, all_of_them=True)
        )
    return wrong_table(file, where, what)


def wrong_table(file: str, where: str, what: str) -> ConfigurationError:
    """The error for a table whose values do not fit each other.

    Args:
        file: where it stands.
        where: the table; empty for the whole file.
        what: a sentence or a question; a full stop may be missing.
    """
    said = what if what.endswith("?") else f"{what}."
    return ConfigurationError(f"{file}: {where}: {said}" if where else f"{file}: {said}")


def unknown_name(file: str, where: str, name: str, known: Sequence[str]) -> ConfigurationError:
    """The error for a key that is none.

    Args:
        file: where it stands.
        where: the table.
        name: the key.
        known: those that there are.
    """
    return ConfigurationError(f"{file}: unknown key {name!r} in {where}.", hint=_instead(name, known))


def _instead(name: str, known: Sequence[str], *, all_of_them: bool = False) -> str | None:
    near = nearest(name, known)
    said = [f"Did you mean {near!r}?"] if near else []
    if known and (all_of_them or not near):
        said.append(f"Known: {', '.join(known)}.")
    return " ".join(said) or None


def _written(parts: Sequence[Part]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def _parts(
    path: str, error: msgspec.ValidationError, tables: Mapping[str, Any], kind: type[msgspec.Struct]
) -> list[Part]:
    """The path, with the key that is meant where it says `[...]`."""
    parts: list[Part] = []
    for match in _PART.finditer(path):
        if match["any"] is None:
            parts.append(match["name"] if match["index"] is None else int(match["index"]))
            continue
        here = _at(tables, parts)
        alone = (name for name in here if _refusal(_with(tables, parts, {name: here[name]}), kind) == str(error))
        parts.append(next(alone, "…"))
    return parts


def _refusal(tables: Mapping[str, Any], kind: type[msgspec.Struct]) -> str | None:
    try:
        msgspec.convert(tables, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def _at(tables: Any, parts: Sequence[Part]) -> Any:
    for part in parts:
        tables = tables[part]
    return tables


def _with(tables: Any, parts: Sequence[Part], value: object) -> Any:
    """The same tables, with another value at a path."""
    if not parts:
        return value
    first, *rest = parts
    copy = tables.copy()
    copy[first] = _with(tables[first], rest, value)
    return copy


def _kinds_at(kind: inspect.Type, parts: Sequence[Part]) -> Iterator[inspect.Type]:
    """What may stand at a path."""
    if isinstance(kind, inspect.UnionType):
        for one in kind.types:
            yield from _kinds_at(one, parts)
        return
    if not parts:
        yield kind
        return
    first, *rest = parts
    below = None
    if isinstance(kind, inspect.StructType):
        below = next((field.type for field in kind.fields if field.name == first), None)
    elif isinstance(kind, inspect.DictType):
        below = kind.value_type
    elif isinstance(kind, inspect.ListType):
        below = kind.item_type
    if below is not None:
        yield from _kinds_at(below, rest)


def _fields(kinds: Sequence[inspect.Type]) -> list[str]:
    return [field.name for kind in kinds if isinstance(kind, inspect.StructType) for field in kind.fields]


def _values(kinds: Sequence[inspect.Type], *, of_keys: bool) -> list[str]:
    """The words that may stand there, or that may be keys there."""
    if of_keys:
        return _values([kind.key_type for kind in kinds if isinstance(kind, inspect.DictType)], of_keys=False)
    found: list[str] = []
    for kind in kinds:
        if isinstance(kind, inspect.LiteralType):
            found += map(str, kind.values)
        elif isinstance(kind, inspect.EnumType):
            found += (str(one.value) for one in kind.cls)
    return found
