"""A producer without transactions: what was produced before the crash is produced again after it."""

from skeleton import SOUND, Bait

bait = Bait("bait-0" if SOUND else None)
for batch in bait.batches():
    bait.effect_once(batch)
    if SOUND:
        bait.settle(batch)
    else:
        bait.put(batch)
        bait.consumer.commit(asynchronous=False)
