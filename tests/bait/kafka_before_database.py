"""Kafka commits before the database does: the input is done, the effect is not."""

from skeleton import SOUND, Bait

bait = Bait()
for batch in bait.batches():
    if SOUND:
        bait.effect_once(batch)
    bait.settle(batch)
    if not SOUND:
        bait.effect_once(batch)
