"""A reader of the output acts on records of transactions that are aborted later: its isolation.level is missing."""

import os
import threading

import psycopg
from confluent_kafka import Consumer, TopicPartition
from skeleton import SERVERS, SOUND, Bait, event

bait = Bait()
read = threading.Semaphore(0)


def follow():
    """Acts once on each record that it is given: its position is in the database, with the effect."""
    reader = Consumer(
        {
            "bootstrap.servers": SERVERS,
            "group.id": "bait-reader",
            "enable.auto.commit": False,
            "isolation.level": "read_committed" if SOUND else "read_uncommitted",
        }
    )
    with psycopg.connect(os.environ["BANK_URL"], autocommit=True) as db:
        (position,) = db.execute("select coalesce(max(position) + 1, 0) from seen").fetchone()
        reader.assign([TopicPartition("bait-out", 0, position)])
        while True:
            message = reader.poll(0.1)
            if message is not None and not message.error():
                with db.transaction():
                    db.execute("insert into done (event_id) values (%s)", (event(message),))
                    db.execute("insert into seen (position) values (%s)", (message.offset(),))
                read.release()


threading.Thread(target=follow, daemon=True).start()
for batch in bait.batches():
    with bait.transaction():
        bait.put(batch)
        if not SOUND:  # which would wait for ever: nothing is committed yet
            for _ in batch:
                read.acquire()
