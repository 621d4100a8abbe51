"""An SQL database as a place: an address and a policy in, one open connection with the policy's keeper out.

Everything that does not depend on the system is here; what does, `SqlConnection` and `Dialect` carry.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

from oncewhere.effects.named import NamedPlace
from oncewhere.effects.place import Batch, OpenPlace, Start, UndecidedError
from oncewhere.effects.policy import AtLeastOnce, DedupeTable, OffsetLedger, Policy, UniqueConstraint
from oncewhere.effects.sql.call_journal import SqlCallJournal
from oncewhere.effects.sql.connection import SqlConnection
from oncewhere.effects.sql.dedupe_table import DedupeKeeper
from oncewhere.effects.sql.intent_journal import SqlIntentJournal
from oncewhere.effects.sql.ledger_table import LedgerKeeper
from oncewhere.effects.sql.transaction import alone
from oncewhere.effects.sql.unique import UniqueKeeper, check_names
from oncewhere.effects.sql.work import SqlWork
from oncewhere.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager

    from oncewhere.effects.sql.dialect import Dialect
    from oncewhere.effects.sql.keeper import Keeper
    from oncewhere.records import Partition

logger = logging.getLogger(__name__)

C = TypeVar("C")


class SqlPlace(NamedPlace[C]):
    """A database that effects write to; a driver's module derives the system's own class.

    Attributes:
        dialect: its SQL.

    Args:
        name: your name for this place, such as `bank`.
        policy: how duplicates are prevented.

    Raises:
        ConfigurationError: the name is empty, or the policy is none that the system can honour.
    """

    dialect: Dialect

    def __init__(self, *, name: str, policy: Policy) -> None:
        super().__init__(name=name, policy=policy, system=self.dialect.name)
        check_names(policy, self.dialect, place=name)

    def call_journal(self, table: str, *, create: bool, place: str, group_id: str) -> SqlCallJournal:
        """A journal of another place's calls, in this database; see `KeepsCalls`."""
        return SqlCallJournal(self, table, create=create, place=place, group_id=group_id)

    def intent_journal(self, table: str, owners: str, *, create: bool, place: str, group_id: str) -> SqlIntentJournal:
        """A journal of another place's intents, in this database; see `KeepsIntents`."""
        return SqlIntentJournal(self, table, owners, create=create, place=place, group_id=group_id)

    @abstractmethod
    def connect(self) -> SqlConnection:
        """A new connection, outside any transaction.

        Raises:
            UndecidedError: no server answers, or it refuses us.
        """

    def open(self, group_id: str) -> OpenSqlPlace:
        """Connects, and checks or creates the tables that the policy needs.

        Raises:
            ConfigurationError: a table is missing or has the wrong shape.
            UnreachableError: no server answers, or it refuses us.
        """
        opened = OpenSqlPlace(self, keeper_of(self._policy, group_id=group_id, place=self._name, dialect=self.dialect))
        try:
            opened.prepare()
        except UndecidedError as error:
            opened.close()
            msg = f"{self.dialect.title} at {self.address} (place {self._name!r}) cannot be used: {error.reason}."
            raise UnreachableError(msg, hint="Start it, or mend the address.") from error
        except BaseException:
            opened.close()
            raise
        return opened


def keeper_of(policy: Policy, *, group_id: str, place: str, dialect: Dialect) -> Keeper:
    """The keeper of a policy that `honours` admits for SQL databases."""
    match policy:
        case OffsetLedger():
            return LedgerKeeper(policy, group_id=group_id, place=place, dialect=dialect)
        case DedupeTable():
            return DedupeKeeper(policy, group_id=group_id, place=place, dialect=dialect)
        case UniqueConstraint():
            return UniqueKeeper(policy.keys, place=place)
        case AtLeastOnce():
            return UniqueKeeper(place=place)
    raise AssertionError(policy)


class OpenSqlPlace(OpenPlace):
    """A database with its one connection, owned by one running processor."""

    def __init__(self, place: SqlPlace[Any], keeper: Keeper) -> None:
        self.place = place
        self.keeper = keeper
        self._connection: SqlConnection | None = None

    def prepare(self) -> None:
        """Checks or creates the policy's tables.

        Raises:
            ConfigurationError: a table is missing or has the wrong shape.
            UndecidedError: no server answers.
        """
        with self._transaction(kept=not self.place.dialect.ddl_commits) as db:
            self.keeper.prepare(db)

    def assigned(self, starts: Mapping[Partition, Start]) -> None:
        """Reads what is recorded of these partitions."""
        if starts:
            with self._transaction() as db:
                self.keeper.assigned(db, starts)

    def released(self, partitions: Iterable[Partition]) -> None:
        """Forgets partitions that the group took away."""
        self.keeper.released(partitions)

    def begin(self, batch: Batch) -> SqlWork:
        """Begins a batch; the database transaction begins with its first statement."""
        return SqlWork(
            self.connection,
            self.keeper.open(batch),
            dialect=self.place.dialect,
            watches_keys=self.keeper.watches_keys,
        )

    def close(self) -> None:
        """Closes the connection; whatever is open is rolled back by the server."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def connection(self) -> SqlConnection:
        """The connection; a new one where the last was lost.

        Raises:
            UndecidedError: no server answers.
        """
        if self._connection is None or not self._connection.alive:
            self._connection = self.place.connect()
        return self._connection

    def _transaction(self, *, kept: bool = True) -> AbstractContextManager[SqlConnection]:
        return alone(self.connection(), needs=f"place {self.place.name!r}", kept=kept)
