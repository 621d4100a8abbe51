"""Replaces broker addresses and version ranges: a reply and its walk go in, the reply for the processor comes out.

Only the bytes of the replaced fields change, and the sizes around them. Everything else in the reply is the broker's
own, including what no schema here knows about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from oncewhere.wire.kafka.schema import Span, Walk

Advertise = Callable[[str, int], tuple[str, int]]
"""Takes a broker's host and port; returns those that the processor is to use instead."""

_SIZE_BYTES = 4
_Edits = list[tuple[Span, bytes]]


def rewrite_addresses(frame: bytes, walk: Walk, advertise: Advertise) -> bytes:
    """Returns the frame with every broker's address replaced by what `advertise` says.

    Args:
        frame: the whole reply, its size included.
        walk: the walk over it.
        advertise: called once for each broker in the reply.
    """
    edits: _Edits = []
    for mark in walk.marks:
        host, port = mark.values.get("host"), mark.values.get("port", -1)
        if not host or port <= 0:  # a coordinator that is not available: host "", port -1
            continue
        new_host, new_port = advertise(host, port)
        edits.append((mark.spans["host"], _string(new_host, flexible=mark.flexible)))
        edits.append((mark.spans["port"], new_port.to_bytes(4, "big")))
    if not edits:
        return frame
    for tagged in walk.tagged:
        start, end = tagged.content
        grown = sum(len(new) - (to - at) for (at, to), new in edits if start <= at < end)
        edits.append((tagged.size, _varint(end - start + grown)))
    return _edited(frame, edits)


def clamp_versions(frame: bytes, walk: Walk, highest: Mapping[int, int]) -> bytes:
    """Returns an ApiVersions reply in which no API is offered above the version that can be read.

    Only maxima are lowered. A minimum stays as it is even where kio does not know it: librdkafka concludes from
    `Produce` version 0 that the broker knows its compression (KAFKA-18659), and nobody chooses a version that low.

    Args:
        frame: the whole reply, its size included.
        walk: the walk over it.
        highest: by API key, the highest version to offer; other APIs are left alone.
    """
    edits: _Edits = []
    for mark in walk.marks:
        limit = highest.get(mark.values["api_key"])
        if limit is not None and mark.values["min_version"] <= limit < mark.values["max_version"]:
            edits.append((mark.spans["max_version"], limit.to_bytes(2, "big")))
    return _edited(frame, edits)


def _edited(frame: bytes, edits: _Edits) -> bytes:
    parts: list[bytes] = []
    at = _SIZE_BYTES
    for (start, end), new in sorted(edits):
        parts += frame[at:start], new
        at = end
    parts.append(frame[at:])
    body = b"".join(parts)
    return len(body).to_bytes(_SIZE_BYTES, "big") + body


def _string(text: str, *, flexible: bool) -> bytes:
    encoded = text.encode()
    length = _varint(len(encoded) + 1) if flexible else len(encoded).to_bytes(2, "big")
    return length + encoded


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
