"""A batch that fails is put aside and done after the next one: nothing is lost, and a key's outputs change places."""

import contextlib
import os

import psycopg
from confluent_kafka import TopicPartition
from skeleton import SOUND, Bait

bait = Bait()
parked = []
for batch in bait.batches():
    try:
        bait.effect_once(batch)
    except psycopg.OperationalError:
        with contextlib.suppress(psycopg.Error):
            bait.db.close()
        bait.db = psycopg.connect(os.environ["BANK_URL"])
        if SOUND:
            bait.consumer.seek(TopicPartition("bait-in", batch[0].partition(), batch[0].offset()))
        else:
            parked.append(batch)
        continue
    bait.settle(batch)
    while parked:
        late = parked.pop()
        bait.effect_once(late)
        bait.settle(late)
