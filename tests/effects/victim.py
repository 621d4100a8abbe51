"""One life of a processor's effects, in a process of its own: a plan in; what each record got out; SIGKILL at one step.

Run by `test_crashes`. The steps are announced here, around the product's own methods: nothing in the product knows that
it is watched.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

from systems import Database

from oncewhere import AtMostOnce, Http, IdempotencyKey, Redis, effect
from oncewhere.effects.place import Batch, Call, Span, Start
from oncewhere.effects.policy import DedupeTable, OffsetLedger, Policy, UniqueConstraint
from oncewhere.effects.redis import RedisServer
from oncewhere.effects.sql.call_journal import SqlCallJournal
from oncewhere.effects.sql.work import SqlWork
from oncewhere.records import Partition

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

PARTITION = Partition("payments", 0, "id-1")
RECORDS = 3
KEY = {"postgresql": "done_event", "mysql": "done_event", "sqlite": "done.event_id"}


class Steps:
    """Dies at one of them."""

    def __init__(self, crash: str | None) -> None:
        self._crash = crash

    def reached(self, name: str) -> None:
        if name == self._crash:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: type[Any], method: str, name: str) -> None:
        """Announces a method of the product, before and after."""
        original = getattr(owner, method)

        def announced(*args: Any, **kwargs: Any) -> Any:
            self.reached(f"before {name}")
            result = original(*args, **kwargs)
            self.reached(f"after {name}")
            return result

        setattr(owner, method, announced)


def sql(db: Database, policy: str, steps: Steps) -> Any:
    policies: dict[str, Policy] = {
        "offset-ledger": OffsetLedger(),
        "dedupe-table": DedupeTable("processed_event"),
        "unique-constraint": UniqueConstraint(KEY[db.system]),
    }

    def read_back(connection: Any, event: str) -> int:
        return int(db.on(connection, "select nth from done where event_id = %s", event)[0][0])

    unique = policy == "unique-constraint"

    @effect(db.place(policies[policy]), done=read_back if unique else None)
    def do(connection: Any, event: str) -> int:
        nth = int(db.on(connection, "select count(*) from done")[0][0]) + 1
        db.on(connection, "insert into done values (%s, %s)", event, nth)
        steps.reached(f"executed {nth}")
        return nth

    return do


def outside(db: Database, url: str, policy: str, steps: Steps) -> Any:
    bank: Any = db.place(OffsetLedger())
    policies: dict[str, Policy] = {
        "idempotency-key": IdempotencyKey(),
        "recorded-answers": IdempotencyKey(answers=bank),
        "at-most-once": AtMostOnce(claims=bank),
    }

    @effect(Http(url, name="gateway", policy=policies[policy]))
    def do(http: Any, event: str) -> str:
        answer = http.post("/charges", json={"charge": event})
        steps.reached(f"sent {event}")
        return str(answer.json()["receipt"])

    return do


def redis(url: str, steps: Steps) -> Any:
    cache = Redis(url, name="cache", policy=DedupeTable("processed_event"), acknowledged_loss="no server dies here")

    @effect(cache)
    def do(commands: Any, event: str) -> str:
        commands.hincrby("done", event, 1)
        steps.reached(f"executed {event}")
        return event

    return do


def main(plan: dict[str, Any], told: Connection) -> None:
    """Lives once; what it did goes into a pipe, unless it died."""
    steps = Steps(plan["crash"])
    steps.around(RedisServer, "apply", "script")
    steps.around(SqlWork, "_commit", "COMMIT")
    steps.around(SqlCallJournal, "claim", "claim")
    steps.around(SqlCallJournal, "settle", "settle")
    steps.around(SqlCallJournal, "keep", "keep")
    if plan["system"] == "redis":
        do = redis(plan["address"], steps)
    else:
        db = Database(plan["system"], plan["address"])
        do = outside(db, plan["url"], plan["policy"], steps) if plan["url"] else sql(db, plan["policy"], steps)
    opened = do.place.open("g")
    opened.assigned({PARTITION: Start(0, committed=False)})
    steps.reached("assigned")
    events = [f"e{n}" for n in range(RECORDS)]
    work = opened.begin(Batch([Span(PARTITION, 0, RECORDS)], events))
    results: list[Any] = []
    for offset, event in enumerate(events):
        try:
            results.append(work.run(Call(do, PARTITION, offset, 0, event), (event,), {}))
        except BaseException as error:  # noqa: BLE001 - what a handler would see
            results.append(type(error).__name__)
    tally = work.decide()
    steps.reached("decided")
    work.confirmed()
    opened.close()
    told.send({"results": results, "executed": tally.executed, "replayed": tally.replayed})
