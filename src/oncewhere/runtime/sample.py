"""A value type comes in; a JSON value that decodes to it goes out, for inputs that a person goes on from.

msgspec tells what a type is made of, Pydantic the JSON Schema of a model. What is made of it is tried: a type with
rules that neither tells, or that this does not follow, has no sample.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec import inspect

from oncewhere.runtime.values import decoder

TEXTS: Final[Mapping[str, str]] = {
    "uuid": "00000000-0000-4000-8000-000000000001",
    "datetime": "2026-01-01T00:00:00Z",
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "PT1S",
    "timedelta": "PT1S",
    "decimal": "1",
    "email": "somebody@example.org",
}
"""By msgspec's name of a type, and by the format that a schema names."""
DEPTH_LIMIT: Final = 8
"""Values within values; a type that contains itself has no end."""


def sample(value_type: Any) -> Any:
    """A JSON value that decodes to a type; None where there is none, or none can be made.

    Args:
        value_type: what the values of a topic decode to.
    """
    with contextlib.suppress(Exception):  # a type's own validation may raise anything; it has no sample then
        schema_of = getattr(value_type, "model_json_schema", None)
        if schema_of is None:
            made = _of_type(inspect.type_info(value_type), "text", 0)
        else:
            schema = schema_of()
            made = _of_schema(schema, schema.get("$defs", {}), "text", 0)
        decode = decoder("", value_type)
        if decode is not None:
            decode(msgspec.json.encode(made))
            return made
    return None


def _of_type(kind: inspect.Type, name: str, depth: int) -> Any:
    """A value of a type; a text says the name of its field."""
    _within(depth, name)
    match kind:
        case inspect.StructType() | inspect.DataclassType() | inspect.TypedDictType() | inspect.NamedTupleType():
            return {field.encode_name: _of_type(field.type, field.encode_name, depth + 1) for field in kind.fields}
        case inspect.UnionType():
            return _of_type(_first(kind.types, lambda one: not isinstance(one, inspect.NoneType)), name, depth + 1)
        case inspect.Metadata():
            return _of_type(kind.type, name, depth + 1)
        case inspect.TupleType():
            return [_of_type(item, name, depth + 1) for item in kind.item_types]
        case inspect.ListType() | inspect.SetType() | inspect.FrozenSetType() | inspect.VarTupleType():
            return [_of_type(kind.item_type, name, depth + 1)] * (kind.min_length or 0)
    return _of_plain_type(kind, name)


def _of_plain_type(kind: inspect.Type, name: str) -> Any:
    match kind:
        case inspect.EnumType():
            return next(iter(kind.cls)).value
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.IntType() | inspect.FloatType():
            return max(1, kind.ge or 1, (kind.gt or 0) + 1)
        case inspect.BoolType():
            return False
        case inspect.StrType():
            return name
        case inspect.DictType():
            return {}
    return TEXTS.get(type(kind).__name__.removesuffix("Type").lower())


def _of_schema(schema: Mapping[str, Any], named: Mapping[str, Any], name: str, depth: int) -> Any:
    """A value of a JSON Schema; a text says the name of its field."""
    _within(depth, name)
    if "$ref" in schema:
        return _of_schema(named[schema["$ref"].rpartition("/")[2]], named, name, depth + 1)
    if alternatives := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return _of_schema(_first(alternatives, lambda one: one.get("type") != "null"), named, name, depth + 1)
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            return {field: _of_schema(of, named, field, depth + 1) for field, of in fields.items()}
        case "array":
            items = schema.get("prefixItems") or [schema.get("items", {})] * schema.get("minItems", 0)
            return [_of_schema(of, named, name, depth + 1) for of in items]
    return _of_plain_schema(schema, name)


def _of_plain_schema(schema: Mapping[str, Any], name: str) -> Any:
    if "enum" in schema or "const" in schema:
        return schema["enum"][0] if "enum" in schema else schema["const"]
    match schema.get("type"):
        case "string":
            return TEXTS.get(schema.get("format", ""), name)
        case "integer" | "number":
            return max(1, schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1)
        case "boolean":
            return False
    return None


def _first(alternatives: Any, wanted: Callable[[Any], bool]) -> Any:
    return next(filter(wanted, alternatives), alternatives[0])


def _within(depth: int, name: str) -> None:
    if depth > DEPTH_LIMIT:
        raise RecursionError(name)
