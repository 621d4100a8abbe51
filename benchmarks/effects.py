"""What an effect in PostgreSQL costs that is made once: nothing in; effects a second for each policy, and ratios, out.

    python benchmarks/effects.py [SPEC ...] [--rounds 3] [--scale 1.0]

The effect is that of the payment example: one settlement row and one change of a balance for each payment, on a server
whose commits wait for the disk. The first figures drive a place alone, without Kafka, in batches of 1,000 records and
of one. `per-record` is the usual way, written by hand: one database transaction for each record, with a dedupe row. The
last ones run whole processors over the same preloaded topic, with one statement for a batch or one for a record;
`kafka-only` does the same without any effect. `ceiling` is what the database does without us: the same statement for
each thousand, and COMMIT. A whole processor cannot be faster than the slower of its two halves, so the report compares
it with that, too. What is in the tables afterwards is counted, and a run that has done too much or too little has no
figure.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import psycopg
from confluent_kafka import Producer
from measure.figures import Row, by_round, ratios
from measure.report import Column, table, verdicts
from measure.session import OutcomeError, Session, arguments, session
from measure.spec import Spec, parse
from measure.targets import Target

from oncewhere import DedupeTable, OffsetLedger, Postgres, Processor, Records, Transaction, effect, effect_many
from oncewhere.cli.places import cache_folder
from oncewhere.effects.place import Batch, Call, Span, Start
from oncewhere.effects.policy import Policy
from oncewhere.records import Partition
from oncewhere.runtime import events
from oncewhere.stack import PostgresServer

ACCOUNTS = 1_000
BATCH = 1_000
PARTITION = Partition("payments", 0, "id-1")
RUN_LIMIT_S = 120.0
COLUMNS = (Column("effects_per_s", "effects/s", digits=0), Column("records_per_s", "records/s", digits=0))
TARGETS = (
    Target("effects_per_s", "ledger-many", 25, "per-record"),
    Target("effects_per_s", "dedupe-many", 20, "per-record"),
    Target("effects_per_s", "ledger-one", 1, "per-record"),
    Target("effects_per_s", "dedupe-one", 1, "per-record"),
    Target("records_per_s", "pipeline-ledger", 0.6, "kafka-only"),
    Target("records_per_s", "pipeline-dedupe", 0.6, "kafka-only"),
    Target("records_per_s", "pipeline-piped", 0.6, "kafka-only"),
)
HALVES = {"pipeline-ledger": "ledger-many", "pipeline-dedupe": "dedupe-many"}
"""Whole processors, and their effects alone."""
TABLES = f"""
drop table if exists balance, settlement, processed_event, oncewhere_ledger, oncewhere_recorded;
create table balance (account text primary key, amount bigint not null);
insert into balance select 'a' || n, 0 from generate_series(0, {ACCOUNTS - 1}) n;
create table settlement (event_id text not null, account text not null, amount bigint not null);
create table processed_event (event_id varchar(64) primary key, processed_at timestamp not null default now());
checkpoint;
"""
ALL_AT_ONCE = """
with p as (select * from unnest(%s::text[], %s::text[], %s::bigint[]) as p(event_id, account, amount)),
s as (insert into settlement select * from p)
update balance b set amount = b.amount + t.amount
from (select account, sum(amount) as amount from p group by account) t where b.account = t.account
"""


class Payment(msgspec.Struct, frozen=True, gc=False):
    event_id: str
    account: str
    amount: int


def payment(n: int) -> Payment:
    return Payment(f"e{n}", f"a{n * 7919 % ACCOUNTS}", 1)


def settle(db: psycopg.Connection[Any], one: Payment) -> Payment:
    db.execute("insert into settlement values (%s, %s, %s)", (one.event_id, one.account, one.amount))
    db.execute("update balance set amount = amount + %s where account = %s", (one.amount, one.account))
    return one


def settle_all(db: psycopg.Connection[Any], some: list[Payment]) -> list[Payment]:
    columns = ([p.event_id for p in some], [p.account for p in some], [p.amount for p in some])
    db.execute(ALL_AT_ONCE, columns)
    return some


def settle_piped(db: psycopg.Connection[Any], some: list[Payment]) -> list[Payment]:
    with db.pipeline():
        for one in some:
            settle(db, one)
    return some


@dataclass
class Bench:
    """Where everything is measured.

    Attributes:
        here: Kafka, and where rows go.
        dsn: the database.
        source: the preloaded topic.
        scale: of the numbers of records.
    """

    here: Session
    dsn: str
    source: str
    scale: float

    def place(self, policy: Policy) -> Postgres:
        with psycopg.connect(self.dsn, autocommit=True) as db:
            db.execute(TABLES)
        return Postgres(self.dsn, name="bank", policy=policy)

    def counted(self, records: int, seconds: float, metric: str, timed: int | None = None) -> Mapping[str, Any]:
        """A row, if the tables have what they should have."""
        with psycopg.connect(self.dsn) as db:
            rows = db.execute("select (select count(*) from settlement), (select sum(amount) from balance)").fetchone()
        if rows is None or {int(row) for row in rows} != {records}:
            raise OutcomeError("bad", f"{records} records made {rows} settlements and balance")
        return {"outcome": "ok", "why": "", "records": records, metric: (timed or records) / seconds}


def per_record(bench: Bench) -> Mapping[str, Any]:
    """The usual way."""
    count = int(2_000 * bench.scale)
    bench.place(OffsetLedger())
    with psycopg.connect(bench.dsn, autocommit=True) as db:
        since = time.perf_counter()
        for n in range(count):
            one = payment(n)
            with db.transaction():
                fresh = db.execute(
                    "insert into processed_event (event_id) values (%s) on conflict do nothing returning event_id",
                    (one.event_id,),
                ).fetchone()
                if fresh is not None:
                    settle(db, one)
        took = time.perf_counter() - since
    return bench.counted(count, took, "effects_per_s")


def ceiling(bench: Bench) -> Mapping[str, Any]:
    """The statement for a batch, and COMMIT: nothing of ours."""
    count = int(50_000 * bench.scale) // BATCH * BATCH
    bench.place(OffsetLedger())
    with psycopg.connect(bench.dsn, autocommit=True) as db:
        since = time.perf_counter()
        for start in range(0, count, BATCH):
            settle_all(db, [payment(n) for n in range(start, start + BATCH)])
        took = time.perf_counter() - since
    return bench.counted(count, took, "effects_per_s")


def driven(bench: Bench, policy: Policy, *, many: bool, batch: int, records: int) -> Mapping[str, Any]:
    """One place, batch by batch, as the runtime drives it."""
    count = max(batch, int(records * bench.scale) // batch * batch)
    place = bench.place(policy)
    which: Any = effect_many(place)(settle_all) if many else effect(place)(settle)
    opened = place.open("g")
    opened.assigned({PARTITION: Start(0, committed=False)})
    since = time.perf_counter()
    for start in range(0, count, batch):
        values = [payment(n) for n in range(start, start + batch)]
        identities = [value.event_id for value in values]
        calls = [Call(which, PARTITION, start + n, 0, identity) for n, identity in enumerate(identities)]
        work = opened.begin(Batch([Span(PARTITION, start, start + batch)], identities))
        if many:
            work.run_each(calls, values, identities)
        else:
            for call, value in zip(calls, values, strict=True):
                work.run(call, (value,), {})
        work.decide()
        work.confirmed()
    took = time.perf_counter() - since
    opened.close()
    return bench.counted(count, took, "effects_per_s")


class Clock:
    """Takes the time from the first committed transaction to the last."""

    def __init__(self, app: Processor, records: int) -> None:
        self.app, self.records = app, records
        self.committed = self.from_record = 0
        self.since = self.until = 0.0

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.TransactionCommitted):
            self.committed += event.records
            if not self.from_record:
                self.from_record, self.since = self.committed, time.perf_counter()
            if self.committed >= self.records:
                self.until = time.perf_counter()
                self.app.stop()


def pipeline(
    bench: Bench,
    policy: Policy | None,
    many: Callable[[psycopg.Connection[Any], list[Payment]], list[Payment]] = settle_all,
) -> Mapping[str, Any]:
    """A whole processor."""
    tag = f"effects-{time.time_ns() // 1_000_000:x}"
    bench.here.topics.create(tag)
    place = bench.place(policy or OffsetLedger())
    app = Processor(
        {"bootstrap.servers": bench.here.bootstrap_servers, "linger.ms": 5},
        group_id=tag,
        transactional_id=f"{tag}-0",
    )
    if policy is None:

        @app.consume_batch(bench.source, Payment)
        def only(records: Records[Payment], tx: Transaction) -> None:
            tx.produce_batch(tag, records.values, records.keys)

    else:
        which = effect_many(place)(many)

        @app.consume_batch(bench.source, Payment, identity="event_id")
        def settled(records: Records[Payment], tx: Transaction) -> None:
            done = tx.run_each(which, records)
            tx.produce_batch(tag, done.results, done.records.keys)

    records = preloaded(bench.scale)
    clock = Clock(app, records)
    app.listen(clock)
    watchdog = threading.Timer(RUN_LIMIT_S, app.stop)
    watchdog.start()
    try:
        app.run()
    finally:
        watchdog.cancel()
    bench.here.topics.delete(tag)
    if not clock.until:
        raise OutcomeError("unknown", f"{clock.committed} of {records} records within {RUN_LIMIT_S:g} s")
    if clock.committed == clock.from_record:
        raise OutcomeError("unknown", "one transaction took them all: raise --scale")
    timed, seconds = clock.committed - clock.from_record, clock.until - clock.since
    if policy is None:
        return {"outcome": "ok", "why": "", "records": records, "records_per_s": timed / seconds}
    return bench.counted(records, seconds, "records_per_s", timed)


def preloaded(scale: float) -> int:
    return int(400_000 * scale)


def preload(here: Session, scale: float) -> str:
    name = f"payments-{time.time_ns() // 1_000_000:x}"
    here.topics.create(name)
    producer = Producer(
        {
            "bootstrap.servers": here.bootstrap_servers,
            "linger.ms": 20,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 2_000_000,
        }
    )
    for n in range(preloaded(scale)):
        one = payment(n)
        producer.produce(name, msgspec.json.encode(one), one.account.encode())
        if n % 10_000 == 0:
            producer.poll(0)
    if producer.flush(RUN_LIMIT_S):
        raise OutcomeError("bad", "the input was not written")
    return name


LEDGER, DEDUPE = OffsetLedger(), DedupeTable("processed_event")
MEASURES: Mapping[str, Callable[[Bench], Mapping[str, Any]]] = {
    "per-record": per_record,
    "ledger-one": lambda bench: driven(bench, LEDGER, many=False, batch=1, records=2_000),
    "dedupe-one": lambda bench: driven(bench, DEDUPE, many=False, batch=1, records=2_000),
    "ledger-each": lambda bench: driven(bench, LEDGER, many=False, batch=BATCH, records=10_000),
    "dedupe-each": lambda bench: driven(bench, DEDUPE, many=False, batch=BATCH, records=10_000),
    "ledger-many": lambda bench: driven(bench, LEDGER, many=True, batch=BATCH, records=50_000),
    "dedupe-many": lambda bench: driven(bench, DEDUPE, many=True, batch=BATCH, records=50_000),
    "ceiling": ceiling,
    "kafka-only": lambda bench: pipeline(bench, None),
    "pipeline-ledger": lambda bench: pipeline(bench, LEDGER),
    "pipeline-dedupe": lambda bench: pipeline(bench, DEDUPE),
    "pipeline-piped": lambda bench: pipeline(bench, LEDGER, settle_piped),
}

ALONE = frozenset(name for name in MEASURES if not name.startswith(("kafka-", "pipeline-")))
"""Those that need no Kafka."""


def main() -> None:
    parser = arguments(__doc__ or "", tuple(MEASURES), rounds=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of records")
    options = parser.parse_args()
    if unknown := set(options.specs) - set(MEASURES):
        parser.error(f"there is no {unknown.pop()}; there are {', '.join(MEASURES)}")
    specs = [parse(text) for text in options.specs]
    with session("effects", options.folder) as here:
        server = PostgresServer(here.folder.path / "postgres", cache_folder())
        try:
            server.start()
            here.servers.append(server.pid)
            dsn = server.create_database("bank")
            check_durable(dsn)
            whole = any(spec.text not in ALONE for spec in specs)
            bench = Bench(here, dsn, preload(here, options.scale) if whole else "", options.scale)

            def measure(spec: Spec, _round: int) -> Mapping[str, Any]:
                return MEASURES[spec.text](bench)

            here.rounds(specs, options.rounds, measure, warm_up=True)
        finally:
            server.stop()
        parts = [table(here.rows, COLUMNS)]
        named = {target for target in TARGETS if {target.spec, target.against} <= set(options.specs)}
        if named:
            parts.append(verdicts(here.rows, [target for target in TARGETS if target in named]))
        parts += halves(here.rows)
        here.report("Effects in PostgreSQL", *parts)


def halves(rows: Sequence[Row]) -> list[str]:
    """Each whole processor in relation to the slower of its two halves: Kafka only, and its effects alone."""
    lines = []
    kafka = by_round(rows, "kafka-only", "records_per_s")
    for whole, effects in HALVES.items():
        own, alone = by_round(rows, whole, "records_per_s"), by_round(rows, effects, "effects_per_s")
        slower = {nth: min(kafka[nth], alone[nth]) for nth in kafka.keys() & alone.keys()}
        if (rounds := ratios(own, slower)) is not None:
            lines.append(f"- {whole}: {rounds.median:.2f} of the slower of kafka-only and {effects} ({rounds.text(2)})")
    return ["\n".join(lines)] if lines else []


def check_durable(dsn: str) -> None:
    """A commit that does not wait for the disk would flatter whoever commits most."""
    with psycopg.connect(dsn) as db:
        found = {name: db.execute(f"show {name}").fetchone() for name in ("fsync", "synchronous_commit")}
    if found != {"fsync": ("on",), "synchronous_commit": ("on",)}:
        raise SystemExit(f"commits are not durable: {found}")


if __name__ == "__main__":
    main()
