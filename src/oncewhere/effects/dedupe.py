"""The dedupe table's decisions, without I/O: what is known of an event in; execute, replay or duplicate out.

    what the tables say of the identity          this record
    nothing                                      new: execute, and insert the row in the same transaction
    a row, recorded for this very position       redelivery: the recorded result, no effect
    a row, recorded for another position         upstream duplicate: no effect, no output
    a row, and nothing recorded beside it        done before oncewhere kept records: no effect, no output

The classic wrong dedupe table has only the first two lines' table, and treats a redelivery as a duplicate: the effect
survived the crash, the output did not, and now it never comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from oncewhere.effects.recorded import CallKey
from oncewhere.errors import DuplicateEvent, RecordError, ReplayError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oncewhere.effects.place import Batch, Call


class Position(NamedTuple):
    """Where an event was read: the only thing that tells a redelivery from a duplicate."""

    group_id: str
    topic_id: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the tables say of an identity that has a row.

    Attributes:
        position: where the event was done; None when only the dedupe table knows it.
        results: what its effects returned.
    """

    position: Position | None
    results: Mapping[CallKey, bytes] = field(default_factory=dict)


class Ruling(Enum):
    """What becomes of a record."""

    EXECUTE = "execute"
    REPLAY = "replay"
    DUPLICATE = "duplicate"


@dataclass(slots=True)
class Claim:
    """An identity whose effects are being executed in this batch, and their results so far."""

    position: Position
    results: dict[CallKey, bytes] = field(default_factory=dict)


def rule(known: Known | None, claim: Claim | None, here: Position) -> Ruling:
    """What becomes of the record at position `here`.

    Args:
        known: what the tables say of its identity; None when they have no row.
        claim: what this batch has done with its identity so far; None when nothing.
        here: the record's position.
    """
    if claim is not None:
        return Ruling.EXECUTE if claim.position == here else Ruling.DUPLICATE
    if known is None:
        return Ruling.EXECUTE
    return Ruling.REPLAY if known.position == here else Ruling.DUPLICATE


class Events:
    """The events of one batch: what is known of them, and which of them are claimed by now.

    Args:
        group_id: the consumer group.
        batch: whose identities are asked for together.

    Attributes:
        claims: by identity, the events whose effects are executed in this batch.
        known: by identity, what is recorded of them; None until `learn` has been told.
    """

    def __init__(self, group_id: str, batch: Batch) -> None:
        self.claims: dict[str, Claim] = {}
        self.known: dict[str, Known] | None = None
        self._group_id = group_id
        self._batch = batch

    def asked_by(self, call: Call) -> list[str]:
        """The identities to learn about before this call, the first of its batch."""
        return sorted({one for one in self._batch.identities if one is not None} | {identity_of(call)})

    def recall(self, call: Call) -> bytes | None:
        """The recorded result of a call; None when its effect is to be executed, and its event is claimed now.

        Raises:
            DuplicateEvent: the event was done at another position.
            ReplayError: the record is redelivered, and this call was not recorded.
            RecordError: the record has no identity.
        """
        identity = identity_of(call)
        here = Position(self._group_id, call.partition.topic_id, call.partition.number, call.offset)
        known = (self.known or {}).get(identity)
        match rule(known, self.claims.get(identity), here):
            case Ruling.EXECUTE:
                # Claimed before it is executed: an effect that fails takes the whole batch with it.
                self.claims.setdefault(identity, Claim(here))
                return None
            case Ruling.DUPLICATE:
                raise DuplicateEvent
            case Ruling.REPLAY:
                raw = known.results.get(_key(call)) if known else None
                if raw is None:
                    raise _not_recorded(call)
                return raw

    def record(self, call: Call, raw: bytes) -> None:
        """Notes a new result with its event."""
        self.claims[identity_of(call)].results[_key(call)] = raw


def identity_of(call: Call) -> str:
    """The identity of a call's record.

    Raises:
        RecordError: it has none.
    """
    if call.identity is None:
        raise RecordError(
            f"effect {call.effect.name!r} is deduplicated by event identity, and this record has none.",
            topic=call.partition.topic,
            partition=call.partition.number,
            offset=call.offset,
            hint="Name one: @app.consume(topic, type, identity='event_id'), or a function of the value.",
        )
    return call.identity


def _key(call: Call) -> CallKey:
    return CallKey(call.offset, call.effect.name, call.nth)


def _not_recorded(call: Call) -> ReplayError:
    return ReplayError(
        f"redelivered, but no result of effect {call.effect.name!r} (call {call.nth}) was recorded with its event.",
        topic=call.partition.topic,
        partition=call.partition.number,
        offset=call.offset,
        hint="Run the handler that made the recorded effects until the group has passed this offset.",
    )
