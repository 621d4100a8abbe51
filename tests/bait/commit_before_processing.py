"""Offsets are committed as soon as records are there: what auto-commit does, at the worst of moments."""

from skeleton import SOUND, Bait

bait = Bait()
for batch in bait.batches():
    if not SOUND:
        bait.consumer.commit(asynchronous=False)
    bait.effect_once(batch)
    if SOUND:
        bait.settle(batch)
    else:
        bait.producer.begin_transaction()
        bait.put(batch)
        bait.producer.commit_transaction()
