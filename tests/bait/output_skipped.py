"""The dedupe row is found, and the whole record is skipped: the effect survived the crash, the output did not."""

from skeleton import EFFECT_ONCE, SOUND, Bait, event

bait = Bait()
for batch in bait.batches():
    new = [message for message in batch if bait.db.execute(EFFECT_ONCE, (event(message),)).rowcount]
    bait.db.commit()
    bait.settle(batch if SOUND else new)
