"""A unique key protects the effect, and nobody expects a redelivery to meet it: the processor dies of it, each time."""

from skeleton import SOUND, Bait, event

bait = Bait()
for batch in bait.batches():
    if SOUND:
        bait.effect_once(batch)
    else:
        for message in batch:
            bait.db.execute("insert into processed (event_id) values (%s)", (event(message),))
            bait.effect([message])
        bait.db.commit()
    bait.settle(batch)
