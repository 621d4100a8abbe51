"""A unique key of the effect's own tables, or nothing at all: what happens to a call where nothing of ours is kept.

With `UniqueConstraint` the effect itself is refused the second time; the place then takes back what that attempt did,
and asks the effect's `done` function what the first one returned. With `AtLeastOnce` nothing is refused.

A violation is told by the key's name alone. Where a system names keys table by table and its error leaves the table out
(MySQL and MariaDB), two keys of one name cannot be told apart: another table's violation would be taken for "done", and
the effect would be lost. So such a name is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oncewhere.effects.policy import UniqueConstraint
from oncewhere.effects.sql.keeper import Keeper, Page
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oncewhere.effects.place import Batch, Call, Start
    from oncewhere.effects.policy import Policy
    from oncewhere.effects.sql.connection import Database, Statement
    from oncewhere.effects.sql.dialect import Dialect
    from oncewhere.records import Partition


def check_names(policy: Policy, dialect: Dialect, *, place: str) -> None:
    """Refuses a key that every table has.

    Args:
        policy: what the user gave.
        dialect: the database's SQL.
        place: the place's name, for the sentence.

    Raises:
        ConfigurationError: one of a `UniqueConstraint`'s keys is the name of each table's primary key.
    """
    if not isinstance(policy, UniqueConstraint):
        return
    common = [key for key in policy.keys if key.rpartition(".")[2].lower() == dialect.common_key]
    if common:
        raise ConfigurationError(
            f"Place {place!r} has UniqueConstraint({common[0]!r}), and in {dialect.title} the primary key of every "
            "table is called so: what violates another table's would be taken for done, and the effect be lost.",
            hint="Name a key of the effect's own: alter table settlement add unique key settlement_event (event_id); "
            "then write UniqueConstraint('settlement_event').",
        )


class UniqueKeeper(Keeper):
    """Keeps nothing: what is done shows in the effect's own rows.

    Args:
        keys: the unique keys whose violation means that the effect was done; none of them for `AtLeastOnce`.
        place: the place's name, for sentences.
    """

    def __init__(self, keys: Iterable[str] = (), *, place: str) -> None:
        self._keys = frozenset(keys)
        self._place = place

    @property
    def watches_keys(self) -> bool:
        """True when there are keys to watch."""
        return bool(self._keys)

    def prepare(self, db: Database) -> None:
        """Nothing to create; a key whose name two tables have is refused.

        Raises:
            ConfigurationError: a violation of it would not tell which table it is of.
        """
        asked = db.dialect.catalog.bearers
        for key in sorted(self._keys) if asked else ():
            tables = [str(row[0]) for row in db.execute(asked, [key])]
            if len(tables) > 1:
                raise ConfigurationError(
                    f"Several tables of {self._place!r} have a unique key {key!r}: {', '.join(tables)}. "
                    f"{db.dialect.title}'s error does not say which of them was violated.",
                    hint=f"Rename it in the effect's table, such as alter table {tables[0]} rename key {key} to "
                    f"{tables[0]}_{key}; then name that in UniqueConstraint(…).",
                )

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
