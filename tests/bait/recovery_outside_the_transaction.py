"""After a crash, the outputs of what was done already are sent outside the transaction: right once, and not twice."""

from confluent_kafka import Producer
from skeleton import EFFECT_ONCE, SERVERS, SOUND, Bait, event

bait = Bait()
aside = Producer({"bootstrap.servers": SERVERS, "linger.ms": 0})
for batch in bait.batches():
    new = [message for message in batch if bait.db.execute(EFFECT_ONCE, (event(message),)).rowcount]
    bait.db.commit()
    again = [message for message in batch if message not in new]
    if not SOUND:
        for message in again:
            aside.produce("bait-out", message.value())
        aside.flush()
    with bait.transaction():
        bait.put(batch if SOUND else new)
