"""The same claims in each SQL system: effects once, results recorded, and what is refused, on the real server."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from relay import relaying
from systems import EVENTS, Database

from oncewhere import ConfigurationError, DuplicateEvent, OncewhereError, ReplayError, effect, effect_many
from oncewhere.effects.effect import Effect
from oncewhere.effects.place import Batch, Call, OpenPlace, Span, Start, UndecidedError
from oncewhere.effects.policy import AtLeastOnce, DedupeTable, OffsetLedger, Policy, UniqueConstraint
from oncewhere.effects.sql.dedupe_table import RECORDED
from oncewhere.effects.sql.ledger_table import LEDGER
from oncewhere.records import Partition

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.servers

PARTITION = Partition("payments", 0, "id-1")
SETTLEMENT = (
    "create table settlement (event_id varchar(64) not null, amount integer not null, "
    "constraint settlement_event unique (event_id))"
)
KEY = {"postgresql": "settlement_event", "mysql": "settlement_event", "sqlite": "settlement.event_id"}


class Processor:
    """A running processor's side of one place, batch by batch."""

    def __init__(self, opened: OpenPlace, start: int = 0, *, committed: bool = False) -> None:
        self.opened = opened
        self.opened.assigned({PARTITION: Start(start, committed)})

    def batch(self, start: int, *records: tuple[str, tuple[Any, ...]], end: int | None = None) -> Any:
        self.start = start
        ends = start + len(records) if end is None else end
        return self.opened.begin(Batch([Span(PARTITION, start, ends)], [identity for identity, _ in records]))


def call(which: Effect[..., Any], offset: int, identity: str | None = None, nth: int = 0) -> Call:
    return Call(which, PARTITION, offset, nth, identity)


def adding(db: Database, policy: Policy, **options: Any) -> Effect[..., Any]:
    """An effect that shows when it is done twice: it gives how often it was done."""

    @effect(db.place(policy), **options)
    def add(connection: Any, amount: int) -> int:
        db.on(connection, "insert into done values (%s)", amount)
        return int(db.on(connection, "select count(*) from done")[0][0])

    return add


def prepared(db: Database) -> None:
    db.run("create table done (amount integer not null)" + (" engine = InnoDB" if db.system == "mysql" else ""))
    db.run(EVENTS)


RECORDING = [OffsetLedger(), DedupeTable("processed_event")]
recording = pytest.mark.parametrize("policy", RECORDING, ids=lambda policy: str(policy.name))


@recording
def test_redelivered_records_get_their_recorded_results_and_new_ones_execute(db: Database, policy: Policy) -> None:
    prepared(db)
    add = adding(db, policy)
    opened = db.place(policy).open("g")
    first = Processor(opened).batch(0, ("e0", ()), ("e1", ()))
    assert [first.run(call(add, n, f"e{n}"), (n,), {}) for n in (0, 1)] == [1, 2]
    assert first.decide().executed == 2
    opened.close()  # Kafka's transaction never came

    again = db.place(policy).open("g")
    second = Processor(again).batch(0, ("e0", ()), ("e1", ()), ("e2", ()))
    assert [second.run(call(add, n, f"e{n}"), (n,), {}) for n in (0, 1, 2)] == [1, 2, 3]
    tally = second.decide()
    assert (tally.executed, tally.replayed) == (1, 2)
    again.close()
    assert db.run("select amount from done order by amount") == [(0,), (1,), (2,)]


@recording
def test_what_is_not_decided_never_happened(db: Database, policy: Policy) -> None:
    prepared(db)
    add = adding(db, policy)
    opened = db.place(policy).open("g")
    work = Processor(opened).batch(0, ("e0", ()))
    work.run(call(add, 0, "e0"), (7,), {})
    work.abandon()
    assert db.run("select count(*) from done") == [(0,)]
    again = Processor(opened).batch(0, ("e0", ()))
    assert again.run(call(add, 0, "e0"), (7,), {}) == 1
    again.decide()
    opened.close()
    assert db.run("select count(*) from done") == [(1,)]


def test_of_two_instances_one_loses_the_compare_and_set(db: Database) -> None:
    prepared(db)
    one, two = (db.place(OffsetLedger()).open("g") for _ in range(2))
    for offset in (0, 1):  # the first time there is no row yet
        works = [Processor(one, offset, committed=offset > 0).batch(offset, ("e", ()))]
        works.append(Processor(two, offset, committed=offset > 0).batch(offset, ("e", ())))
        # The second has read its standing before the first decides; it writes afterwards.
        works[0].run(call(adding(db, OffsetLedger()), offset), (offset,), {})
        assert works[0].decide().executed == 1
        with pytest.raises(UndecidedError, match="compare-and-set"):
            works[1].decide()
        works[1].abandon()
    one.close()
    two.close()
    assert db.run("select count(*) from done") == [(2,)]
    assert db.run("select next_offset from oncewhere_ledger") == [(2,)]


def test_an_event_that_another_instance_did_meanwhile_takes_the_batch_back(db: Database) -> None:
    prepared(db)
    policy = DedupeTable("processed_event")
    add = adding(db, policy)
    one, two = (db.place(policy).open("g") for _ in range(2))
    first, second = Processor(one).batch(0, ("e0", ())), Processor(two).batch(0, ("e0", ()))
    if db.system != "sqlite":  # there the second could not even begin
        assert second._page._keeper.known(second, ["e0"]) == {}
        second._page._events.known = {}
    first.run(call(add, 0, "e0"), (1,), {})
    first.decide()
    if db.system != "sqlite":
        second.run(call(add, 0, "e0"), (1,), {})
        with pytest.raises(UndecidedError, match="another instance recorded"):
            second.decide()
    second.abandon()
    again = Processor(two).batch(0, ("e0", ()))
    assert again.run(call(add, 0, "e0"), (1,), {}) == 1, "the recorded result of the other instance"
    again.decide()
    one.close()
    two.close()
    assert db.run("select count(*) from done") == [(1,)]


def test_the_same_event_at_another_position_runs_no_effect(db: Database) -> None:
    prepared(db)
    policy = DedupeTable("processed_event")
    add = adding(db, policy)
    opened = db.place(policy).open("g")
    work = Processor(opened).batch(0, ("e0", ()), ("e0", ()))
    work.run(call(add, 0, "e0"), (1,), {})
    with pytest.raises(DuplicateEvent):
        work.run(call(add, 1, "e0"), (1,), {})
    work.decide()
    later = Processor(opened).batch(2, ("e0", ()))
    with pytest.raises(DuplicateEvent):
        later.run(call(add, 2, "e0"), (1,), {})
    later.decide()
    opened.close()
    assert db.run("select count(*) from done") == [(1,)]


def test_a_purged_event_is_new_again_and_its_old_record_is_replaced(db: Database) -> None:
    prepared(db)
    policy = DedupeTable("processed_event")
    add = adding(db, policy)
    opened = db.place(policy).open("g")
    for offset in (0, 5):
        work = Processor(opened).batch(offset, ("e0", ()))
        work.run(call(add, offset, "e0"), (offset,), {})
        work.decide()
        db.run("delete from processed_event")
    opened.close()
    assert db.run("select record_offset from oncewhere_recorded") == [(5,)]


@pytest.mark.parametrize("count", [1, 7, 2500])
def test_a_batch_of_any_size_is_known_again(db: Database, count: int) -> None:
    prepared(db)
    policy = DedupeTable("processed_event")

    @effect(db.place(policy))
    def nothing(connection: Any) -> None:
        return None

    opened = db.place(policy).open("g")
    records = [(f"e{n}", ()) for n in range(count)]
    for executed in (count, 0):
        work = Processor(opened).batch(0, *records)
        for n in range(count):
            work.run(call(nothing, n, f"e{n}"), (), {})
        tally = work.decide()
        assert (tally.executed, tally.replayed) == (executed, count - executed)
    opened.close()


def test_a_unique_key_of_the_effect_means_done_and_the_result_is_read_back(db: Database) -> None:
    db.run(SETTLEMENT)
    policy = UniqueConstraint(KEY[db.system])

    def read_back(connection: Any, event: str, amount: int) -> int:
        return int(db.on(connection, "select amount from settlement where event_id = %s", event)[0][0])

    @effect(db.place(policy), done=read_back)
    def settle(connection: Any, event: str, amount: int) -> int:
        db.on(connection, "insert into settlement values (%s, %s)", event, amount)
        return amount

    opened = db.place(policy).open("g")
    work = Processor(opened).batch(0, ("e0", ()))
    assert work.run(call(settle, 0), ("e0", 5), {}) == 5
    work.decide()
    again = Processor(opened).batch(0, ("e0", ()), ("e1", ()))
    assert again.run(call(settle, 0), ("e0", 9), {}) == 5, "the first one's amount"
    assert again.run(call(settle, 1), ("e1", 6), {}) == 6, "the transaction goes on"
    tally = again.decide()
    assert (tally.executed, tally.replayed) == (1, 1)
    opened.close()
    assert db.run("select event_id, amount from settlement order by 1") == [("e0", 5), ("e1", 6)]


def test_what_a_refused_attempt_did_before_its_key_refused_it_is_taken_back(db: Database) -> None:
    prepared(db)
    db.run(SETTLEMENT)
    policy = UniqueConstraint(KEY[db.system])

    @effect(db.place(policy))
    def settle(connection: Any) -> None:
        db.on(connection, "insert into done values (1)")
        db.on(connection, "insert into settlement values ('e0', 1)")

    opened = db.place(policy).open("g")
    for _ in range(2):
        work = Processor(opened).batch(0, ("e0", ()))
        work.run(call(settle, 0), (), {})
        work.decide()
    opened.close()
    assert db.run("select count(*) from done") == [(1,)]


def test_another_tables_key_is_the_effects_own_failure_and_its_rows_are_not_taken_for_done(db: Database) -> None:
    db.run(SETTLEMENT)
    db.run("create table other (event_id varchar(64) primary key)")
    db.run("insert into other values ('e0')")
    policy = UniqueConstraint(KEY[db.system])

    @effect(db.place(policy))
    def settle(connection: Any) -> None:
        db.on(connection, "insert into settlement values ('e0', 1)")
        db.on(connection, "insert into other values ('e0')")

    opened = db.place(policy).open("g")
    work = Processor(opened).batch(0, ("e0", ()))
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        work.run(call(settle, 0), (), {})
    work.abandon()
    opened.close()
    assert db.run("select count(*) from settlement") == [(0,)]


@pytest.mark.parametrize("db", ["postgresql", "mysql"], indirect=True)
def test_a_violation_of_another_key_of_the_same_name_is_not_taken_for_done(
    db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """A table that was copied with its keys, or a schema beside the first: a run goes on, and loses nothing."""
    db.run(SETTLEMENT)
    if db.system == "mysql":
        other = "settlement_2024"
        db.run(f"create table {other} like settlement")
        full, told = "settlement.settlement_event", "rename the key"
    else:
        other = "archive.settlement"
        db.run("create schema archive")
        db.run(SETTLEMENT.replace("settlement (", f"{other} (", 1))
        full, told = "public.settlement_event", r"UniqueConstraint\('archive\.settlement_event'\)"
    db.run(f"insert into {other} values ('e1', 1)")
    place = db.place(UniqueConstraint("settlement_event"))

    def read_back(connection: Any, event: str) -> int | None:
        rows = db.on(connection, "select amount from settlement where event_id = %s", event)
        return int(rows[0][0]) if rows else None

    @effect(place, done=read_back)
    def settle(connection: Any, event: str) -> int | None:  # so None would pass for a result
        for table in ("settlement", other) if event == "e1" else ("settlement",):
            db.on(connection, f"insert into {table} values (%s, 5)", event)
        return 5

    opened = place.open("g")
    assert "A unique key that is called 'settlement_event' may be any of" in caplog.text
    assert full in caplog.text
    for replayed in (0, 1):
        work = Processor(opened).batch(0, ("e0", ()))
        assert work.run(call(settle, 0), ("e0",), {}) == 5
        assert work.decide().replayed == replayed
    work = Processor(opened).batch(0, ("e1", ()))
    with pytest.raises(ConfigurationError, match="nothing was read back") as refused:
        work.run(call(settle, 0, "e1"), ("e1",), {})
    assert re.search(told, refused.value.hint or "")
    work.abandon()
    opened.close()
    if db.system == "mysql":
        return
    named = db.place(UniqueConstraint(full)).open("g")
    work = Processor(named).batch(0, ("e1", ()))
    with pytest.raises(Exception, match="duplicate key"):
        work.run(call(settle, 0, "e1"), ("e1",), {})
    work.abandon()
    named.close()
    assert db.run("select count(*) from settlement where event_id = 'e1'") == [(0,)]


def test_at_least_once_keeps_nothing_and_does_it_again(db: Database) -> None:
    prepared(db)
    policy = AtLeastOnce(acknowledged="a gauge that the next value overwrites")
    add = adding(db, policy)
    opened = db.place(policy).open("g")
    for _ in range(2):
        work = Processor(opened).batch(0, ("e0", ()))
        work.run(call(add, 0), (1,), {})
        work.decide()
    opened.close()
    assert db.run("select count(*) from done") == [(2,)]


@pytest.mark.parametrize("how", ["commit", "rollback", "statement"])
def test_an_effect_cannot_end_its_transaction(db: Database, how: str) -> None:
    """Where the driver lets a COMMIT through as a mere statement, the place notices, and the run ends."""
    prepared(db)
    policy = OffsetLedger()

    @effect(db.place(policy))
    def end(connection: Any) -> None:
        db.on(connection, "insert into done values (1)")
        db.on(connection, "commit") if how == "statement" else getattr(connection, how)()

    opened = db.place(policy).open("g")
    work = Processor(opened).batch(0, ("e0", ()))
    noticed = pytest.raises(Exception, match=r"forbidden|not authorized|ended the transaction")
    if how == "statement" and db.system == "mysql":
        work.run(call(end, 0), (), {})
        with noticed:
            work.decide()
    else:
        with noticed as raised:
            work.run(call(end, 0), (), {})
        assert not isinstance(raised.value, UndecidedError), "to begin again would do it again"
    work.abandon()
    opened.close()
    if how != "statement":
        assert db.run("select count(*) from done") == [(0,)]
    assert db.run("select count(*) from oncewhere_ledger") == [(0,)]


def test_tables_are_created_only_on_request_and_otherwise_by_your_migrations(db: Database) -> None:
    db.run(EVENTS)
    for policy, table, name in (
        (OffsetLedger(create=False), LEDGER, "oncewhere_ledger"),
        (DedupeTable("processed_event", create=False), RECORDED, "oncewhere_recorded"),
    ):
        with pytest.raises(ConfigurationError, match=f"'{name}' does not exist.*oncewhere schema {db.system}"):
            db.place(policy).open("g")
        db.run(table.ddl(db.dialect, name))
        db.place(policy).open("g").close()


def test_a_table_of_another_shape_is_refused_with_the_difference(db: Database) -> None:
    db.run("create table oncewhere_ledger (group_id varchar(255), next_offset smallint)")
    with pytest.raises(ConfigurationError, match=r"lacks .*topic_id .*next_offset bigint \(it is smallint\)"):
        db.place(OffsetLedger()).open("g")
    db.run("drop table oncewhere_ledger")
    db.run(LEDGER.ddl(db.dialect, "oncewhere_ledger"))
    if db.system != "sqlite":
        db.run("alter table oncewhere_ledger add column tenant integer not null")
        with pytest.raises(ConfigurationError, match="does not fill, without a default: tenant"):
            db.place(OffsetLedger()).open("g")


def test_a_table_of_ours_that_would_take_a_second_row_is_refused_with_what_to_add(db: Database) -> None:
    """With a surrogate key two instances that adopt a partition would both insert its row, and both decide."""
    q = db.dialect.quoted
    keyless = LEDGER.ddl(db.dialect, "oncewhere_ledger").replace(
        "primary key (" + ", ".join(map(q, LEDGER.key)) + ")", "id integer primary key default 0"
    )
    db.run(keyless)
    short = f"{q('topic_id')}, {q('group_id')}"
    db.run(f"create unique index short on oncewhere_ledger ({short})")
    if db.system == "mysql":
        db.run(f"create unique index part on oncewhere_ledger ({short}(20), {q('partition')})")
    else:
        db.run(f"create unique index part on oncewhere_ledger ({short}, {q('partition')}) where topic_id <> ''")
    with pytest.raises(ConfigurationError, match=r"exactly group_id, .*only on id; topic_id, group_id") as refused:
        db.place(OffsetLedger()).open("g")
    db.run("drop index short" + (" on oncewhere_ledger" if db.system == "mysql" else ""))
    assert refused.value.hint is not None
    db.run(refused.value.hint.removeprefix("Add one: ").removesuffix(";"))
    db.place(OffsetLedger()).open("g").close()


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (None, "does not exist.*create table .processed_event.*that effects.bank.schema names"),
        ("create table processed_event (id varchar(64) primary key)", "has no column 'event_id'.*, column=.id."),
        ("create table processed_event (event_id varchar(64))", "no primary key or unique constraint.*add primary key"),
        (
            "create table processed_event (event_id varchar(64), day date, primary key (event_id, day))",
            "no primary key or unique constraint",
        ),
        (
            "create table processed_event (event_id varchar(64) primary key, amount integer not null)",
            "asks for more than an event identity: 'amount'",
        ),
    ],
    ids=["missing", "other column", "no key", "wider key", "more columns"],
)
def test_a_dedupe_table_that_cannot_refuse_a_duplicate_is_refused(
    db: Database,
    table: str | None,
    sentence: str,
) -> None:
    if table is not None:
        db.run(table)
    with pytest.raises(ConfigurationError, match=sentence):
        db.place(DedupeTable("processed_event")).open("g")


def test_names_are_quoted(db: Database) -> None:
    q = db.dialect.quoted
    odd = 'Odd "`name; --'
    db.run(f"create table {q(odd)} ({q('Event Id')} varchar(64) primary key)")
    policy = DedupeTable(odd, column="Event Id", recorded="Our own")
    opened = db.place(policy).open("g")

    @effect(db.place(policy))
    def settle(connection: Any) -> int:
        return 1

    work = Processor(opened).batch(0, ("e", ()))
    assert work.run(call(settle, 0, "e"), (), {}) == 1
    work.decide()
    again = Processor(opened).batch(0, ("e", ()))
    assert again.run(call(settle, 0, "e"), (), {}) == 1
    assert again.decide().replayed == 1
    opened.close()
    assert db.run(f"select count(*) from {q(odd)}") == [(1,)]


def test_a_redelivered_call_that_was_not_recorded_is_refused(db: Database) -> None:
    prepared(db)
    opened = db.place(OffsetLedger()).open("g")
    work = Processor(opened).batch(0, ("e0", ()))
    work.run(call(adding(db, OffsetLedger()), 0), (1,), {})
    work.decide()
    Processor(opened)
    again = opened.begin(Batch([Span(PARTITION, 0, 1)]))
    with pytest.raises(ReplayError):
        again.run(call(adding(db, OffsetLedger(), name="another"), 0), (1,), {})
    again.abandon()
    opened.close()


def test_a_value_that_does_not_fit_its_column_is_refused_and_not_cut_short(db: Database) -> None:
    if db.system == "sqlite":
        return  # there a column's length is a comment
    prepared(db)
    policy = DedupeTable("processed_event")
    opened = db.place(policy).open("g")
    work = Processor(opened).batch(0, ("x" * 65, ()))
    with pytest.raises(OncewhereError, match=r"refuses the batch: .*(?i:too long)"):
        (work.run(call(adding(db, policy), 0, "x" * 65), (1,), {}), work.decide())
    work.abandon()
    opened.close()
    assert db.run("select count(*) from done") == [(0,)]


def on_two(db: Database, policy: Policy, function: Callable[[Any, int], None]) -> Any:
    return effect(db.place(policy), name="two")(function)


def test_a_deadlock_begins_the_batch_again_as_a_whole(db: Database) -> None:
    if db.system == "sqlite":
        return  # one writer at a time, so there are none
    db.run("create table account (id integer primary key, amount integer not null)")
    db.run("insert into account values (1, 0), (2, 0)")
    policy = OffsetLedger()

    def change(connection: Any, account: int) -> None:
        db.on(connection, "update account set amount = amount + 1 where id = %s", account)

    change.__annotations__["return"] = None
    both = on_two(db, policy, change)
    opened = db.place(policy).open("g")
    work = Processor(opened).batch(0, ("e0", ()))
    other = db.connect()
    if db.system == "postgresql":
        db.on(other, "set deadlock_timeout = '60s'")  # whoever looks first gives up: the place's connection
    db.on(other, "begin")
    for account in range(3, 40):  # InnoDB gives up whoever has changed less
        db.on(other, "insert into account values (%s, 0)", account)
    db.on(other, "update account set amount = amount + 100 where id = 2")
    work.run(call(both, 0), (1,), {})
    wait = _in_thread(lambda: db.on(other, "update account set amount = amount + 100 where id = 1"))
    with pytest.raises(UndecidedError, match=r"(?i)deadlock"):
        work.run(call(both, 0, nth=1), (2,), {})
    work.abandon()
    wait()
    db.on(other, "commit")
    again = Processor(opened).batch(0, ("e0", ()))
    again.run(call(both, 0), (1,), {})
    again.run(call(both, 0, nth=1), (2,), {})
    assert again.decide().executed == 2
    assert db.run("select amount from account where id < 3 order by id") == [(101,), (101,)]
    other.close()
    opened.close()


@recording
@pytest.mark.parametrize("committed", [True, False], ids=["committed", "not committed"])
def test_a_connection_that_is_cut_at_commit_leaves_it_unknown_and_reading_tells(
    mysql: Database, policy: Policy, committed: bool
) -> None:
    """The process lives, and MariaDB: only the answer to COMMIT is lost, or COMMIT itself."""
    prepared(mysql)
    where = urlsplit(mysql.address)
    with relaying(str(where.hostname), where.port or 0) as relay:
        through = Database("mysql", mysql.address.replace(f":{where.port}/", f":{relay.port}/"))
        add = adding(through, policy)
        opened = through.place(policy).open("g")
        work = Processor(opened).batch(0, ("e0", ()))
        assert work.run(call(add, 0, "e0"), (7,), {}) == 1
        relay.cut = (b"commit", committed)
        with pytest.raises(UndecidedError, match="answer to COMMIT was lost") as raised:
            work.decide()
        assert raised.value.unknown
        assert relay.cut is None, "it was cut"
        work.abandon()
        again = Processor(opened).batch(0, ("e0", ()))  # reads what is recorded, on a new connection
        assert again.run(call(add, 0, "e0"), (7,), {}) == 1
        tally = again.decide()
        assert (tally.executed, tally.replayed) == ((0, 1) if committed else (1, 0))
        opened.close()
    assert mysql.run("select amount from done") == [(7,)]


def _in_thread(action: Callable[[], object]) -> Callable[[], None]:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - given to the test
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    time.sleep(0.3)

    def wait() -> None:
        thread.join(30)
        if errors:
            raise errors[0]

    return wait


def test_a_zombies_open_transaction_does_not_hold_its_locks_for_long(db: Database) -> None:
    if db.system == "sqlite":
        return  # nobody watches there; the documentation says so
    db.run("create table account (id integer primary key, amount integer not null)")
    db.run("insert into account values (1, 0)")
    policy = OffsetLedger()

    def change(connection: Any, account: int) -> None:
        db.on(connection, "update account set amount = amount + 1 where id = %s", account)

    change.__annotations__["return"] = None
    add = on_two(db, policy, change)
    zombie = db.place(policy, idle_in_transaction_timeout_ms=1_000).open("g")
    successor = db.place(policy).open("g")
    works = []
    for opened in (zombie, successor):
        works.append(Processor(opened).batch(0, ("e0", ())))
        works[-1].run(call(add, 0), (1,), {})  # the second waits for the first's row lock
    works[1].decide()
    with pytest.raises(UndecidedError):
        works[0].decide()
    works[0].abandon()
    assert db.run("select amount from account") == [(1,)]
    zombie.close()
    successor.close()


def adding_many(db: Database, policy: Policy) -> Effect[..., Any]:
    @effect_many(db.place(policy))
    def add(connection: Any, amounts: list[int]) -> list[str]:
        for amount in amounts:
            db.on(connection, "insert into done values (%s)", amount)
        return [f"{amount} of {len(amounts)}" for amount in amounts]

    return add


@recording
def test_many_effects_are_executed_together_and_recorded_one_by_one(db: Database, policy: Policy) -> None:
    prepared(db)
    add = adding_many(db, policy)
    first = db.place(policy).open("g")
    work = Processor(first).batch(0, ("e0", ()), ("e1", ()))
    calls = [call(add, n, f"e{n}") for n in range(4)]
    assert work.run_each(calls[:2], [0, 1], [None, None]) == ["0 of 2", "1 of 2"]
    assert work.decide().executed == 2
    first.close()
    again = db.place(policy).open("g")
    work = Processor(again).batch(0, *((f"e{n}", ()) for n in range(4)))
    assert work.run_each(calls, [0, 1, 2, 3], [None] * 4) == ["0 of 2", "1 of 2", "2 of 2", "3 of 2"]
    tally = work.decide()
    assert (tally.executed, tally.replayed) == (2, 2)
    again.close()
    assert db.run("select amount from done order by amount") == [(0,), (1,), (2,), (3,)]


def test_a_duplicate_among_many_runs_no_effect_and_the_others_do(sqlite: Database) -> None:
    prepared(sqlite)
    policy = DedupeTable("processed_event")
    add = adding_many(sqlite, policy)
    opened = sqlite.place(policy).open("g")
    work = Processor(opened).batch(0, ("e0", ()), ("e0", ()), ("e1", ()))
    found = work.run_each([call(add, n, e) for n, e in enumerate(("e0", "e0", "e1"))], [0, 1, 2], [None] * 3)
    assert found[0] == "0 of 2"
    assert isinstance(found[1], DuplicateEvent)
    assert found[2] == "2 of 2"
    work.decide()
    opened.close()
    assert sqlite.run("select amount from done order by amount") == [(0,), (2,)]


def test_an_effect_of_many_that_miscounts_is_refused_and_nothing_counts(sqlite: Database) -> None:
    prepared(sqlite)

    @effect_many(sqlite.place(OffsetLedger()))
    def add(connection: Any, amounts: list[int]) -> list[int]:
        sqlite.on(connection, "insert into done values (1)")
        return amounts[1:]

    opened = sqlite.place(OffsetLedger()).open("g")
    work = Processor(opened).batch(0, ("e0", ()), ("e1", ()))
    with pytest.raises(ConfigurationError, match="given 2 values and returned 1 results"):
        work.run_each([call(add, 0), call(add, 1)], [0, 1], [None, None])
    with pytest.raises(ConfigurationError, match="given 2 values"):
        work.decide()
    work.abandon()
    opened.close()
    assert sqlite.run("select count(*) from done") == [(0,)]


def test_an_effect_of_many_needs_a_policy_that_commits_many_together_and_a_list(sqlite: Database) -> None:
    with pytest.raises(ConfigurationError, match="with unique-constraint"):
        effect_many(sqlite.place(UniqueConstraint("k")))

    @effect_many(sqlite.place(OffsetLedger()))  # type: ignore[arg-type]  # the mistake that is tested
    def add(connection: Any, amounts: list[int]) -> None:
        return None

    with pytest.raises(ConfigurationError, match="give a list of results"):
        _ = add.codec
