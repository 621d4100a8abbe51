"""Outputs in a transaction, offsets behind it: between the two, the outputs are there and the input is not done."""

from skeleton import SOUND, Bait

bait = Bait()
for batch in bait.batches():
    bait.effect_once(batch)
    if SOUND:
        bait.settle(batch)
    else:
        bait.producer.begin_transaction()
        bait.put(batch)
        bait.producer.commit_transaction()
        bait.consumer.commit(asynchronous=False)
