"""No protection of the effect: the database commits by itself, and a redelivery does it again."""

from skeleton import SOUND, Bait

bait = Bait()
for batch in bait.batches():
    if SOUND:
        bait.effect_once(batch)
    else:
        bait.effect(batch)
        bait.db.commit()
    bait.settle(batch)
