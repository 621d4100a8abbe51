"""Two requests of a processor come in; whether the second asks for what the first had asked for goes out. Pure.

Who asks again on another connection no longer counts on the answer to the first: its client has given that up.
"""

from __future__ import annotations

from oncewhere.wire.message import Direction, Message


def asks_again(first: Message, second: Message) -> bool:
    """True for a commit of the same transaction, or of a position in the same partition for the same group.

    Args:
        first: the request whose answer is outstanding.
        second: one that came later, on another connection.
    """
    if second.direction is Direction.REPLY or (second.system, second.kind) != (first.system, first.kind):
        return False
    if first.system != "kafka":
        return False
    if first.fields.get("transactional_id") is not None:
        return second.fields.get("transactional_id") == first.fields["transactional_id"]
    return second.fields.get("group") == first.fields.get("group") and bool(_partitions(first) & _partitions(second))


def _partitions(request: Message) -> set[tuple[object, object]]:
    offsets = request.fields.get("offsets")
    entries = offsets if isinstance(offsets, list | tuple) else ()
    return {(entry.get("topic"), entry.get("partition")) for entry in entries if isinstance(entry, dict)}
