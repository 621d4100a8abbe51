"""The effect is committed before its dedupe row: between the two nothing says that it happened."""

from skeleton import SOUND, Bait, event

bait = Bait()
for batch in bait.batches():
    if SOUND:
        bait.effect_once(batch)
    else:
        known = {row[0] for row in bait.db.execute("select event_id from processed").fetchall()}
        new = [message for message in batch if event(message) not in known]
        bait.effect(new)
        bait.db.commit()
        bait.effect(new, "insert into processed (event_id) values (%s)")
        bait.db.commit()
    bait.settle(batch)
