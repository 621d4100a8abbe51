"""Reading by kio's schemas: the same as kio where the bytes are sound, and harmless where they are not."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import io
import struct
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kio.index import load_request_schema, load_response_schema
from kio.schema.end_txn.v3.request import EndTxnRequest
from kio.schema.errors import ErrorCode
from kio.schema.index import api_key_map, schema_name_map
from kio.serial import entity_writer

from oncewhere.wire.kafka.schema import UnreadableError, error_name, read_body, versions

EVERY_SCHEMA = [
    (kind, key, version)
    for key, name in api_key_map.items()
    for version in schema_name_map.get(name, {})
    for kind in ("request", "reply")
]
PRIMITIVES: dict[str, tuple[Any, Any]] = {
    "bool": (True, True),
    "int8": (3, 3),
    "int16": (300, 300),
    "int32": (70_000, 70_000),
    "int64": (5_000_000_000, 5_000_000_000),
    "uint16": (60_000, 60_000),
    "float64": (1.5, 1.5),
    "string": ("grüße", "grüße"),
    "bytes": (b"\x00\x01", b"\x00\x01"),
    "records": (b"\x02\x03", b"\x02\x03"),
    "uuid": (UUID(int=5), UUID(int=5)),
    "error_code": (ErrorCode.fenced_leader_epoch, 74),
    "timedelta_i32": (dt.timedelta(milliseconds=1500), 1500),
    "timedelta_i64": (dt.timedelta(milliseconds=2500), 2500),
    "datetime_i64": (dt.datetime(2026, 1, 1, tzinfo=dt.UTC), 1767225600000),
}  # what kio takes, and what is to be read


def _sample(schema: Any) -> tuple[Any, dict[str, Any]]:
    given, expected = {}, {}
    for field in dataclasses.fields(schema):
        given[field.name], expected[field.name] = _value(field)
    return schema(**given), expected


def _value(field: dataclasses.Field[Any]) -> tuple[Any, Any]:
    annotation = field.type
    while not hasattr(annotation, "__flexible__") and (
        args := [arg for arg in get_args(annotation) if arg not in {type(None), ...}]
    ):
        annotation = args[0]
    given, expected = (
        _sample(annotation) if hasattr(annotation, "__flexible__") else PRIMITIVES[field.metadata["kafka_type"]]
    )
    return ((given, given), [expected, expected]) if "tuple" in str(field.type) else (given, expected)


@pytest.mark.parametrize("kind", ["request", "reply"])
def test_what_kio_writes_is_read_in_every_api_and_version(kind: str) -> None:
    compared = 0
    for this, key, version in EVERY_SCHEMA:
        if this != kind:
            continue
        try:
            schema: Any = (load_request_schema if kind == "request" else load_response_schema)(key, version)
        except KeyError:
            continue
        entity, expected = _sample(schema)
        out = io.BytesIO()
        out.write(b"\x00\x03app" if kind == "request" else b"")
        out.write(b"\0" if schema.__header_schema__.__flexible__ else b"")
        entity_writer(schema)(out, entity)
        values, _ = read_body(kind, key, version, out.getvalue(), 0)  # type: ignore[arg-type]
        if kind == "request":
            assert values.pop("client_id") == "app"
        assert values == expected, schema
        compared += 1
    assert compared > 250


def _end_txn(tags: bytes) -> bytes:
    out = io.BytesIO(b"\xff\xff\0")
    out.seek(0, io.SEEK_END)
    body = EndTxnRequest(transactional_id="t", producer_id=1, producer_epoch=2, committed=True)  # type: ignore[arg-type]
    entity_writer(EndTxnRequest)(out, body)
    return out.getvalue()[:-1] + tags


def test_an_unknown_tagged_field_is_stepped_over() -> None:
    values, _ = read_body("request", 26, 3, _end_txn(b"\x01\x09\x02ab"), 0)
    assert values == {
        "transactional_id": "t",
        "producer_id": 1,
        "producer_epoch": 2,
        "committed": True,
        "client_id": None,
    }


@pytest.mark.parametrize(
    "tags",
    [b"", b"\x01", b"\x01\x09\x05ab", b"\x00extra", b"\xff\xff\xff\xff\xff\xff"],
    ids=["missing", "cut", "too long", "left over", "endless varint"],
)
def test_bytes_that_do_not_fit_are_refused(tags: bytes) -> None:
    with pytest.raises(UnreadableError):
        read_body("request", 26, 3, _end_txn(tags), 0)


def test_an_array_that_claims_more_entries_than_bytes_is_refused_at_once() -> None:
    body = b"\xff\xff" + struct.pack(">i", 2_000_000_000)  # kio's own reader would end the process here
    with pytest.raises(UnreadableError):
        read_body("request", 3, 1, body, 0)


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(UnreadableError):
        read_body("request", 3, 99, b"\xff\xff", 0)
    assert versions(3) == (0, 13)
    assert versions(9999) is None


def test_error_codes_have_kafkas_names() -> None:
    assert error_name(0) == "NONE"
    assert error_name(48) == "INVALID_TXN_STATE"
    assert error_name(-1) == "UNKNOWN_SERVER_ERROR"
    assert error_name(4711) == "ERROR_4711"


@given(which=st.sampled_from(EVERY_SCHEMA), data=st.binary(max_size=200))
def test_random_bytes_are_read_or_refused(which: tuple[Any, int, int], data: bytes) -> None:
    with contextlib.suppress(UnreadableError):
        read_body(*which, data, 0)
