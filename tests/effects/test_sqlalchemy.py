"""Databases through SQLAlchemy: the same transactions and policies; the effect gets a Session or a Connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import pytest
import sqlalchemy
from sqlalchemy import Integer, String, create_engine, func, insert, select, text
from sqlalchemy.exc import IntegrityError, InvalidRequestError, ProgrammingError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from systems import EVENTS, Database, new_database

from oncewhere import (
    ConfigurationError,
    DedupeTable,
    OffsetLedger,
    SqlAlchemy,
    SqlAlchemyCore,
    UniqueConstraint,
    effect,
)
from oncewhere.effects.place import Batch, Call, Span, Start, UndecidedError
from oncewhere.errors import OncewhereError, UnreachableError
from oncewhere.records import Partition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import Connection, Engine

    from oncewhere.effects.effect import Effect
    from oncewhere.effects.policy import Policy

pytestmark = pytest.mark.servers

PARTITION = Partition("payments", 0, "id-1")
DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
KEY = {"postgresql": "done_event", "mysql": "done_event"}


class Base(DeclarativeBase):
    """The tests' own."""


class Done(Base):
    """A row for each effect."""

    __tablename__ = "done"

    event_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    nth: Mapped[int] = mapped_column(Integer)


@pytest.fixture(params=list(DRIVERS))
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A database with the tables."""
    found = new_database(request, request.param, tmp_path)
    found.run(
        "create table done (event_id varchar(64) not null, nth integer not null, "
        "constraint done_event unique (event_id))"
    )
    found.run(EVENTS)
    return found


@pytest.fixture
def engine(db: Database) -> Iterator[Engine]:
    """The user's engine."""
    url = sqlalchemy.make_url(db.address.replace("mariadb:", "mysql:")).set(drivername=DRIVERS[db.system])
    made = create_engine(url)
    yield made
    made.dispose()


def orm(engine: Engine, policy: Policy) -> Effect[..., int]:
    @effect(SqlAlchemy(engine, name="bank", policy=policy), done=_read if _is_unique(policy) else None, name="do")
    def do(session: Session, event: str) -> int:
        nth = (session.scalar(select(func.count()).select_from(Done)) or 0) + 1
        session.add(Done(event_id=event, nth=nth))  # written when the effect has returned
        return nth

    return do


def _read(session: Session, event: str) -> int:
    return session.get_one(Done, event).nth


def core(engine: Engine, policy: Policy) -> Effect[..., int]:
    def read(connection: Connection, event: str) -> int:
        return int(connection.scalar(select(Done.nth).where(Done.event_id == event)) or 0)

    @effect(SqlAlchemyCore(engine, name="bank", policy=policy), done=read if _is_unique(policy) else None, name="do")
    def do(connection: Connection, event: str) -> int:
        nth = (connection.scalar(select(func.count()).select_from(Done)) or 0) + 1
        connection.execute(insert(Done).values(event_id=event, nth=nth))
        return nth

    return do


def _is_unique(policy: Policy) -> bool:
    return isinstance(policy, UniqueConstraint)


class Life:
    """One life of a processor, at one place."""

    def __init__(self, which: Effect[..., Any]) -> None:
        self.effect = which
        self.opened = which.place.open("g")
        self.opened.assigned({PARTITION: Start(0, committed=False)})

    def batch(self, *events: str) -> tuple[Any, list[Any]]:
        work = self.opened.begin(Batch([Span(PARTITION, 0, len(events))], list(events)))
        return work, [work.run(Call(self.effect, PARTITION, n, 0, e), (e,), {}) for n, e in enumerate(events)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.close()


@pytest.mark.parametrize("door", [orm, core])
@pytest.mark.parametrize("policy", ["offset-ledger", "dedupe-table", "unique-constraint"])
def test_effects_commit_with_the_batch_and_a_redelivery_gets_what_they_returned(
    db: Database, engine: Engine, door: Any, policy: str
) -> None:
    policies: dict[str, Policy] = {
        "offset-ledger": OffsetLedger(),
        "dedupe-table": DedupeTable("processed_event"),
        "unique-constraint": UniqueConstraint(KEY[db.system]),
    }
    do = door(engine, policies[policy])
    with Life(do) as life:
        work, results = life.batch("e0", "e1")
        assert results == [1, 2]
        assert db.run("select count(*) from done") == [(0,)], "nothing before the decision"
        work.abandon()
        work, results = life.batch("e0", "e1")
        assert work.decide().executed == 2
    with Life(do) as life:
        work, again = life.batch("e0", "e1")
        assert again == [1, 2]
        assert (work.decide().executed, work._replayed) == (0, 2)
    assert db.run("select event_id, nth from done order by nth") == [("e0", 1), ("e1", 2)]
    assert engine.pool.checkedout() == 0, "nothing is left in the user's pool"  # type: ignore[attr-defined]


@pytest.mark.parametrize("what", ["commit", "rollback"])
def test_an_effect_can_neither_commit_nor_roll_back(db: Database, engine: Engine, what: str) -> None:
    @effect(SqlAlchemy(engine, name="bank", policy=OffsetLedger()))
    def by_session(session: Session, event: str) -> None:
        session.add(Done(event_id=event, nth=1))
        getattr(session, what)()

    @effect(SqlAlchemy(engine, name="bank", policy=OffsetLedger()))
    def by_connection_of_session(session: Session, event: str) -> None:
        transaction = session.connection().get_transaction()
        assert transaction is not None
        getattr(transaction, what)()

    @effect(SqlAlchemyCore(engine, name="bank", policy=OffsetLedger()))
    def by_connection(connection: Connection, event: str) -> None:
        connection.execute(insert(Done).values(event_id=event, nth=1))
        getattr(connection, what)()

    for one in (by_session, by_connection_of_session, by_connection):
        with Life(one) as life:
            with pytest.raises((InvalidRequestError, OncewhereError), match="forbidden inside an effect"):
                life.batch("e0")
            assert db.run("select count(*) from done") == [(0,)]


def test_savepoints_are_welcome_and_a_refused_row_leaves_the_rest(db: Database, engine: Engine) -> None:
    @effect(SqlAlchemy(engine, name="bank", policy=OffsetLedger()))
    def do(session: Session, event: str) -> str:
        with session.begin_nested():
            session.add(Done(event_id=event, nth=1))
        try:
            with session.begin_nested():
                session.add(Done(event_id=event, nth=2))
                session.expunge_all()
                session.execute(insert(Done).values(event_id=event, nth=2))
        except IntegrityError:
            return "refused"
        return "taken"

    with Life(do) as life:
        work, results = life.batch("e0", "e1")
        work.decide()
    assert results == ["refused", "refused"]
    assert db.run("select event_id, nth from done order by event_id") == [("e0", 1), ("e1", 1)]


def test_errors_of_the_driver_are_understood_through_sqlalchemy_s(db: Database, engine: Engine) -> None:
    @effect(SqlAlchemy(engine, name="bank", policy=OffsetLedger()))
    def wrong(session: Session, event: str) -> None:
        session.execute(text("select nothing from nowhere"))

    @effect(SqlAlchemy(engine, name="bank", policy=OffsetLedger()))
    def late(session: Session, event: str) -> None:
        session.add(Done(event_id="taken", nth=1))  # fails when it is flushed, behind the effect's last line

    with Life(wrong) as life, pytest.raises(ProgrammingError, match="nowhere"):
        life.batch("e0")
    with Life(late) as life, pytest.raises(IntegrityError):
        life.batch("e0", "e1")

    @effect(SqlAlchemy(engine, name="bank", policy=OffsetLedger()))
    def cut(session: Session, event: str) -> None:
        session.add(Done(event_id=event, nth=1))
        session.flush()
        pid = "select pg_backend_pid()" if db.system == "postgresql" else "select connection_id()"
        kill = "select pg_terminate_backend(%s)" if db.system == "postgresql" else "kill %s"
        if not killed:
            killed.append(True)
            db.run(kill, session.scalar(text(pid)))
            session.execute(text("select 1"))

    killed: list[bool] = []
    with Life(cut) as life:
        with pytest.raises(UndecidedError):
            life.batch("e0")
        work, _ = life.batch("e0")  # by a new connection of the engine
        work.decide()
    assert db.run("select event_id from done") == [("e0",)]


def test_what_is_no_engine_of_ours_is_refused_and_one_that_does_not_answer() -> None:
    for wrong in (create_engine("sqlite://"), "postgresql://h/b", None):
        with pytest.raises(ConfigurationError, match=r"cannot be reached through .* psycopg 3 or PyMySQL"):
            SqlAlchemy(wrong, name="bank", policy=OffsetLedger())  # type: ignore[arg-type]
    nowhere = create_engine("postgresql+psycopg://u:secret@127.0.0.1:1/b")
    with pytest.raises(UnreachableError, match="place 'bank'") as raised:
        SqlAlchemy(nowhere, name="bank", policy=OffsetLedger()).open("g")
    assert "secret" not in str(raised.value)
