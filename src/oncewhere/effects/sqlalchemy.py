"""Databases through SQLAlchemy: an engine in; a Session or a Connection for each effect, in our transaction, out.

The transaction is the same as with the drivers themselves, and so are the policies: the connection is taken from the
engine, out of its pool, and handed to `postgres` or `mysql`. SQLAlchemy only writes the effect's statements.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

try:
    import sqlalchemy
    from sqlalchemy.engine import Connection, Engine
    from sqlalchemy.exc import DBAPIError, InvalidRequestError, SQLAlchemyError
    from sqlalchemy.orm import Session
except ModuleNotFoundError as error:  # pragma: no cover - what is installed decides
    from oncewhere.errors import ConfigurationError as _ConfigurationError

    raise _ConfigurationError(
        "Effects through SQLAlchemy need SQLAlchemy, which is not installed.",
        hint="Install it: pip install 'oncewhere[sqlalchemy]'",
    ) from error

from oncewhere.addresses import address_of
from oncewhere.effects.place import UndecidedError
from oncewhere.effects.sql.connection import Cause, SqlConnection, Standing, first_line
from oncewhere.effects.sql.dialect import MYSQL, POSTGRESQL
from oncewhere.effects.sql.place import SqlPlace
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from oncewhere.effects.policy import Policy
    from oncewhere.effects.sql.connection import Row, Statement
    from oncewhere.effects.sql.dialect import Dialect

C = TypeVar("C")


def _psycopg(connection: Any, idle_ms: int) -> SqlConnection:
    from oncewhere.effects.postgres import adopt  # noqa: PLC0415 - each needs its own driver

    return adopt(connection, idle_ms)


def _pymysql(connection: Any, idle_ms: int) -> SqlConnection:
    from oncewhere.effects.mysql import adopt  # noqa: PLC0415 - each needs its own driver

    return adopt(connection, idle_ms)


_DRIVERS: Mapping[tuple[str, str], tuple[Dialect, Callable[[Any, int], SqlConnection]]] = {
    ("postgresql", "psycopg"): (POSTGRESQL, _psycopg),
    ("mysql", "pymysql"): (MYSQL, _pymysql),
    ("mariadb", "pymysql"): (MYSQL, _pymysql),
}
"""By an engine's dialect and driver, our dialect of it, and what makes its connection ours."""


class _ThroughSqlAlchemy(SqlPlace[C]):
    """What both doors share; see `SqlAlchemy`."""

    def __init__(
        self,
        engine: Engine,
        *,
        name: str,
        policy: Policy,
        idle_in_transaction_timeout_ms: int = 10_000,
    ) -> None:
        given: object = engine
        kind = (engine.dialect.name, engine.dialect.driver) if isinstance(given, Engine) else ("", "")
        if kind not in _DRIVERS:
            raise ConfigurationError(
                f"Place {name!r} cannot be reached through {given!r}.",
                hint="Give it an engine of psycopg 3 or PyMySQL: create_engine('postgresql+psycopg://…') or "
                "create_engine('mysql+pymysql://…').",
            )
        self.dialect, self._adopt = _DRIVERS[kind]
        super().__init__(name=name, policy=policy)
        own = engine.url.render_as_string(hide_password=False)
        address = address_of(name, own)
        if address != own:
            engine = sqlalchemy.create_engine(sqlalchemy.make_url(address).set(drivername=engine.url.drivername))
        self._engine = engine
        url = engine.url
        self.address = f"{url.host or 'localhost'}:{url.port or ''}/{url.database or ''}"
        self._idle_ms = idle_in_transaction_timeout_ms

    @property
    def idle_limit_s(self) -> float:
        """How long our transaction may stand idle, in seconds."""
        return self._idle_ms / 1000

    def connect(self) -> SqlConnection:
        """A new connection of the engine, outside any transaction and out of the pool.

        Raises:
            UndecidedError: no server answers, or it refuses us.
        """
        try:
            through = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            native = through.connection.driver_connection
            through.detach()  # closed when we are done, and never given to anybody else
            return Through(self._adopt(native, self._idle_ms), through, self._lend)
        except DBAPIError as error:
            raise UndecidedError(first_line(error.orig or error)) from error

    @staticmethod
    def _lend(through: Connection) -> contextlib.AbstractContextManager[Any]:
        raise NotImplementedError


class SqlAlchemy(_ThroughSqlAlchemy[Session]):
    """A PostgreSQL or MySQL database, through SQLAlchemy's ORM: an effect gets a `Session`.

    Each effect has a session of its own, flushed when it returns, inside a savepoint of the batch's transaction; it
    can neither commit nor roll back. `session.begin_nested()` is welcome.

    Args:
        engine: yours, of psycopg 3 or PyMySQL. A running processor takes one connection from it, for itself.
        name: your name for this place, such as `bank`; used in errors, events and the document.
        policy: how duplicates are prevented; see `Postgres` and `MySql`. There is no default.
        idle_in_transaction_timeout_ms: see `Postgres`.

    Raises:
        ConfigurationError: it is no engine, or one of another driver; the name is empty, or the policy is none that
            the database can honour.
    """

    def connection_type(self) -> type[Session]:
        """What an effect gets as its first argument."""
        return Session

    @staticmethod
    @contextlib.contextmanager
    def _lend(through: Connection) -> Iterator[Session]:
        session = _Guarded(bind=through, join_transaction_mode="create_savepoint")
        try:
            yield session
            session.end()
        except BaseException:
            session.give_up()
            raise


class SqlAlchemyCore(_ThroughSqlAlchemy[Connection]):
    """The same, through SQLAlchemy Core: an effect gets a `Connection`, which can neither commit nor roll back.

    Args:
        engine: see `SqlAlchemy`.
        name: see `SqlAlchemy`.
        policy: see `SqlAlchemy`.
        idle_in_transaction_timeout_ms: see `Postgres`.

    Raises:
        ConfigurationError: see `SqlAlchemy`.
    """

    def connection_type(self) -> type[Connection]:
        """What an effect gets as its first argument."""
        return Connection

    @staticmethod
    def _lend(through: Connection) -> contextlib.AbstractContextManager[Connection]:
        return contextlib.nullcontext(through)


class _Guarded(Session):
    """A session whose transaction is not the effect's to end."""

    def commit(self) -> NoReturn:
        _refuse("commit")

    def rollback(self) -> NoReturn:
        _refuse("rollback")

    def close(self) -> None:
        self.expunge_all()  # `with session:` ends here; the transaction goes on

    def end(self) -> None:
        """The effect has returned: what it changed is written, and its savepoint released."""
        self.flush()
        super().commit()
        super().close()

    def give_up(self) -> None:
        """The effect has failed; the savepoint goes. Never raises: it must not hide what caused it."""
        with contextlib.suppress(Exception):
            super().rollback()
        with contextlib.suppress(Exception):
            super().close()


def _refuse(what: str) -> NoReturn:
    raise InvalidRequestError(f"{what} is forbidden inside an effect, whose transaction is the batch's")


class Through(SqlConnection):
    """A driver's connection, with SQLAlchemy's around it.

    Args:
        inner: the driver's, as ours.
        through: SQLAlchemy's.
        lend: makes of it what an effect gets.
    """

    def __init__(
        self,
        inner: SqlConnection,
        through: Connection,
        lend: Callable[[Connection], contextlib.AbstractContextManager[Any]],
    ) -> None:
        self.dialect = inner.dialect
        self.errors = (*inner.errors, SQLAlchemyError)
        self.native = through
        self._inner = inner
        self._through = through
        self._lend = lend
        self._lent = False
        sqlalchemy.event.listen(through, "commit", lambda _: self._ends("commit"))
        sqlalchemy.event.listen(through, "rollback", lambda _: self._ends("rollback"))

    def lent(self) -> contextlib.AbstractContextManager[Any]:
        """A session, or the connection."""
        if not self._through.in_transaction():
            self._through.begin()  # in autocommit it sends nothing: the transaction is the driver's, and begun already
        return self._lend(self._through)

    def _ends(self, what: str) -> None:
        if self._inner.alive:
            _refuse(what)

    def _execute(self, statement: str, parameters: Sequence[Any]) -> list[Row]:
        return self._inner._execute(statement, parameters)  # noqa: SLF001  # one of us

    def _execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        return self._inner._execute_many(statement, rows)  # noqa: SLF001  # one of us

    def begin_with(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """See the driver's."""
        return self._inner.begin_with(statement, parameters)

    def commit_with(self, last: Sequence[Statement]) -> None:
        """See the driver's."""
        self._inner.commit_with(last)

    def begin(self) -> None:
        """See the driver's."""
        self._inner.begin()

    def commit(self) -> None:
        """See the driver's."""
        self._inner.commit()

    def rollback(self) -> None:
        """See the driver's."""
        self._inner.rollback()

    @property
    def standing(self) -> Standing:
        """See the driver's."""
        return self._inner.standing

    @property
    def alive(self) -> bool:
        """See the driver's."""
        return self._inner.alive

    def close(self) -> None:
        """Closes it; SQLAlchemy is told afterwards, and so has nothing to roll back."""
        self._inner.close()
        with contextlib.suppress(SQLAlchemyError):
            self._through.invalidate()
            self._through.close()

    def cause(self, error: Exception) -> Cause:
        """The driver's error, out of SQLAlchemy's."""
        original = error.orig if isinstance(error, DBAPIError) else None
        return self._inner.cause(original if isinstance(original, Exception) else error)
