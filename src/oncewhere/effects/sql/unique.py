"""A unique key of the effect's own tables, or nothing at all: what happens to a call where nothing of ours is kept.

With `UniqueConstraint` the effect itself is refused the second time; the place then takes back what that attempt did,
and asks the effect's `done` function what the first one returned. With `AtLeastOnce` nothing is refused.

A violation is told by the key's name, and other keys may bear it: of a table that was copied with its keys (MySQL,
MariaDB), of another schema (PostgreSQL). Were another one's violation taken for "done", the effect would be lost. So a
name that is written in full (`settlement.settlement_event`) is compared in full, where the system's error names it so;
else, where several keys bear it, only what `done` has read back proves that the effect was done.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from oncewhere.effects.policy import UniqueConstraint
from oncewhere.effects.sql.keeper import Keeper, Page
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oncewhere.effects.place import Batch, Call, Start
    from oncewhere.effects.policy import Policy
    from oncewhere.effects.sql.connection import Cause, Database, Statement
    from oncewhere.effects.sql.dialect import Dialect
    from oncewhere.records import Partition

logger = logging.getLogger(__name__)


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
        """Nothing to create; says so where a key's name is not its own."""
        for key in sorted(self._keys):
            if "." not in key and len(bearers := _bearers(db, key)) > 1:
                logger.warning("place %r: %s", self._place, _shared(key, bearers))

    def assigned(self, db: Database, starts: Mapping[Partition, Start]) -> None:
        """Nothing to read."""

    def released(self, partitions: Iterable[Partition]) -> None:
        """Nothing to forget."""

    def open(self, batch: Batch) -> UniquePage:
        """A page for one batch."""
        del batch
        return UniquePage(self._keys, place=self._place)


class UniquePage(Page):
    """Those keys during one batch."""

    def __init__(self, keys: frozenset[str], *, place: str) -> None:
        self._keys = keys
        self._place = place
        self._bearers: dict[str, list[str]] = {}

    def recall(self, db: Database, call: Call) -> bytes | None:
        """Never anything: the effect must try."""
        del db, call
        return None

    def record(self, call: Call, raw: bytes) -> None:
        """Nothing is recorded."""

    def means_done(self, cause: Cause) -> bool:
        """True for a key that the policy names; where one side leaves out whose it is, the rest decides."""
        if cause.key in self._keys or _full(cause) in self._keys:
            return True
        return not cause.owner and any(key.endswith(f".{cause.key}") for key in self._keys)

    def doubt(self, db: Database, cause: Cause) -> None:
        """Refuses a key of a shared name, unless both sides have said which one is meant."""
        if cause.owner and _full(cause) in self._keys:
            return
        if cause.key not in self._bearers:
            self._bearers[cause.key] = _bearers(db, cause.key)
        bearers = self._bearers[cause.key]
        alone = len(bearers) == 1 and cause.key in self._keys
        if not alone and not self._keys.issuperset(bearers):
            raise ConfigurationError(
                f"An effect at place {self._place!r} violated {_full(cause)!r}, and nothing was read back. "
                f"{_shared(cause.key, bearers)}",
                hint=f"Name the effect's own in full: UniqueConstraint({bearers[0]!r}), or whichever of them it is."
                if cause.owner
                else "This server's error names no table: rename the key of the effect's table (alter table … rename "
                "key … to …), or let the effect return what its done=… reads back (None where it finds no row).",
            )

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


def _bearers(db: Database, key: str) -> list[str]:
    """The unique keys of one name, in full; none where an error always names them so."""
    asked = db.dialect.catalog.bearers
    return [str(row[0]) for row in db.execute(asked, [key])] if asked else []


def _full(cause: Cause) -> str:
    return f"{cause.owner}.{cause.key}" if cause.owner else cause.key


def _shared(key: str, bearers: list[str]) -> str:
    return (
        f"A unique key that is called {key!r} may be any of {', '.join(bearers)}: its violation tells that the effect "
        "was done only where done=… reads something back, or where both UniqueConstraint and the server's error name "
        "the key in full."
    )
