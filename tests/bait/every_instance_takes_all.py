"""Partitions are assigned by hand, all of them to each instance: the group knows of no member, and fences nobody."""

import os
import time

from confluent_kafka import TopicPartition
from skeleton import SOUND, Bait

bait = Bait(f"bait-{os.environ['INSTANCE']}")
if not SOUND:
    bait.consumer.unsubscribe()
    bait.consumer.assign([TopicPartition("bait-in", 0)])  # from the committed position
for batch in bait.batches():
    # There is something left to do when the second one comes: it asks where to begin until no transaction is open.
    time.sleep(0.5 if SOUND else 1.5)
    bait.effect_once(batch)
    bait.settle(batch)
