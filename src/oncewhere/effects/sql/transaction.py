"""A transaction of ours alone: a connection in; what is asked or written outside a batch, committed, out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from oncewhere.effects.place import UndecidedError
from oncewhere.effects.sql.connection import Fault
from oncewhere.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oncewhere.effects.sql.connection import SqlConnection


@contextmanager
def alone(connection: SqlConnection, *, needs: str, kept: bool = True) -> Iterator[SqlConnection]:
    """Runs what is inside in one transaction.

    Args:
        connection: where.
        needs: who needs it, for the sentence of a refusal: `place 'bank'`.
        kept: False where nothing is left to commit at its end, since CREATE TABLE has done so.

    Raises:
        UndecidedError: it did not commit, or nobody knows.
        ConfigurationError: the database refuses it.
    """
    try:
        connection.begin()
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        if kept:
            connection.commit()
        else:
            connection.rollback()
    except connection.errors as error:
        cause = connection.cause(error)
        if cause.fault is Fault.AGAIN:
            raise UndecidedError(cause.reason, unknown=not connection.alive) from error
        msg = f"{connection.dialect.title} refuses what {needs} needs: {cause.reason}."
        raise ConfigurationError(msg, hint="Grant what is missing, or create the tables yourself.") from error
