"""What is logged of each API: JSON-able and harmless for every version, whatever is null in it."""

from __future__ import annotations

import dataclasses
import json
from types import NoneType
from typing import Any, get_args
from uuid import UUID

import pytest
from kio.index import load_request_schema, load_response_schema
from kio.schema.index import api_key_map, schema_name_map

from oncewhere.wire.kafka.apis import READ
from oncewhere.wire.kafka.fields import record_batches

EVERY_VERSION = [(key, version) for key in READ for version in sorted(schema_name_map[api_key_map[key]])]
FULL: dict[str, Any] = {"string": "secret", "bytes": b"secret", "records": memoryview(b"secret"), "uuid": UUID(int=5)}


def values_of(schema: Any, *, full: bool) -> dict[str, Any]:
    """A body as it is read: everything there, or everything null and out of range."""
    values = {field.name: value_of(field, full=full) for field in dataclasses.fields(schema)}
    if not full:  # a tagged field that is absent
        values = {field.name: values[field.name] for field in dataclasses.fields(schema) if "tag" not in field.metadata}
    return values


def value_of(field: dataclasses.Field[Any], *, full: bool) -> Any:
    annotation, is_array = field.type, "tuple" in str(field.type)
    while not hasattr(annotation, "__flexible__") and get_args(annotation):
        annotation = next(arg for arg in get_args(annotation) if arg is not NoneType)
    if not full and (is_array or field.metadata.get("kafka_type") in FULL):
        return None if field.metadata.get("kafka_type") != "uuid" else UUID(int=0)
    if hasattr(annotation, "__flexible__"):
        value: Any = values_of(annotation, full=full)
    else:
        value = FULL.get(field.metadata["kafka_type"], 3 if full else -99)
    return [value] * 40 if is_array else value


@pytest.mark.parametrize("full", [True, False], ids=["full", "null"])
@pytest.mark.parametrize(("key", "version"), EVERY_VERSION)
def test_every_api_and_version_is_told(key: int, version: int, *, full: bool) -> None:
    api = READ[key]
    told = []
    if api.request is not None:
        told.append(api.request(values_of(load_request_schema(key, version), full=full), {}))
    if api.reply is not None:
        told.append(api.reply(values_of(load_response_schema(key, version), full=full), {}))
    for fields in told:
        assert len(json.dumps(fields)) < 10_000, "bounded"
        assert api.news is None or isinstance(api.news(fields), frozenset)


@pytest.mark.parametrize("records", [b"", b"short", bytes(61), b"\xff" * 61, b"\xff" * 200])
def test_records_that_are_no_batches_count_nothing(records: bytes) -> None:
    assert list(record_batches(records)) == []
