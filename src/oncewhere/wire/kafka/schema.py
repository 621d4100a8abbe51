"""Reads Kafka bodies by kio's schemas: one request or reply goes in, plain values and the places of fields come out.

kio knows every field of every version. Its own reader, native and fast, is for bytes that can be trusted: it ends the
*process* when an array claims more entries than memory can hold, and it refuses the tagged fields and error codes that
a newer broker may add to a version that it knows (KIP-482). A proxy must survive all three. So this module walks the
same schemas by itself: every length is checked against the bytes that are there, unknown tagged fields are stepped
over, and numbers stay numbers. It also notes where addresses and version ranges stand, so that they can be replaced
without writing anything else anew.
"""

from __future__ import annotations

import dataclasses
import functools
import struct
from collections.abc import Callable
from types import NoneType
from typing import Any, Final, Literal, get_args
from uuid import UUID

from kio.index import KioIndexError, load_request_schema, load_response_schema
from kio.schema.errors import ErrorCode
from kio.schema.index import api_key_map, schema_name_map

Values = dict[str, Any]
"""One entity: its fields by kio's names. Integers for codes, times and spans; `UUID` for ids; a view for records."""

Kind = Literal["request", "reply"]
Span = tuple[int, int]

_MARKED: Final = ({"host", "port"}, {"api_key", "min_version", "max_version"})
"""Entities with these fields are the ones that a proxy replaces parts of."""


class UnreadableError(ValueError):
    """The bytes do not fit the schema; whoever asked forwards them untouched."""


@dataclasses.dataclass(frozen=True, slots=True)
class Mark:
    """Where the fields of one entity stand that a proxy may have to replace."""

    values: Values
    spans: dict[str, Span]
    flexible: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Tagged:
    """Where a tagged field with marks in it stands; its size has to follow its content."""

    size: Span
    content: Span


class Walk:
    """A place in the bytes of one body, and what was marked on the way."""

    __slots__ = ("at", "data", "marks", "tagged")

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at
        self.marks: list[Mark] = []
        self.tagged: list[Tagged] = []

    def take(self, count: int) -> bytes:
        """Steps over `count` bytes and returns them."""
        end = self.at + count
        if count < 0 or end > len(self.data):
            raise UnreadableError("a length exceeds the bytes that are there")
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def varint(self) -> int:
        """Reads an unsigned varint of up to five bytes."""
        value = shift = 0
        while shift < 35:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise UnreadableError("a varint is longer than five bytes")


Reader = Callable[[Walk], Any]


def _fixed(layout: str) -> Reader:
    packed = struct.Struct(layout)

    def read(walk: Walk) -> Any:
        (value,) = packed.unpack_from(walk.data, walk.at)
        walk.at += packed.size
        return value

    return read


_int8 = _fixed(">b")
_int16 = _fixed(">h")
_int32 = _fixed(">i")


def _compact_length(walk: Walk) -> int:
    return walk.varint() - 1


def _bytes(length: Reader) -> Reader:
    def read(walk: Walk) -> bytes | None:
        count = length(walk)
        return walk.take(count) if count >= 0 else None

    return read


def _records(length: Reader) -> Reader:
    """Records are the bulk of a Produce: they are not copied."""

    def read(walk: Walk) -> memoryview | None:
        count, start = length(walk), walk.at
        if count < 0:
            return None
        if start + count > len(walk.data):
            raise UnreadableError("a length exceeds the bytes that are there")
        walk.at += count
        return memoryview(walk.data)[start : walk.at]

    return read


def _string(length: Reader) -> Reader:
    def read(walk: Walk) -> str | None:
        count = length(walk)
        return walk.take(count).decode() if count >= 0 else None

    return read


def _uuid(walk: Walk) -> UUID:
    return UUID(bytes=walk.take(16))


def _array(length: Reader, item: Reader) -> Reader:
    def read(walk: Walk) -> list[Any] | None:
        count = length(walk)
        if count < 0:
            return None
        if count > len(walk.data) - walk.at:  # an entry takes at least one byte
            raise UnreadableError("an array claims more entries than there are bytes")
        return [item(walk) for _ in range(count)]

    return read


def _nullable(entity: Reader) -> Reader:
    def read(walk: Walk) -> Any:
        return entity(walk) if _int8(walk) >= 0 else None  # KIP-893

    return read


_FIXED: Final[dict[str, Reader]] = {
    "bool": _fixed(">?"),
    "int8": _int8,
    "int16": _int16,
    "int32": _int32,
    "int64": _fixed(">q"),
    "uint16": _fixed(">H"),
    "float64": _fixed(">d"),
    "error_code": _int16,
    "timedelta_i32": _int32,
    "timedelta_i64": _fixed(">q"),
    "datetime_i64": _fixed(">q"),
    "uuid": _uuid,
}


def _primitive(kafka_type: str, *, flexible: bool) -> Reader:
    if kafka_type == "string":
        return _string(_compact_length if flexible else _int16)
    if kafka_type == "records":
        return _records(_compact_length if flexible else _int32)
    if kafka_type == "bytes":
        return _bytes(_compact_length if flexible else _int32)
    return _FIXED[kafka_type]


def _field(field: dataclasses.Field[Any], *, flexible: bool) -> Reader:
    hints: tuple[Any, ...] = get_args(field.type) or (field.type,)
    optional = NoneType in hints
    inner = next(hint for hint in hints if hint is not NoneType)
    entries = get_args(inner) or (hints if Ellipsis in hints else ())
    if entries:
        item = _entity(entries[0]) if hasattr(entries[0], "__flexible__") else None
        item = item or _primitive(field.metadata["kafka_type"], flexible=flexible)
        return _array(_compact_length if flexible else _int32, item)
    if hasattr(inner, "__flexible__"):
        entity = _entity(inner)
        return _nullable(entity) if optional and "tag" not in field.metadata else entity
    return _primitive(field.metadata["kafka_type"], flexible=flexible)


def _tags(known: dict[int, tuple[str, Reader]]) -> Callable[[Walk, Values], None]:
    def read(walk: Walk, values: Values) -> None:
        for _ in range(walk.varint()):
            tag = walk.varint()
            size_at = walk.at
            size = walk.varint()
            start = walk.at
            if tag not in known:
                walk.take(size)
                continue
            name, reader = known[tag]
            marks = len(walk.marks)
            values[name] = reader(walk)
            if walk.at != start + size:
                raise UnreadableError("a tagged field has another size than it says")
            if len(walk.marks) > marks:
                walk.tagged.append(Tagged((size_at, start), (start, walk.at)))

    return read


def _plain_entity(plan: list[tuple[str, Reader]]) -> Callable[[Walk], Values]:
    def read(walk: Walk) -> Values:
        return {name: reader(walk) for name, reader in plan}

    return read


def _marked_entity(plan: list[tuple[str, Reader]], *, flexible: bool) -> Callable[[Walk], Values]:
    def read(walk: Walk) -> Values:
        values: Values = {}
        spans: dict[str, Span] = {}
        for name, reader in plan:
            start = walk.at
            values[name] = reader(walk)
            spans[name] = (start, walk.at)
        walk.marks.append(Mark(values, spans, flexible))
        return values

    return read


@functools.cache
def _entity(entity: Any) -> Reader:
    flexible: bool = entity.__flexible__
    plan: list[tuple[str, Reader]] = []
    known: dict[int, tuple[str, Reader]] = {}
    for field in dataclasses.fields(entity):
        reader = _field(field, flexible=flexible)
        if "tag" in field.metadata:
            known[field.metadata["tag"]] = (field.name, reader)
        else:
            plan.append((field.name, reader))
    names = {name for name, _ in plan}
    marked = any(wanted <= names for wanted in _MARKED)
    body = _marked_entity(plan, flexible=flexible) if marked else _plain_entity(plan)
    if not flexible:
        return body
    tags = _tags(known)

    def read(walk: Walk) -> Values:
        values = body(walk)
        tags(walk, values)
        return values

    return read


@functools.cache
def _schema(kind: Kind, key: int, version: int) -> tuple[bool, Reader]:
    try:
        schema: Any = load_request_schema(key, version) if kind == "request" else load_response_schema(key, version)
    except KioIndexError as error:
        raise UnreadableError(f"no schema for API {key} version {version}") from error
    return schema.__header_schema__.__flexible__, _entity(schema)


def read_body(kind: Kind, key: int, version: int, data: bytes, at: int) -> tuple[Values, Walk]:
    """Reads one request or reply, from behind the fixed part of its header to the frame's end.

    Args:
        kind: which of the two.
        key: the API key.
        version: the API version.
        data: the whole frame.
        at: for a request the place of the client id, for a reply that behind the correlation id.

    Returns:
        The fields (a request's with `client_id`) and the walk, with what was marked on it.

    Raises:
        UnreadableError: kio has no such schema, or the bytes do not fit it.
    """
    flexible_header, reader = _schema(kind, key, version)
    walk = Walk(data, at)
    try:
        client_id = _client_id(walk) if kind == "request" else None
        if flexible_header:
            _no_tags(walk, {})
        values: Values = reader(walk)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise UnreadableError("the bytes end too early, or are no text") from error
    if walk.at != len(data):
        raise UnreadableError("bytes are left over")
    if kind == "request":
        values["client_id"] = client_id
    return values, walk


_client_id = _string(_int16)  # always the legacy format (RequestHeader.json)
_no_tags = _tags({})


@functools.cache
def versions(key: int) -> tuple[int, int] | None:
    """Returns the lowest and the highest version of an API that can be read, or None."""
    known = schema_name_map.get(api_key_map.get(key, ""))
    return (min(known), max(known)) if known else None


@functools.cache
def error_name(code: int) -> str:
    """Returns Kafka's name of an error code: `NONE`, `INVALID_TXN_STATE`; `ERROR_4711` where it is not known."""
    try:
        return ErrorCode(code).name.upper()
    except ValueError:
        return f"ERROR_{code}"
