"""What a broker answers to a Produce while it does not lead the partitions: a read request in, a whole frame out.

A broker that was just elected, or whose topic was just made, refuses a request so, and takes the next one as soon as it
has heard of its office. Clients send several without waiting; the answers keep the order of the requests.
"""

from __future__ import annotations

import dataclasses
import io
from datetime import timedelta
from typing import Any, Final, get_args

from kio.index import load_response_schema
from kio.schema.errors import ErrorCode
from kio.serial import entity_writer

from oncewhere.wire.kafka.apis import Key
from oncewhere.wire.kafka.schema import Values

NO_OFFSET: Final = -1
_FLEXIBLE: Final = 9
"""The version of Produce from which its header ends with tagged fields (KIP-482)."""


def refusal(version: int, correlation_id: int, request: Values) -> bytes:
    """The frame that says NOT_LEADER_OR_FOLLOWER for each partition that a Produce writes to.

    Args:
        version: the request's version.
        correlation_id: the request's.
        request: its body, as `schema.read_body` reads it.

    Raises:
        KioIndexError: the version is not known.
    """
    answer = load_response_schema(Key.PRODUCE, version)
    topic_kind = _entries(answer, "responses")
    partition_kind = _entries(topic_kind, "partition_responses")
    topics = tuple(
        _made(
            topic_kind,
            **{name: topic[name] for name in ("name", "topic_id") if name in topic},
            partition_responses=tuple(
                _made(
                    partition_kind,
                    index=partition["index"],
                    error_code=ErrorCode.not_leader_or_follower,
                    base_offset=NO_OFFSET,
                    log_append_time=None,
                    log_start_offset=NO_OFFSET,
                    record_errors=(),
                    error_message=None,
                )
                for partition in topic["partition_data"]
            ),
        )
        for topic in request["topic_data"]
    )
    written = io.BytesIO()
    entity_writer(answer)(written, _made(answer, responses=topics, throttle_time=timedelta(0)))
    header = correlation_id.to_bytes(4, "big", signed=True) + (b"\0" if version >= _FLEXIBLE else b"")
    body = header + written.getvalue()
    return len(body).to_bytes(4, "big") + body


def _entries(kind: Any, name: str) -> Any:
    """The type of an array's entries."""
    (field,) = (field for field in dataclasses.fields(kind) if field.name == name)
    return get_args(field.type)[0]


def _made(kind: Any, **values: Any) -> Any:
    """An entity; what this version of it does not have is left out."""
    known = {field.name for field in dataclasses.fields(kind)}
    return kind(**{name: value for name, value in values.items() if name in known})
