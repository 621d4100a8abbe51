"""Effects outside Kafka, one row each: what was sent goes in, and which of it was done twice or never comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from soak.event import Event

TABLE = "create table done (key text not null, number bigint not null, life text not null)"
"""Without any constraint, so that a second time shows."""
TOLD = 5
"""Violations of each kind that are told; all are counted."""


class Bank:
    """The database of a run.

    Args:
        dsn: of a database that is empty.
    """

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(TABLE)

    def violations(self, sent: Mapping[str, int]) -> Iterator[str]:
        """As sentences.

        Args:
            sent: by key, how many events went in, numbered from 0.
        """
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            rows = connection.execute("select key, number, array_agg(life) from done group by 1, 2").fetchall()
        lives = {(str(key), int(number)): made for key, number, made in rows}
        twice = [f"effect {at} was done by {', '.join(made)}" for at, made in lives.items() if len(made) > 1]
        never = [
            f"effect {(key, number)} was never done"
            for key, count in sent.items()
            for number in range(count)
            if (key, number) not in lives
        ]
        for kind in (twice, never):
            yield from kind[:TOLD]
            if len(kind) > TOLD:
                yield f"… and {len(kind) - TOLD} more"


def do(db: psycopg.Connection[Any], event: Event, life: str) -> None:
    """The effect."""
    db.execute("insert into done values (%s, %s, %s)", [event.key, event.number, life])
