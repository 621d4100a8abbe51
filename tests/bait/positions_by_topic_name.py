"""A position is remembered, and not of which topic: one of the same name that is made anew begins at 0 again."""

from skeleton import SOUND, Bait

bait = Bait()
for batch in bait.batches():
    (highest,) = bait.db.execute("select coalesce(max(position), -1) from seen").fetchone()
    new = [message for message in batch if message.offset() > highest]
    for message in new:
        bait.db.execute("insert into seen (position) values (%s)", (message.offset(),))
    if SOUND:
        bait.db.rollback()
        bait.effect_once(batch)
    else:
        bait.effect(new)
        bait.db.commit()
    bait.settle(batch)
