"""How large an offset ledger grows: a number of records in; its rows and bytes at each tenth of the way out.

    python benchmarks/ledger_size.py [postgresql] [sqlite] [--records 1000000] [--partitions 8] [--batch 1000]

A place is driven alone, without Kafka, by an effect that writes nothing and returns what the payment example returns:
whatever is in the database is the ledger's. It ends with 1 where the ledger has more rows than partitions, or is larger
at the end than twice its largest size in the first half. PostgreSQL's autovacuum looks for dead rows once a minute,
which is longer than this takes: so it is told to look once a second.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from oncewhere import OffsetLedger, Postgres, Sqlite, effect_many
from oncewhere.cli.places import cache_folder
from oncewhere.effects.place import Batch, Call, Span, Start
from oncewhere.records import Partition
from oncewhere.stack import PostgresServer

CHECKPOINTS = 10
EARLY = 5
"""Checkpoints in which the ledger finds its size."""
MOST_TIMES = 2.0
Counted = tuple[int, int]
"""Rows and bytes."""


class Settled(msgspec.Struct, frozen=True):
    """What an effect returns for each record."""

    event_id: str
    account_id: str
    amount: str
    balance: str


@contextmanager
def postgresql(folder: Path) -> Iterator[tuple[Any, Callable[[], Counted]]]:
    """A ledger in PostgreSQL; its bytes are those of the table, with what belongs to it."""
    server = PostgresServer(folder / "postgres", cache_folder())
    server.start()
    try:
        dsn = server.create_database("ledger")
        with psycopg.connect(dsn, autocommit=True) as db:
            db.execute("alter system set autovacuum_naptime = '1s'")
            db.execute("select pg_reload_conf()")

            def count() -> Counted:
                row = db.execute(
                    "select (select count(*) from oncewhere_ledger), pg_total_relation_size('oncewhere_ledger')"
                ).fetchone()
                assert row is not None
                return row[0], row[1]

            yield Postgres(dsn, name="bank", policy=OffsetLedger()), count
    finally:
        server.stop()


@contextmanager
def sqlite(folder: Path) -> Iterator[tuple[Any, Callable[[], Counted]]]:
    """A ledger in SQLite; its bytes are those of the file and of its log."""
    file = folder / "ledger.db"
    db = sqlite3.connect(file)

    def count() -> Counted:
        (rows,) = db.execute("select count(*) from oncewhere_ledger").fetchone()
        return rows, sum(path.stat().st_size for path in folder.glob(f"{file.name}*"))

    yield Sqlite(file, name="bank", policy=OffsetLedger()), count
    db.close()


SYSTEMS = {"postgresql": postgresql, "sqlite": sqlite}


def grow(place: Any, count: Callable[[], Counted], records: int, partitions: int, batch: int) -> list[Counted]:
    """Rows and bytes after each tenth of the records."""

    @effect_many(place)
    def settle(_db: Any, events: list[int]) -> list[Settled]:
        return [Settled(f"e{n}", f"account-{n % 1000}", "12.50", str(n)) for n in events]

    among = [Partition("payments", number, "id-1") for number in range(partitions)]
    opened = place.open("ledger-size")
    opened.assigned({partition: Start(0, committed=False) for partition in among})
    each = batch // partitions
    counted = []
    for nth in range(records // batch):
        start, end = nth * each, (nth + 1) * each
        work = opened.begin(Batch([Span(partition, start, end) for partition in among]))
        calls = [Call(settle, partition, offset, 0, None) for partition in among for offset in range(start, end)]
        work.run_each(calls, [call.offset for call in calls], [None] * len(calls))
        work.decide()
        work.confirmed()
        if (nth + 1) % (records // batch // CHECKPOINTS) == 0:
            counted.append(count())
    opened.close()
    return counted


def main() -> int:
    """Prints a line for each checkpoint of each system."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("systems", nargs="*", choices=[*SYSTEMS, []], metavar="SYSTEM", help="postgresql, sqlite")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--batch", type=int, default=1_000)
    options = parser.parse_args()
    grown = False
    for system in options.systems or SYSTEMS:
        with tempfile.TemporaryDirectory() as folder, SYSTEMS[system](Path(folder)) as (place, count):
            counted = grow(place, count, options.records, options.partitions, options.batch)
        for nth, (rows, size) in enumerate(counted, 1):
            print(f"{system:<10}  {options.records * nth // CHECKPOINTS:>12,} records  {rows} rows  {size:>10,} bytes")
        early = max(size for _, size in counted[:EARLY])
        grown |= counted[-1][0] != options.partitions or counted[-1][1] > early * MOST_TIMES
    return int(grown)


if __name__ == "__main__":
    sys.exit(main())
