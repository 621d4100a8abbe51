"""A processor that is right but for one awkward habit: `python awkward.py HABIT`. Its work is that of `skeleton`.

Nothing protects its effect, so that a crash in the gap must be judged `duplicate` whatever the habit is.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

HABIT = sys.argv[1]
START_S = float(os.environ.get("START_S", "3"))
MEGABYTE = 1_000_000
IDLE_ROUNDS = 3


def work() -> None:
    from skeleton import Bait  # noqa: PLC0415  # a habit may come before any of it

    topic = "bait-elsewhere" if HABIT == "produces-elsewhere" else "bait-out"
    bait = Bait(**({"group.id": "somebody-else"} if HABIT == "another-group" else {}))
    if HABIT in {"reads-elsewhere", "ends-at-no-such-topic"}:
        bait.consumer.subscribe(["bait-inn"])
    idle = 0
    while HABIT != "finishes-by-itself" or idle < IDLE_ROUNDS:
        taken = bait.consumer.consume(4, 0.2)
        batch = [message for message in taken if not message.error()]  # such as: no such topic
        if HABIT == "ends-at-no-such-topic" and len(batch) < len(taken):
            raise SystemExit(str(taken[0].error()))
        idle = 0 if batch else idle + 1
        if not batch:
            continue
        bait.effect(batch)
        bait.db.commit()
        bait.producer.begin_transaction()
        for message in batch:
            bait.producer.produce(topic, message.value(), key=message.key())
        bait.producer.flush()
        bait.producer.send_offsets_to_transaction(
            bait.consumer.position(bait.consumer.assignment()), bait.consumer.consumer_group_metadata()
        )
        bait.producer.commit_transaction()


def main() -> None:
    match HABIT:
        case "forks":
            if os.fork():
                os.wait()
                return
        case "leaves-its-group":
            raise SystemExit(subprocess.call([sys.executable, __file__, "child"], start_new_session=True))
        case "ignores-sigterm":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        case "prints-a-megabyte":
            for _ in range(MEGABYTE // 100):
                print("x" * 99)
        case "never-connects":
            time.sleep(600)
        case "starts-slowly":
            time.sleep(START_S)
    work()


if __name__ == "__main__":
    main()
