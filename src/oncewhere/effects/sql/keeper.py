"""A policy at work in an SQL database: calls in, recorded results and statements out.

Statements go through a `Database`, which hides the driver. A `Keeper` lives as long as the processor and keeps one
policy's tables; its `Page` lives as long as one batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oncewhere.effects.place import Batch, Call, Start
    from oncewhere.effects.sql.connection import Cause, Database, Statement
    from oncewhere.records import Partition


class Page(Protocol):
    """One policy during one batch."""

    def recall(self, db: Database, call: Call) -> bytes | None:
        """The recorded result of a call; None when its effect must be executed.

        Raises:
            DuplicateEvent: the event was done at another position.
            ReplayError: the record is redelivered, and this call was not recorded.
        """

    def record(self, call: Call, raw: bytes) -> None:
        """Notes the result of an effect that was executed."""

    def means_done(self, cause: Cause) -> bool:
        """True when an effect that violates this unique key was done before, as far as the key's name tells."""

    def doubt(self, db: Database, cause: Cause) -> None:
        """Asked where that is so, and nothing was read back.

        Raises:
            ConfigurationError: the violated key may be another one of the same name; then the effect was not done.
        """

    def needs_decision(self) -> bool:
        """True when the batch has something to write even if no effect was executed."""

    def last(self) -> Sequence[Statement]:
        """The last statements before COMMIT; where one of them is refused, another instance was faster."""

    @property
    def beaten(self) -> str:
        """What that means, in words."""

    def decided(self) -> None:
        """COMMIT was answered."""

    def confirmed(self) -> None:
        """Kafka's transaction committed."""


class Keeper(Protocol):
    """One policy's tables in one database."""

    @property
    def watches_keys(self) -> bool:
        """True when an effect's violation of a unique key may mean that it was done before."""

    def prepare(self, db: Database) -> None:
        """Checks the tables, and creates those that are ours where the policy says so.

        Raises:
            ConfigurationError: a table is missing or has the wrong shape.
        """

    def assigned(self, db: Database, starts: Mapping[Partition, Start]) -> None:
        """Reads what is recorded of these partitions.

        Raises:
            LedgerRefusedError: it contradicts the starts.
        """

    def released(self, partitions: Iterable[Partition]) -> None:
        """Forgets these partitions."""

    def open(self, batch: Batch) -> Page:
        """A page for one batch."""
