"""SIGKILL at each step of each place, a real process and a real server; then another life, and a count."""

from __future__ import annotations

import multiprocessing
import signal
from typing import TYPE_CHECKING, Any

import pytest
import victim
from downstream import Downstream, running
from redis import Redis
from systems import EVENTS, SYSTEMS, Database, new_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from oncewhere.stack import ValkeyServer

pytestmark = pytest.mark.servers

LIFE_LIMIT_S = 60.0
RECORDS = 3


@pytest.fixture
def gateway() -> Iterator[Downstream]:
    with running() as downstream:
        yield downstream


# Forked from a process that has imported everything already: a life takes a tenth of the time.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["victim"])


def life(db: Database, policy: str, *, crash: str | None = None, url: str = "") -> dict[str, Any] | None:
    """Runs the victim in a process of its own; None where it died at its step."""
    return live({"system": db.system, "address": db.address, "policy": policy, "crash": crash, "url": url})


def live(plan: dict[str, Any]) -> dict[str, Any] | None:
    """Likewise, by its plan."""
    listen, told = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=victim.main, args=(plan, told))
    process.start()
    told.close()
    process.join(LIFE_LIMIT_S)
    try:
        if plan["crash"] is not None:
            assert process.exitcode == -signal.SIGKILL, "the step was not reached"
            return None
        assert process.exitcode == 0
        found: dict[str, Any] = listen.recv()
        return found
    finally:
        process.kill()
        process.join()
        listen.close()


NOTHING_YET = ("assigned", "executed 2", "before COMMIT")
DONE = ("after COMMIT", "decided")


@pytest.mark.parametrize("policy", ["offset-ledger", "dedupe-table", "unique-constraint"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_in_a_database_each_effect_is_once_whatever_the_step(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    system: str,
    policy: str,
) -> None:
    db = new_database(request, system, tmp_path)
    for crash in (*NOTHING_YET, *DONE):
        for table in ("done", "processed_event", "oncewhere_ledger", "oncewhere_recorded"):
            db.run(f"drop table if exists {table}")
        key = ", constraint done_event unique (event_id)" if policy == "unique-constraint" else ""
        db.run(f"create table done (event_id varchar(64) not null, nth integer not null{key})")
        db.run(EVENTS)
        life(db, policy, crash=crash)
        executed = db.run("select count(*) from done")[0][0]
        assert executed == (RECORDS if crash in DONE else 0), f"{crash}: the crash was somewhere else"
        assert life(db, policy) == {
            "results": [1, 2, 3],
            "executed": RECORDS - executed,
            "replayed": executed,
        }, crash
        assert db.run("select event_id, nth from done order by nth") == [("e0", 1), ("e1", 2), ("e2", 3)], crash


@pytest.mark.parametrize(
    ("crash", "applied"),
    [("assigned", 0), ("executed e1", 0), ("before script", 0), ("after script", RECORDS), ("decided", RECORDS)],
)
def test_in_redis_each_effect_is_once_whatever_the_step(valkey: ValkeyServer, crash: str, applied: int) -> None:
    plan = {"system": "redis", "address": valkey.dsn(8), "policy": "dedupe-table", "url": ""}
    with Redis.from_url(valkey.dsn(8), decode_responses=True) as client:
        client.flushdb()
        live(plan | {"crash": crash})
        assert len(client.hgetall("done")) == applied, f"{crash}: the crash was somewhere else"
        found = live(plan | {"crash": None})
        assert found == {"results": ["e0", "e1", "e2"], "executed": RECORDS - applied, "replayed": applied}
        assert client.hgetall("done") == {"e0": "1", "e1": "1", "e2": "1"}


@pytest.mark.parametrize("crash", ["sent e1", "decided"])
def test_with_a_key_the_downstream_does_it_once(gateway: Downstream, sqlite: Database, crash: str) -> None:
    life(sqlite, "idempotency-key", crash=crash, url=gateway.url)
    assert life(sqlite, "idempotency-key", url=gateway.url)["results"] == ["e0-1", "e1-1", "e2-1"]  # type: ignore[index]
    assert gateway.done == {"e0": 1, "e1": 1, "e2": 1}


def test_without_a_downstream_that_keeps_its_word_the_same_crash_does_it_twice(
    gateway: Downstream,
    sqlite: Database,
) -> None:
    """The control of the test above."""
    gateway.honours = False
    life(sqlite, "idempotency-key", crash="sent e1", url=gateway.url)
    life(sqlite, "idempotency-key", url=gateway.url)
    assert gateway.done == {"e0": 2, "e1": 2, "e2": 1}


@pytest.mark.parametrize(("crash", "asked_again"), [("before keep", 3), ("after keep", 0), ("decided", 0)])
def test_recorded_answers_are_not_asked_for_again(
    gateway: Downstream,
    sqlite: Database,
    crash: str,
    asked_again: int,
) -> None:
    life(sqlite, "recorded-answers", crash=crash, url=gateway.url)
    assert len(gateway.keys) == RECORDS
    found = life(sqlite, "recorded-answers", url=gateway.url)
    assert found == {"results": ["e0-1", "e1-1", "e2-1"], "executed": asked_again, "replayed": RECORDS - asked_again}
    assert len(gateway.keys) == RECORDS + asked_again
    assert gateway.done == {"e0": 1, "e1": 1, "e2": 1}


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("crash", "in_doubt", "done"),
    [
        ("before claim", 0, 0),
        ("after claim", 1, 0),
        ("sent e0", 1, 1),
        ("before settle", 1, 1),
        ("after settle", 0, 1),
        ("decided", 0, 3),
    ],
)
def test_at_most_once_is_never_twice_and_what_is_unknown_is_listed(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    gateway: Downstream,
    system: str,
    crash: str,
    in_doubt: int,
    done: int,
) -> None:
    db = new_database(request, system, tmp_path)
    life(db, "at-most-once", crash=crash, url=gateway.url)
    assert len(gateway.done) == done, f"{crash}: the crash was somewhere else"
    found = life(db, "at-most-once", url=gateway.url)
    assert found is not None
    assert found["results"] == ["EffectInDoubt" if in_doubt else "e0-1", "e1-1", "e2-1"]
    assert max(gateway.done.values()) == 1
    listed = db.run("select record_offset from oncewhere_calls where state = 'in-doubt'")
    assert listed == [(0,)] * in_doubt
    lost = {"e0", "e1", "e2"} - set(gateway.done)
    assert lost == ({"e0"} if crash == "after claim" else set()), "not done, and on the list"
