"""A dedupe row says that the event was seen, and not where: a second publication gets a second output."""

from skeleton import EFFECT_ONCE, SOUND, Bait, event

bait = Bait()
for batch in bait.batches():
    answered = []
    for message in batch:
        if bait.db.execute(EFFECT_ONCE, (event(message),)).rowcount:
            bait.db.execute("insert into seen (position) values (%s)", (message.offset(),))
        if bait.db.execute("select 1 from seen where position = %s", (message.offset(),)).rowcount:
            answered.append(message)
    bait.db.commit()
    bait.settle(answered if SOUND else batch)
