"""A unique key of the effect's own tables, or nothing at all: what happens to a call where nothing of ours is kept.

With `UniqueConstraint` the effect itself is refused the second time; the place then takes back what that attempt did,
and asks the effect's `done` function what the first one returned. With `AtLeastOnce` nothing is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oncewhere.effects.sql.keeper import Keeper, Page

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oncewhere.effects.place import Batch, Call, Start
    from oncewhere.effects.sql.connection import Database, Statement
    from oncewhere.records import Partition


class UniqueKeeper(Keeper):
    """Keeps nothing: what is done shows in the effect's own rows.

    Args:
        keys: the unique keys whose violation means that the effect was done; none of them for `AtLeastOnce`.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._keys = frozenset(keys)

    @property
    def watches_keys(self) -> bool:
        """True when there are keys to watch."""
        return bool(self._keys)

    def prepare(self, db: Database) -> None:
        """Nothing to create; a key that does not exist would never be violated, and is noticed by nobody else."""

    def assigned(self, db: Database, starts: Mapping[Partition, Start]) -> None:
        """Nothing to read."""

    def released(self, partitions: Iterable[Partition]) -> None:
        """Nothing to forget."""

    def open(self, batch: Batch) -> UniquePage:
        """A page for one batch."""
        del batch
        return UniquePage(self._keys)


class UniquePage(Page):
    """Those keys during one batch."""

    def __init__(self, keys: frozenset[str]) -> None:
        self._keys = keys

    def recall(self, db: Database, call: Call) -> bytes | None:
        """Never anything: the effect must try."""
        del db, call
        return None

    def record(self, call: Call, raw: bytes) -> None:
        """Nothing is recorded."""

    def means_done(self, key: str) -> bool:
        """True for a key that the policy names."""
        return key in self._keys

    def needs_decision(self) -> bool:
        """Never: what there is to commit are the effects themselves."""
        return False

    def last(self) -> list[Statement]:
        """Nothing to write."""
        return []

    @property
    def beaten(self) -> str:
        """Cannot be."""
        return "another instance was faster"

    def decided(self) -> None:
        """Nothing is kept in memory."""

    def confirmed(self) -> None:
        """Nothing is kept in memory."""
