"""The key of a call: what it is the effect *of* in; the same key on every attempt, whoever makes it, out.

Never from time or chance: a key that differs on the second attempt is no key. It is a hash of what stays the same, in
the shape of a UUID (version 8 of RFC 9562, "vendor-specific"), since that is what downstreams expect and index.
"""

from __future__ import annotations

import hashlib
import uuid
from enum import StrEnum
from typing import TYPE_CHECKING

from oncewhere.errors import RecordError

if TYPE_CHECKING:
    from oncewhere.effects.place import Call


class Derive(StrEnum):
    """What a key is derived from."""

    IDENTITY = "identity"
    """The event's business identity: the same event has the same key at every position and in every group."""
    POSITION = "position"
    """Where the record stands: group, topic id, partition and offset. The same event published twice has two keys."""


def key_of(call: Call, *, derive: Derive, group_id: str) -> str:
    """The key of a call.

    The effect's name is in it, and which call of the record it is: rename an effect, or reorder a handler's calls, only
    when the group has committed everything that it processed.

    Args:
        call: which call.
        derive: what from.
        group_id: the consumer group.

    Raises:
        RecordError: it is to be derived from an identity, and the record has none.
    """
    if derive is Derive.IDENTITY:
        if call.identity is None:
            raise RecordError(
                f"the key of effect {call.effect.name!r} is made of the event's identity, and this record has none.",
                topic=call.partition.topic,
                partition=call.partition.number,
                offset=call.offset,
                hint="Name one: @app.consume(topic, type, identity='event_id'), or derive the key from the position.",
            )
        parts = ["identity", call.identity]
    else:
        where = call.partition
        parts = ["position", group_id, where.topic_id, str(where.number), str(call.offset)]
    return _uuid([*parts, call.effect.name, str(call.nth)])


def nth_key(key: str, nth: int) -> str:
    """The key of the nth request of one call, from 0: the call's own key for the first one."""
    return key if nth == 0 else _uuid([key, str(nth)])


def attempt_key(key: str, attempt: int) -> str:
    """The key of an attempt of a call that was undone before, from 0: never a key that `nth_key` gives."""
    return key if attempt == 0 else _uuid([key, "attempt", str(attempt)])


def undo_key(key: str) -> str:
    """The key of what undoes an attempt: the same, whoever undoes it."""
    return _uuid([key, "undo"])


def _uuid(parts: list[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode()
        digest.update(len(raw).to_bytes(8, "big"))  # so that no two lists of parts run into one text
        digest.update(raw)
    number = bytearray(digest.digest()[:16])
    number[6] = (number[6] & 0x0F) | 0x80  # version 8
    number[8] = (number[8] & 0x3F) | 0x80  # the RFC's variant
    return str(uuid.UUID(bytes=bytes(number)))
