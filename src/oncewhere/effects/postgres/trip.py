"""Several statements in one trip to PostgreSQL: texts and parameters in; what each gave, or the first error, out.

This is libpq's pipeline mode without psycopg's: that one sends each statement by itself and waits in between, which
costs more than the trips that it saves where a batch is one record. Where a statement fails, the server skips all that
follow it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from psycopg import generators
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import InvalidSqlStatementName, OperationalError, error_from_result
from psycopg.pq import ExecStatus

if TYPE_CHECKING:
    import psycopg
    from psycopg.abc import PQGen
    from psycopg.pq.abc import PGconn, PGresult

    from oncewhere.effects.sql.connection import Row

Key = tuple[str, tuple[int, ...]]
"""A statement's text and the types of its parameters."""


class Step(NamedTuple):
    """One statement of a trip.

    Attributes:
        text: SQL with `%s` for each parameter.
        parameters: their values.
        prepared: whether it is prepared, if it has any, once for each connection; else it is planned for its values.
    """

    text: str
    parameters: Sequence[Any] = ()
    prepared: bool = True


BEGIN, COMMIT = Step("begin"), Step("commit")


class TripError(Exception):
    """A statement of the trip failed.

    Args:
        cause: psycopg's error.
        first: True when it was the first one that failed; none was executed.
        last: True when it was the last one that failed; all before it were executed.
    """

    def __init__(self, cause: psycopg.Error, *, first: bool, last: bool) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.first = first
        self.last = last


class Trips:
    """Makes the trips of one connection, and knows what it has prepared there.

    Args:
        connection: whose; in no pipeline.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._values = Transformer(connection)
        self._prepares = connection.prepare_threshold is not None  # None: somebody between us shares sessions out
        self._names: dict[Key, bytes] = {}
        self._made = 0

    def make(self, steps: Sequence[Step]) -> list[Row]:
        """One trip.

        Returns:
            The rows of the last statement that has any.

        Raises:
            TripError: a statement failed.
            psycopg.OperationalError: the connection was lost.
        """
        pgconn = self._connection.pgconn
        try:
            answers = self._connection.wait(self._travel(pgconn, steps))
        except BaseException:
            self._connection.close()  # whatever the server still says is nobody's answer any more
            raise
        failed = [nth for nth, answer in enumerate(answers) if answer.status == ExecStatus.FATAL_ERROR]
        if failed:
            cause = error_from_result(answers[failed[0]], encoding=self._connection.info.encoding)
            if isinstance(cause, InvalidSqlStatementName):
                self._prepares = False  # an effect has thrown them away, and may do so again
            raise TripError(cause, first=failed[0] == 0, last=failed[0] == len(answers) - 1)
        rows = [answer for answer in answers if answer.status == ExecStatus.TUPLES_OK]
        return self._rows(rows[-1]) if rows else []

    def forget(self) -> None:
        """Throws away what is prepared: after a rollback psycopg does so with its own, and with ours."""
        if self._names:
            self._names.clear()
            self._connection.execute("deallocate all")

    def _travel(self, pgconn: PGconn, steps: Sequence[Step]) -> PQGen[list[PGresult]]:
        pgconn.enter_pipeline_mode()
        prepared: list[Key | None] = []
        for step in steps:
            self._send(pgconn, step, prepared)
        pgconn.pipeline_sync()
        yield from generators.send(pgconn)
        answers: list[PGresult] = []
        for key in prepared:
            (answer,) = (yield from generators.fetch_many(pgconn)) or [_none()]
            if key is None or answer.status == ExecStatus.FATAL_ERROR:
                answers.append(answer)
            if key is not None and answer.status != ExecStatus.COMMAND_OK:
                self._names.pop(key, None)
        yield from generators.fetch_many(pgconn)  # that of the Sync
        pgconn.exit_pipeline_mode()
        return answers

    def _send(self, pgconn: PGconn, step: Step, prepared: list[Key | None]) -> None:
        """Puts a statement into the buffer, and notes what will be answered: what it prepares, or None for itself."""
        prepared.append(None)
        if not step.parameters:
            pgconn.send_query_params(step.text.encode(), None)
            return
        values = self._values.dump_sequence(step.parameters, [PyFormat.AUTO] * len(step.parameters))
        types, formats = self._values.types or (), self._values.formats
        if not (self._prepares and step.prepared):
            pgconn.send_query_params(_numbered(step.text), values, param_types=types, param_formats=formats)
            return
        key = (step.text, types)
        name = self._names.get(key)
        if name is None:
            self._made += 1
            name = self._names[key] = b"oncewhere_%d" % self._made
            pgconn.send_prepare(name, _numbered(step.text), param_types=types)
            prepared.insert(-1, key)
        pgconn.send_query_prepared(name, values, param_formats=formats)

    def _rows(self, answer: PGresult) -> list[Row]:
        self._values.set_pgresult(answer)
        return self._values.load_rows(0, answer.ntuples, tuple)


def _none() -> NoReturn:
    raise OperationalError("the connection was lost between two answers")


def _numbered(text: str) -> bytes:
    """The text with `$1`, `$2`, … for each `%s`."""
    first, *others = text.split("%s")
    return (first + "".join(f"${nth}{other}" for nth, other in enumerate(others, start=1))).encode()
