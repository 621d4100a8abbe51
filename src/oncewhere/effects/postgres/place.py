"""Where a PostgreSQL database is, and by which policy effects happen there; a connection out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import conninfo

from oncewhere.addresses import address_of
from oncewhere.effects.place import UndecidedError
from oncewhere.effects.postgres.connection import Guarded, PostgresConnection, adopt
from oncewhere.effects.sql.connection import first_line
from oncewhere.effects.sql.dialect import POSTGRESQL
from oncewhere.effects.sql.place import SqlPlace
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from oncewhere.effects.policy import Policy

CONNECT_TIMEOUT_S = 10


class Postgres(SqlPlace["psycopg.Connection[Any]"]):
    """A PostgreSQL database that effects write to.

    Nothing connects before the processor runs. A running processor has one connection of its own: an effect gets it
    inside an open transaction, and can neither commit nor roll back; savepoints
    (`with db.transaction()`) are welcome.

    Args:
        dsn: where it is, as libpq takes it: a URL or `key=value` pairs.
        name: your name for this place, such as `bank`; used in errors, events and the document.
        policy: how duplicates are prevented: `OffsetLedger()`, `DedupeTable("processed_event")`,
            `UniqueConstraint("settlement_pkey")` or `AtLeastOnce(acknowledged="why")`. There is no default.
        idle_in_transaction_timeout_ms: the server ends our transaction when it stands idle that long, in
            milliseconds, so that a zombie (a stopped process, a lost network) cannot hold its locks against its
            successor. Longer than the slowest handler takes between two statements, shorter than Kafka's
            `transaction.timeout.ms`.

    Raises:
        ConfigurationError: the DSN cannot be read, the name is empty, or the policy is none that PostgreSQL can honour.
    """

    dialect = POSTGRESQL

    def __init__(self, dsn: str, *, name: str, policy: Policy, idle_in_transaction_timeout_ms: int = 10_000) -> None:
        super().__init__(name=name, policy=policy)
        dsn = address_of(name, dsn)
        try:
            given = conninfo.conninfo_to_dict(dsn)
        except psycopg.ProgrammingError as error:
            # The message may quote the DSN, and a DSN may hold a password.
            msg = f"The DSN of place {name!r} cannot be read by libpq."
            raise ConfigurationError(msg, hint="It has the form postgresql://user@host:port/database.") from error
        self._conninfo = conninfo.make_conninfo(dsn, connect_timeout=given.get("connect_timeout", CONNECT_TIMEOUT_S))
        self.address = f"{given.get('host', 'localhost')}:{given.get('port', 5432)}/{given.get('dbname', '')}"
        self._idle_ms = idle_in_transaction_timeout_ms

    @property
    def idle_limit_s(self) -> float:
        """`idle_in_transaction_session_timeout`, in seconds."""
        return self._idle_ms / 1000

    def connection_type(self) -> type[psycopg.Connection[Any]]:
        """What an effect gets as its first argument."""
        return psycopg.Connection

    def connect(self) -> PostgresConnection:
        """A new connection, outside any transaction.

        Raises:
            UndecidedError: no server answers, or it refuses us.
        """
        try:
            connection = Guarded.connect(self._conninfo, autocommit=True, application_name="oncewhere")
        except psycopg.OperationalError as error:
            raise UndecidedError(first_line(error)) from error
        return adopt(connection, self._idle_ms)
