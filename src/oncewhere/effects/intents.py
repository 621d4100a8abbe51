"""What is kept of effects that may have to be undone: what is about to be done in; what is owed an undo out.

An `IntentJournal` lives in a database, and each of its steps is a commit of its own. One intent stands for one call,
and for its latest attempt: a new one begins only when the one before it is undone.

    intended    about to be done, or being done, or a crash left it so
    done        it was done; whether its Kafka transaction commits, the group's committed offset will tell
    undoing     about to be undone, or being undone, or a crash left it so
    undone      it was; a redelivered record may begin another attempt
    in-doubt    its undo may have happened or not, and is not to be repeated: for a person to look at
    reviewed    a person has looked

Intents whose transaction committed are deleted: nothing is ever asked of them again. Beside the intents the journal
has one row for each partition: the token of who took it last, without which no intent is written, and how far the
group had committed. `tests/model/compensation_model.py` explores the protocol.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oncewhere.effects.calls import Entry
    from oncewhere.effects.place import Call, Start
    from oncewhere.records import Partition

R = TypeVar("R")


class IntentState(StrEnum):
    """What has become of an intent."""

    INTENDED = "intended"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"
    IN_DOUBT = "in-doubt"
    REVIEWED = "reviewed"


@dataclass(frozen=True, slots=True)
class Attempt(Generic[R]):
    """What an undo is told of the attempt that it is to undo.

    Attributes:
        key: the key that the attempt was made with.
        result: what the effect returned; None as well where nobody knows whether it happened.
    """

    key: str
    result: R | None


@dataclass(frozen=True, slots=True)
class Intent:
    """One call in a journal of intents.

    Attributes:
        key: of the call.
        attempt: the number of its latest attempt, from 0.
        state: what has become of that.
        effect: the effect's name.
        partition: of the record.
        offset: its offset.
        nth: which call of that effect for that record.
        arguments: what the effect was called with, as it is recorded.
        result: what it returned, as it is recorded; None while it is not done.
    """

    key: str
    attempt: int
    state: IntentState
    effect: str
    partition: Partition
    offset: int
    nth: int
    arguments: bytes
    result: bytes | None


class IntentJournal(Protocol):
    """Intents of one place and one group; each method is one transaction.

    Each raises `UndecidedError` when the database does not answer.
    """

    def prepare(self) -> None:
        """Checks the tables, and creates them where the policy says so.

        Raises:
            ConfigurationError: one is missing or has the wrong shape.
        """

    def take(self, starts: Mapping[Partition, Start]) -> list[Intent]:
        """Takes partitions over, forgets the intents that were committed, and lists those that are owed an undo.

        Raises:
            LedgerRefusedError: the group was moved back behind what it had committed.
        """

    def intend(self, call: Call, key: str, arguments: bytes) -> int:
        """Writes an intent; gives the attempt's number.

        Raises:
            EffectInDoubt: an earlier attempt's undo is in doubt.
            UndecidedError: the partition is another's, or an earlier attempt is not undone.
        """

    def settle(self, key: str, attempt: int, result: bytes) -> bool:
        """Marks an intent as done; False when it is not intended (any more)."""

    def claim_undo(self, intent: Intent) -> bool:
        """Marks an intent as being undone; False when it is not as it was listed."""

    def move(self, intent: Intent, state: IntentState) -> bool:
        """Moves an intent that is being undone on, or back; False when it is not being undone."""

    def confirmed(self, ends: Mapping[Partition, int]) -> None:
        """Forgets the intents before these offsets, which are committed."""

    def in_doubt(self) -> Sequence[Entry]:
        """The place's intents whose undo is in doubt, oldest first."""

    def review(self, key: str) -> bool:
        """Marks an intent as looked at; False when it is not in doubt."""

    def close(self) -> None:
        """Closes the connection. Never raises."""


@runtime_checkable
class KeepsIntents(Protocol):
    """A place whose database may keep a journal of intents."""

    def intent_journal(self, table: str, owners: str, *, create: bool, place: str, group_id: str) -> IntentJournal:
        """A journal there.

        Args:
            table: its table of intents, `name` or `schema.name`.
            owners: its table of owners.
            create: whether they may be created.
            place: the name of the place whose intents it keeps.
            group_id: the consumer group.
        """
