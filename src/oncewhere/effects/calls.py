"""What is kept of calls outside a transaction: a key in; what is known of it, a claim, an answer out.

A `CallJournal` lives in a database that is not the effect's own, and each of its steps is a commit of its own. Three
states of a call:

    claimed     about to happen, or happening, or a crash left it so
    settled     it happened; its result is kept
    in-doubt    it was found claimed by somebody who did not claim it; never repeated, for a person to look at
    reviewed    a person has looked; it is never repeated for all that
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oncewhere.effects.place import Call


class State(StrEnum):
    """What has become of a call."""

    CLAIMED = "claimed"
    SETTLED = "settled"
    IN_DOUBT = "in-doubt"
    REVIEWED = "reviewed"


@dataclass(frozen=True, slots=True)
class Entry:
    """One call in a journal.

    Attributes:
        key: its key.
        place: the place's name.
        effect: the effect's name.
        group_id: the consumer group.
        topic: the record's topic, by name.
        partition: its partition's number.
        offset: its offset.
        nth: which call of that effect for that record.
        state: what has become of it.
        result: what the effect returned, as it is recorded; None while it is not settled.
        since: when the entry was written, as the database tells it.
    """

    key: str
    place: str
    effect: str
    group_id: str
    topic: str
    partition: int
    offset: int
    nth: int
    state: State
    result: bytes | None = None
    since: str = ""


class CallJournal(Protocol):
    """Calls of one place and one group; every method but `prepare` is one transaction, or none.

    Each raises `UndecidedError` when the database does not answer.
    """

    def prepare(self) -> None:
        """Checks the table, and creates it where the policy says so.

        Raises:
            ConfigurationError: it is missing or has the wrong shape.
        """

    def find(self, keys: Sequence[str]) -> dict[str, Entry]:
        """What is known of these keys; those that are not known are left out."""

    def claim(self, call: Call, key: str) -> bool:
        """Claims a call; False when it is claimed or settled already."""

    def settle(self, key: str, result: bytes) -> bool:
        """Settles a claim; False when it is no claim (any more)."""

    def release(self, key: str) -> None:
        """Takes a claim back: the call certainly did not happen."""

    def doubt(self, key: str) -> None:
        """Marks a claim as in doubt."""

    def in_doubt(self) -> list[Entry]:
        """The place's calls that are claimed or in doubt, oldest first."""

    def review(self, key: str) -> bool:
        """Marks a call as looked at; False when it is neither claimed nor in doubt."""

    def keep(self, answers: Sequence[tuple[Call, str, bytes]]) -> None:
        """Writes settled calls that were never claimed."""

    def close(self) -> None:
        """Closes the connection. Never raises."""


@runtime_checkable
class KeepsCalls(Protocol):
    """A place whose database may keep a journal of calls."""

    def call_journal(self, table: str, *, create: bool, place: str, group_id: str) -> CallJournal:
        """A journal there.

        Args:
            table: its table, `name` or `schema.name`.
            create: whether it may be created.
            place: the name of the place whose calls it keeps.
            group_id: the consumer group.
        """
