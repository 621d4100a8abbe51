"""A broken database connection is mended, and the batch that it broke in is forgotten."""

import contextlib
import os

import psycopg
from confluent_kafka import TopicPartition
from skeleton import SOUND, Bait

bait = Bait()
for batch in bait.batches():
    try:
        bait.effect_once(batch)
    except psycopg.OperationalError:
        with contextlib.suppress(psycopg.Error):
            bait.db.close()
        bait.db = psycopg.connect(os.environ["BANK_URL"])
        if SOUND:
            bait.consumer.seek(TopicPartition("bait-in", batch[0].partition(), batch[0].offset()))
        continue
    bait.settle(batch)
