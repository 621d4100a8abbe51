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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oncewhere.effects.recorded import CallKey


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
