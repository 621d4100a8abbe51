"""One batch in one database transaction: calls in, effects executed or recalled, and one COMMIT out, the decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oncewhere.effects.place import Call, Tally, UndecidedError, Work
from oncewhere.effects.sql.connection import (
    Cause,
    Fault,
    SqlConnection,
    Standing,
    TakenError,
    ended_by_an_effect,
    first_line,
)
from oncewhere.errors import ConfigurationError, DuplicateEvent, OncewhereError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oncewhere.effects.sql.connection import Row, Statement
    from oncewhere.effects.sql.dialect import Dialect
    from oncewhere.effects.sql.keeper import Page


class SqlWork(Work):
    """One batch in one database transaction, which begins with the first effect that is not recalled.

    A work is a keeper's `Database`.

    Args:
        connect: gives the place's connection.
        page: the policy during this batch.
        dialect: the database's SQL.
        watches_keys: whether an effect's violation of a unique key may mean that it was done before.
    """

    def __init__(
        self,
        connect: Callable[[], SqlConnection],
        page: Page,
        *,
        dialect: Dialect,
        watches_keys: bool = False,
    ) -> None:
        self._connect = connect
        self._page = page
        self.dialect = dialect
        self._watches_keys = watches_keys
        self._open: SqlConnection | None = None
        self._broken: BaseException | None = None
        self._executed = 0
        self._replayed = 0

    def run(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Executes the effect, or gives its recorded result."""
        if self._broken is not None:
            # A handler that swallows the failure of an effect cannot go on in a failed transaction.
            raise self._broken
        codec = call.effect.codec
        try:
            raw = self._page.recall(self, call)
            if raw is None:
                raw = self._execute(call, args, kwargs)
            else:
                self._replayed += 1
        except DuplicateEvent:
            raise
        except BaseException as error:
            self._broken = self._told(error)
            if self._broken is error:
                raise
            raise self._broken from error
        # The recorded form, always: what a handler sees now is what it would see after a redelivery.
        return codec.decode(raw)

    def run_each(self, calls: Sequence[Call], values: Sequence[Any], lanes: Sequence[object]) -> list[Any]:
        """Executes one effect for many records, all at once where it takes a list."""
        del lanes  # one connection, one after the other
        if calls and calls[0].effect.many:
            return self._run_many(calls, values)
        found: list[Any] = []
        for call, value in zip(calls, values, strict=True):
            try:
                found.append(self.run(call, (value,), {}))
            except DuplicateEvent as duplicate:
                found.append(duplicate)
        return found

    def _run_many(self, calls: Sequence[Call], values: Sequence[Any]) -> list[Any]:
        if self._broken is not None:
            raise self._broken
        codec, page = calls[0].effect.codec, self._page
        found: list[Any] = [None] * len(calls)
        fresh: list[int] = []
        try:
            for nth, call in enumerate(calls):
                try:
                    raw = page.recall(self, call)
                except DuplicateEvent as duplicate:
                    found[nth] = duplicate
                    continue
                if raw is None:
                    fresh.append(nth)
                else:
                    found[nth] = codec.decode(raw)
                    self._replayed += 1
            if fresh:
                results = self._together(calls[0], [values[nth] for nth in fresh])
                for nth, result in zip(fresh, results, strict=True):
                    raw, found[nth] = codec.recorded(result)
                    page.record(calls[nth], raw)
        except BaseException as error:
            self._broken = self._told(error)
            if self._broken is error:
                raise
            raise self._broken from error
        return found

    def _together(self, call: Call, values: list[Any]) -> list[Any]:
        connection = self._begun()
        with connection.lent() as given:
            results: list[Any] = call.effect.function(given, values)
        if connection.standing is Standing.GONE:
            raise ended_by_an_effect(self.dialect.title)
        if len(results) != len(values):
            raise ConfigurationError(
                f"Effect {call.effect.name!r} was given {len(values)} values and returned {len(results)} results.",
                hint="Return one result for each value, in the same order.",
            )
        self._executed += len(values)
        return results

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Runs a keeper's statement in the batch's transaction, which it begins if need be.

        Raises:
            OncewhereError: the database refuses it (an identity too long for its column).
        """
        begun, connection = self._open is not None, self._open or self._connect()
        self._open = connection
        try:
            return (connection.execute if begun else connection.begin_with)(statement, parameters)
        except connection.errors as error:
            raise self._refused(connection.cause(error)) from error

    def execute_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Likewise, once for each row of parameters."""
        return self._begun().execute_many(statement, rows)

    def decide(self) -> Tally:
        """Writes what the policy keeps, and commits.

        Raises:
            UndecidedError: it was not committed, or the answer was lost.
            OncewhereError: the database refuses the batch (a deferred constraint, an identity too long for its column).
        """
        if self._broken is not None:
            raise self._broken
        try:
            self._commit(self._page.last() if self._page.needs_decision() else ())
        except TakenError as error:
            raise UndecidedError(self._page.beaten) from error
        except Exception as error:
            cause = self._cause(error)
            if cause is None:
                raise
            if cause.fault is Fault.AGAIN:
                raise UndecidedError(cause.reason) from error
            raise self._refused(cause) from error
        self._page.decided()
        return Tally(executed=self._executed, replayed=self._replayed)

    def abandon(self) -> None:
        """Rolls back."""
        if self._open is not None:
            self._open.rollback()

    def confirmed(self) -> None:
        """Kafka's transaction committed."""
        self._page.confirmed()

    def _execute(self, call: Call, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        connection = self._begun()

        def effect() -> Any:
            with connection.lent() as given:
                return call.effect.function(given, *args, **kwargs)

        if self._watches_keys:
            raw = self._attempt(connection, call, effect, args, kwargs)
        else:
            raw = call.effect.codec.encode(effect())
            self._executed += 1
        if connection.standing is Standing.GONE:
            raise ended_by_an_effect(self.dialect.title)
        self._page.record(call, raw)
        return raw

    def _attempt(
        self,
        connection: SqlConnection,
        call: Call,
        effect: Callable[[], Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> bytes:
        """Runs an effect that its own unique key may refuse; then it was done, and is asked what it returned."""
        codec = call.effect.codec
        connection.execute("savepoint oncewhere_effect")
        try:
            raw = codec.encode(effect())
        except Exception as error:
            cause = self._cause(error)
            if cause is None or cause.fault is not Fault.TAKEN or not self._page.means_done(cause):
                raise
            connection.execute("rollback to savepoint oncewhere_effect")
            with connection.lent() as given:
                found = call.effect.read_back(given, *args, **kwargs)
            if found is None:
                self._page.doubt(self, cause)
            raw = codec.encode(found)
            self._replayed += 1
        else:
            self._executed += 1
        connection.execute("release savepoint oncewhere_effect")
        return raw

    def _begun(self) -> SqlConnection:
        if self._open is None:
            connection = self._connect()
            try:
                connection.begin()
            except connection.errors as error:
                raise UndecidedError(first_line(error)) from error
            self._open = connection
        return self._open

    def _commit(self, last: Sequence[Statement]) -> None:
        """COMMIT, with what the policy keeps: the decision."""
        connection = self._begun() if last else self._open
        if connection is None:
            return
        standing = connection.standing
        if standing is Standing.GONE:
            raise ended_by_an_effect(self.dialect.title)
        if standing is Standing.FAILED:
            # PostgreSQL would answer COMMIT with ROLLBACK, and psycopg would not say so.
            raise UndecidedError("a statement failed and its error was swallowed; the transaction cannot be committed")
        try:
            connection.commit_with(last)
        except connection.errors as error:
            if not connection.alive:
                raise UndecidedError(f"the answer to COMMIT was lost: {first_line(error)}", unknown=True) from error
            raise
        self._open = None  # from here on there is nothing to take back

    def _refused(self, cause: Cause) -> OncewhereError:
        return OncewhereError(f"{self.dialect.title} refuses the batch: {cause.reason}; nothing of it took effect.")

    def _cause(self, error: BaseException) -> Cause | None:
        """What a driver's error means; None for an error that is no driver's."""
        connection = self._open
        if connection is not None and isinstance(error, connection.errors):
            return connection.cause(error)
        return None

    def _told(self, error: BaseException) -> BaseException:
        """The error as a batch to begin again, or as it is when it is the statement's or the user's own fault."""
        cause = self._cause(error)
        return error if cause is None or cause.fault is not Fault.AGAIN else UndecidedError(cause.reason)
