"""The group metadata that vouches for a commit: librdkafka's opaque bytes in, whether they name a member out.

The danger. TxnOffsetCommit carries the member id and the generation, and the group's coordinator refuses an old one
(KIP-447): that is the gate at which a zombie loses. But a commit *without* a member (generation -1, or no member id) is
let through unchecked, as one of an older client. A consumer that was just thrown out of its group has such metadata.

The rule. Metadata without a member never leaves this process; the batch is given up.
"""

from __future__ import annotations

import struct

_MAGIC = b"CGMDv2:"  # librdkafka's own name of the form; another one is not guessed at


def is_member(metadata: bytes) -> bool | None:
    """True when the metadata names a member of a generation.

    Args:
        metadata: what `consumer_group_metadata()` gave.

    Returns:
        None when they have a form that is not known here.
    """
    if not metadata.startswith(_MAGIC) or len(metadata) < len(_MAGIC) + 4:
        return None
    (generation,) = struct.unpack_from("=i", metadata, len(_MAGIC))
    _group, found, rest = metadata[len(_MAGIC) + 4 :].partition(b"\0")
    if not found:
        return None
    member = rest.partition(b"\0")[0]
    return generation >= 0 and bool(member)
